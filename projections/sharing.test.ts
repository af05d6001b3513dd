import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Holder, type Lease, share } from './sharing.js';

const VIEWS = ['core', 'obligations'];
const holdersOf = (ids: readonly string[]): readonly Holder[] => ids.map((id) => ({ id, views: VIEWS }));
const sorted = (leases: readonly Lease[]) => leases.map((each) => JSON.stringify(each)).toSorted();
const countsOf = (ids: readonly string[], leases: readonly Lease[]): readonly number[] =>
  ids.map((id) => leases.filter(({ holder }) => holder === id).length);

/** Processes that live, and homes that are had by one of them, by one that is gone (null), or by nobody yet. */
const anything = fc
  .record({ count: fc.integer({ min: 1, max: 6 }), homes: fc.integer({ min: 1, max: 9 }) })
  .chain(({ count, homes }) => {
    const ids = Array.from({ length: count }, (_, n) => `process ${n}`);
    const pairs = VIEWS.flatMap((view) => Array.from({ length: homes }, (_, home) => ({ view, home })));
    return fc
      .tuple(...pairs.map((pair) => fc.constantFrom(...ids, null).map((holder): Lease => ({ ...pair, holder }))))
      .map((leases) => ({ ids, leases }));
  });

describe('the homes of views are shared', () => {
  it('so that each is had by one who lives, and all have as many, within one', () => {
    fc.assert(
      fc.property(anything, ({ ids, leases }) => {
        const shared = share(holdersOf(ids), leases);
        const places = (all: readonly Lease[]) => sorted(all.map((each) => ({ ...each, holder: null })));
        expect(places(shared)).toEqual(places(leases));
        const counts = countsOf(ids, shared);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(leases.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('with as few moves as can be, and then none', () => {
    fc.assert(
      fc.property(anything, ({ ids, leases }) => {
        const shared = share(holdersOf(ids), leases);
        const moved = leases.filter(
          ({ view, home, holder }) =>
            holder !== null && shared.find((each) => each.view === view && each.home === home)?.holder !== holder,
        );
        // Whoever has more than its share must give up that much: one more is the share of those who have the most.
        const least = Math.floor(leases.length / ids.length);
        const more = leases.length % ids.length;
        const needed = countsOf(ids, leases)
          .toSorted((a, b) => b - a)
          .reduce((sum, count, at) => sum + Math.max(0, count - (at < more ? least + 1 : least)), 0);
        expect(moved).toHaveLength(needed);
        expect(sorted(share(holdersOf(ids), shared))).toEqual(sorted(shared));
      }),
    );
  });

  it('whoever looks, in whatever order it sees them', () => {
    fc.assert(
      fc.property(anything, fc.integer(), ({ ids, leases }, turn) => {
        const turned = <T>(all: readonly T[]): readonly T[] => {
          const at = Math.abs(turn) % all.length;
          return [...all.slice(at), ...all.slice(0, at)];
        };
        const here = share(holdersOf(ids), leases);
        expect(sorted(share(holdersOf(turned(ids)), turned(leases)))).toEqual(sorted(here));
      }),
    );
  });

  it('among those who can run the view, so that one of older code is not given what it does not know', () => {
    const holders: readonly Holder[] = [
      { id: 'new', views: ['core', 'search'] },
      { id: 'old', views: ['core'] },
    ];
    const leases = ['core', 'search'].flatMap((view) => [0, 1].map((home): Lease => ({ view, home, holder: null })));
    const shared = share(holders, leases);
    expect(
      countsOf(
        ['new', 'old'],
        shared.filter(({ view }) => view === 'search'),
      ),
    ).toEqual([2, 0]);
    expect(
      countsOf(
        ['new', 'old'],
        shared.filter(({ view }) => view === 'core'),
      ),
    ).toEqual([1, 1]);
    expect(share([], leases)).toEqual(leases);
  });
});
