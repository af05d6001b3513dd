import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Mistake, isMistake, mistakeOf, mistakes } from './mistakes.js';
import { type Result, simulate } from './simulate.js';

const SEEDS = 500;

/** Within so many seeds every mistake has to be found. Most are in the first few. */
const PATIENCE = 1_000;

/** Long enough for a machine that does a lot else. */
const TIMEOUT = 900_000;

/** The first world in which something is found. */
async function firstFinding(mistake: Mistake | undefined, seeds: number): Promise<Result | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await simulate(seed, mistake);
    if (result.findings.length > 0) return result;
  }
  return undefined;
}

describe('the write side', () => {
  it(`keeps every promise in ${SEEDS} worlds`, { timeout: TIMEOUT }, async () => {
    const found = await firstFinding(undefined, SEEDS);
    expect(found && { seed: found.seed, findings: found.findings }).toBeUndefined();
  });

  it('goes through what it is meant to go through', { timeout: TIMEOUT }, async () => {
    const total: Record<string, number> = {};
    for (let seed = 1; seed <= 60; seed++) {
      const { counts } = await simulate(seed);
      for (const [name, n] of Object.entries(counts)) total[name] = (total[name] ?? 0) + n;
    }
    for (const [name, n] of Object.entries(total))
      expect([name, n]).toEqual([name, expect.toSatisfy((some) => some > 20)]);
  });
});

describe('a world', () => {
  it.each([3, 17, 92])('is the same each time: seed %i', { timeout: TIMEOUT }, async (seed) => {
    const first = await simulate(seed);
    expect(first.trace.length).toBeGreaterThan(50);
    // The second time the machine has other things to do in between.
    let busy = true;
    const load = (async () => {
      while (busy) {
        const until = performance.now() + 2;
        while (performance.now() < until);
        await turn();
      }
    })();
    const ticking = setInterval(() => undefined, 1);
    const second = await simulate(seed);
    busy = false;
    clearInterval(ticking);
    await load;
    expect(second.trace).toEqual(first.trace);
    expect(second.hash).toBe(first.hash);
    expect((await simulate(seed + 1)).hash).not.toBe(first.hash);
  });
});

describe('a planted mistake is found, and the same world is well without it', () => {
  it.each(Object.keys(mistakes).filter(isMistake))('%s', { timeout: TIMEOUT }, async (name) => {
    const found = await firstFinding(mistakeOf(name), PATIENCE);
    const well = found && (await simulate(found.seed)).findings;
    expect({ found: found?.findings.length, well }).toEqual({ found: expect.any(Number), well: [] });
  });
});
