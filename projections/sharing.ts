/** A process that shares homes with others, and the views that it can run. */
export type Holder = { readonly id: string; readonly views: readonly string[] };
export type Pair = { readonly view: string; readonly home: number };
/** Whose a home of a view is; null where it is nobody's who lives. */
export type Lease = Pair & { readonly holder: string | null };

/**
 * Who is to have which home of which view: as many each as all the others, within one, among those who can run the same
 * views, with as few moves as can be. Everybody who sees the same comes to the same.
 */
export function share(holders: readonly Holder[], leases: readonly Lease[]): readonly Lease[] {
  const groups = new Map<string, Lease[]>();
  for (const lease of leases) {
    const who = able(holders, lease.view).join(' ');
    groups.set(who, [...(groups.get(who) ?? []), lease]);
  }
  return [...groups.values()].flatMap((group) => shareAmong(able(holders, group[0]?.view ?? ''), group));
}

const able = (holders: readonly Holder[], view: string): readonly string[] =>
  holders.flatMap(({ id, views }) => (views.includes(view) ? [id] : [])).toSorted();

function shareAmong(holders: readonly string[], leases: readonly Lease[]): readonly Lease[] {
  const kept = new Map<string, Lease[]>(holders.map((id) => [id, []]));
  const free: Pair[] = [];
  for (const lease of leases.toSorted(byPlace)) (kept.get(lease.holder ?? '') ?? free).push(lease);
  if (holders.length === 0) return free.map(({ view, home }) => ({ view, home, holder: null }));

  // Where it does not come out even, those who have the most keep one more.
  const least = Math.floor(leases.length / holders.length);
  const more = leases.length % holders.length;
  const countOf = (id: string): number => kept.get(id)?.length ?? 0;
  const byMost = holders.toSorted((a, b) => countOf(b) - countOf(a) || (a < b ? -1 : 1));
  const quotas = new Map(byMost.map((id, at) => [id, at < more ? least + 1 : least]));

  for (const [id, own] of kept) {
    while (own.length > (quotas.get(id) ?? 0)) {
      const one = own.toSorted((a, b) => ofView(own, b.view) - ofView(own, a.view) || byPlace(b, a))[0];
      if (!one) break;
      own.splice(own.indexOf(one), 1);
      free.push(one);
    }
  }
  for (const { view, home } of free.toSorted(byPlace)) {
    const room = holders.filter((id) => countOf(id) < (quotas.get(id) ?? 0));
    const viewsOf = (id: string): number => ofView(kept.get(id) ?? [], view);
    const [id] = room.toSorted((a, b) => viewsOf(a) - viewsOf(b) || countOf(a) - countOf(b) || (a < b ? -1 : 1));
    if (id !== undefined) kept.get(id)?.push({ view, home, holder: id });
  }
  return [...kept.values()].flat();
}

const ofView = (leases: readonly Pair[], view: string): number => leases.filter((each) => each.view === view).length;

const byPlace = (a: Pair, b: Pair): number => (a.view === b.view ? a.home - b.home : a.view < b.view ? -1 : 1);
