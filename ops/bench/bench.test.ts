import { describe, expect, it } from 'vitest';
import { benches } from './benches.js';

// That every bench runs and gives figures, with next to nothing to do. How fast anything is, is not tested: machines differ.
// `start` is left to the tests of ops/chaos, which start whole servers.

const small = Object.entries(benches).filter(([name]) => name !== 'start');

describe('a bench', () => {
  it.each(small)(
    'of %s gives figures, one of them beside a goal',
    async (_, { run }) => {
      const figures = await run(0.001);
      expect(figures.filter(({ value }) => !(Number.isFinite(value) && value > 0))).toEqual([]);
      expect(figures.filter(({ goal, better }) => goal !== undefined && better !== undefined)).not.toEqual([]);
      expect(new Set(figures.map(({ metric }) => metric)).size).toBe(figures.length);
      // Some start a process or two, and a busy machine is slow at that.
    },
    120_000,
  );
});
