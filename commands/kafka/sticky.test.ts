import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claim, decodeClaim, encodeClaim, share } from './sticky.js';

/** Members that own disjoint partitions, and some that own what another owns too, or what does not exist. */
const world = fc.record({
  partitions: fc.nat(24),
  claims: fc.uniqueArray(
    fc.record({
      member: fc.string({ minLength: 1, maxLength: 3 }),
      owned: fc.uniqueArray(fc.integer({ min: -1, max: 25 }), { maxLength: 12 }),
      heard: fc.nat(5),
    }),
    { minLength: 1, maxLength: 6, selector: ({ member }) => member },
  ),
});

/** How many may stay at most, of partitions that one member each has: tried with every choice of who has one more. */
function mostThatStay(partitions: number, counts: readonly number[]): number {
  const [least, more] = [Math.floor(partitions / counts.length), partitions % counts.length];
  let best = 0;
  for (let choice = 0; choice < 2 ** counts.length; choice++) {
    const chosen = counts.map((_, at) => (choice >> at) & 1);
    if (chosen.reduce((sum, one) => sum + one, 0) !== more) continue;
    best = Math.max(
      best,
      counts.reduce((sum, count, at) => sum + Math.min(count, least + (chosen[at] ?? 0)), 0),
    );
  }
  return best;
}

const sizes = (shared: ReadonlyMap<string, readonly number[]>) => [...shared.values()].map(({ length }) => length);

describe('partitions are shared', () => {
  it('each to one member, and nobody has two more than another', () => {
    fc.assert(
      fc.property(world, ({ partitions, claims }) => {
        const shared = share(partitions, claims);
        expect([...shared.keys()].toSorted()).toEqual(claims.map(({ member }) => member).toSorted());
        expect([...shared.values()].flat().toSorted((a, b) => a - b)).toEqual([...Array(partitions).keys()]);
        expect(Math.max(...sizes(shared)) - Math.min(...sizes(shared))).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('the same by whoever computes it, in whatever order they come', () => {
    fc.assert(
      fc.property(world, fc.infiniteStream(fc.nat()), ({ partitions, claims }, dice) => {
        const mixed = claims.map((claim) => ({ claim, at: dice.next().value })).toSorted((a, b) => a.at - b.at);
        expect(
          [
            ...share(
              partitions,
              mixed.map(({ claim }) => claim),
            ),
          ].toSorted(),
        ).toEqual([...share(partitions, claims)].toSorted());
      }),
    );
  });

  it('so that as few move as can be', () => {
    fc.assert(
      fc.property(world, ({ partitions, claims }) => {
        const taken = new Set<number>();
        const disjoint = claims.map(({ owned, ...rest }): Claim => ({
          ...rest,
          owned: owned.filter((one) => one >= 0 && one < partitions && !taken.has(one) && taken.add(one)),
        }));
        const shared = share(partitions, disjoint);
        const stays = disjoint.flatMap(({ member, owned }) => owned.filter((one) => shared.get(member)?.includes(one)));
        expect(stays).toHaveLength(
          mostThatStay(
            partitions,
            disjoint.map(({ owned }) => owned.length),
          ),
        );
      }),
    );
  });

  it('and one that two claim stays with whom the group has heard later', () => {
    const claims = [
      { member: 'a', owned: [0, 1], heard: 5 },
      { member: 'b', owned: [0, 1, 2], heard: 9 },
    ];
    expect([...share(4, claims)].toSorted()).toEqual([
      ['a', [2, 3]],
      ['b', [0, 1]],
    ]);
  });
});

describe('a claim', () => {
  it('travels as it is', () => {
    const claim = { member: 'a', owned: [3, 1], heard: 17 };
    expect(decodeClaim('a', encodeClaim(claim))).toEqual(claim);
  });

  it.each([
    '',
    '{',
    'null',
    '{"owned":[1]}',
    '{"owned":["1"],"heard":1}',
    '{"owned":{},"heard":1}',
    '{"owned":[1],"heard":"1"}',
  ])('that cannot be read claims nothing: %s', (text) => {
    expect(decodeClaim('a', Buffer.from(text))).toEqual({ member: 'a', owned: [], heard: 0 });
  });
});
