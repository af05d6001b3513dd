import { describe, expect, it } from 'vitest';
import { describeWith } from '../run/needs.js';
import { benches } from './benches.js';
import type { Bench } from './figure.js';
import { pgRebuild } from './pg-rebuild.js';

// That every bench runs and gives figures, with next to nothing to do. How fast anything is, is not tested: machines differ.
// `start` is left to the tests of ops/chaos, which start whole servers.

const small = Object.entries(benches).filter(([name]) => name !== 'start' && name !== 'pg-rebuild');

// Some start a process or two, and a busy machine is slow at that.
const PATIENCE = 120_000;

async function expectFigures(run: Bench['run']): Promise<void> {
  const figures = await run(0.001);
  expect(figures.filter(({ value }) => !(Number.isFinite(value) && value > 0))).toEqual([]);
  expect(figures.filter(({ goal, better }) => goal !== undefined && better !== undefined)).not.toEqual([]);
  expect(new Set(figures.map(({ metric }) => metric)).size).toBe(figures.length);
}

describe('a bench', () => {
  it.each(small)('of %s gives figures, one of them beside a goal', (_, { run }) => expectFigures(run), PATIENCE);
});

describeWith('DATABASE_URL', 'the bench of Postgres', () => {
  it('gives figures, one of them beside a goal', () => expectFigures(pgRebuild), PATIENCE);
});
