import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clientId } from './testing.js';
import { type Tree, emptyTree, lookUp, plant } from './tree.js';

const entry = fc.tuple(fc.nat(50).map(clientId), fc.nat());

it('holds what a map would hold, and every earlier tree stays as it was', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
      const map = new Map<string, number>();
      const trees: { tree: Tree<number>; held: ReadonlyMap<string, number> }[] = [];
      let tree: Tree<number> = emptyTree;
      for (const [id, value] of entries) {
        tree = plant(tree, id, value);
        trees.push({ tree, held: new Map(map.set(id, value)) });
      }
      for (const { tree: earlier, held } of trees) {
        for (let n = 0; n <= 50; n++) expect(lookUp(earlier, clientId(n))).toBe(held.get(clientId(n)));
      }
    }),
    { numRuns: 30 },
  );
});

it('copies one chunk, and shares the others', () => {
  const before = plant(plant(emptyTree, clientId(0x12), 1), clientId(0x34), 2);
  const after = plant(before, clientId(0x34), 3);
  const shared = Object.keys(after).filter((step) => after[step] === before[step]);
  expect(shared).toHaveLength(1);
});

it.each(['', 'x', '__proto__', 'constructor', 'hasOwnProperty'])('holds nothing under the name "%s"', (name) => {
  expect(lookUp(plant(emptyTree, clientId(1), 1), name)).toBeUndefined();
});
