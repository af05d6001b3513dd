import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientId } from './testing.js';
import { CHUNK, NotAtHand, type Tree, chunkedBy, emptyTree, lookUp, plant } from './tree.js';

type Numbers = Tree<number>;

const { bare, chunks, withChunk } = chunkedBy<Numbers, number>(
  (tree) => tree,
  (_, tree) => tree,
);

const grow = (tree: Numbers, entries: readonly (readonly [string, number])[]): Numbers =>
  entries.reduce((grown, [id, value]) => plant(grown, id, value), tree);

/** Entries in order of time, as they come but for clocks that differ. */
const inOrder = (count: number): readonly (readonly [string, number])[] =>
  Array.from({ length: count }, (_, n) => [clientId(n), n]);

const sizes = (tree: Numbers): readonly number[] => tree.map(({ chunk }) => chunk?.ids.length ?? 0);

const anyOrder = fc.array(fc.tuple(fc.nat(1_500).map(clientId), fc.nat()), { maxLength: 900, size: 'max' });

describe('a tree', () => {
  it('holds what a map would hold, in whatever order it comes, and every earlier tree stays as it was', () => {
    fc.assert(
      fc.property(anyOrder, fc.nat(900), (entries, cut) => {
        const early = grow(emptyTree, entries.slice(0, cut));
        const late = grow(early, entries.slice(cut));
        const [earlier, later] = [new Map(entries.slice(0, cut)), new Map(entries)];
        for (const [id] of entries) {
          expect(lookUp(early, id)).toBe(earlier.get(id));
          expect(lookUp(late, id)).toBe(later.get(id));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('keeps chunks small, its ids in order, and numbers its chunks for good', () => {
    fc.assert(
      fc.property(anyOrder, (entries) => {
        const tree = grow(emptyTree, entries);
        expect(Math.max(...sizes(tree))).toBeLessThanOrEqual(CHUNK);
        expect(tree.flatMap(({ chunk }) => chunk?.ids ?? [])).toEqual([...new Map(entries).keys()].toSorted());
        expect(tree.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(tree.map((_, n) => n));
      }),
      { numRuns: 25 },
    );
  });

  it('fills its chunks to the brim with what comes in order', () => {
    expect(sizes(grow(emptyTree, inOrder(2 * CHUNK + 10)))).toEqual([CHUNK, CHUNK, 10]);
  });

  it('copies the chunk that changes, and shares the others', () => {
    const before = grow(emptyTree, inOrder(3 * CHUNK));
    const after = plant(before, clientId(CHUNK + 5), -1);
    const shared = [...chunks(after)].filter(([number, chunk]) => chunk === chunks(before).get(number));
    expect(shared.map(([number]) => number)).toEqual([0, 2]);
  });

  it.each(['', 'x', '__proto__', 'constructor', 'hasOwnProperty'])('holds nothing under the name "%s"', (name) => {
    expect(lookUp(plant(emptyTree, clientId(1), 1), name)).toBeUndefined();
  });
});

describe('a tree that was stored', () => {
  const whole = grow(emptyTree, inOrder(3 * CHUNK));
  const back: Numbers = JSON.parse(JSON.stringify(bare(whole)));
  const chunk = (number: number): unknown => JSON.parse(JSON.stringify(chunks(whole).get(number)));
  const needs = (step: () => unknown): number | undefined => {
    try {
      step();
      return undefined;
    } catch (error) {
      if (error instanceof NotAtHand) return error.chunk;
      throw error;
    }
  };

  it('asks for the one chunk that it needs, to look and to change', () => {
    expect(chunks(back).size).toBe(0);
    expect(needs(() => lookUp(back, clientId(CHUNK)))).toBe(1);
    expect(needs(() => plant(back, clientId(9_999_999), 1))).toBe(2);
    const brought = withChunk(back, 1, chunk(1));
    expect(lookUp(brought, clientId(CHUNK))).toBe(CHUNK);
    expect(needs(() => lookUp(brought, clientId(0)))).toBe(0);
  });

  it('is the same when all its chunks are back', () => {
    expect([0, 1, 2].reduce((tree, number) => withChunk(tree, number, chunk(number)), back)).toEqual(whole);
  });

  it('goes on growing with one chunk at hand', () => {
    const grown = grow(withChunk(back, 2, chunk(2)), [[clientId(9_999_999), 7]]);
    expect([...chunks(grown).keys()]).toEqual([2, 3]);
    expect(lookUp(grown, clientId(9_999_999))).toBe(7);
  });

  it.each([undefined, {}, { ids: ['a'], values: [] }])('takes no chunk that is none: %j', (wrong) => {
    expect(() => withChunk(back, 0, wrong)).toThrow(/chunk 0/);
  });
});
