/** A member of a group: the partitions that it had when it last heard from the group, and when that was, in ms since 1970. */
export type Claim = { readonly member: string; readonly owned: readonly number[]; readonly heard: number };

/**
 * Shares partitions among the members of a group: everybody has as many as everybody else, or one more; and as few move as
 * that allows, for whoever gets a partition has to fold what it holds. Where two claim one, as when one was cut off for a
 * while, it stays with whom the group has heard later. Whoever computes it, in whatever order members come, it is the same.
 */
export function share(partitions: number, claims: readonly Claim[]): ReadonlyMap<string, readonly number[]> {
  const members = claims.toSorted((a, b) => b.heard - a.heard || order(a.member, b.member));
  const free = new Set(Array.from({ length: partitions }, (_, partition) => partition));
  const kept = members.map(({ member, owned }) => ({ member, has: owned.filter((one) => free.delete(one)) }));
  // Who has most may have one more: so as many as can stay where they are.
  kept.sort((a, b) => b.has.length - a.has.length || order(a.member, b.member));
  const [least, more] = [Math.floor(partitions / kept.length), partitions % kept.length];
  const quota = (at: number): number => least + (at < more ? 1 : 0);
  for (const [at, { has }] of kept.entries()) {
    has.sort((a, b) => a - b);
    for (const surplus of has.splice(quota(at))) free.add(surplus);
  }
  const homeless = [...free].toSorted((a, b) => a - b);
  for (const [at, { has }] of kept.entries()) has.push(...homeless.splice(0, quota(at) - has.length));
  return new Map(kept.map(({ member, has }) => [member, has.toSorted((a, b) => a - b)]));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What a member tells the group of itself, as it travels. */
export const encodeClaim = ({ owned, heard }: Omit<Claim, 'member'>): Buffer =>
  Buffer.from(JSON.stringify({ owned, heard }));

/** A claim as it came from elsewhere. What cannot be read claims nothing. */
export function decodeClaim(member: string, came: Uint8Array): Claim {
  const nothing: Claim = { member, owned: [], heard: 0 };
  try {
    const claim: unknown = JSON.parse(Buffer.from(came).toString());
    if (typeof claim !== 'object' || claim === null || !('owned' in claim) || !('heard' in claim)) return nothing;
    const { owned, heard } = claim;
    return Array.isArray(owned) && owned.every(isPartition) && typeof heard === 'number'
      ? { member, owned, heard }
      : nothing;
  } catch {
    return nothing;
  }
}

const isPartition = (value: unknown): value is number => Number.isSafeInteger(value);
