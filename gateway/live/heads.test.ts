import { expect, it } from 'vitest';
import { repeatHeads } from './heads.js';

it('tells the heads of a home whatever the others do, and asks none again that still owes an answer', async () => {
  const [stuck, broken, good] = [0, 1, 2].map((n) => `0190a000-0000-7000-8000-000000000${n * 4}00`);
  if (!stuck || !broken || !good) throw new Error('there are three');
  const asked = [0, 0, 0];
  const troubles: unknown[] = [];
  let isStuck = true;
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const heads = repeatHeads({
    core: {
      heads: async (home, ids) => {
        const times = (asked[home] ?? 0) + 1;
        asked[home] = times;
        if (home === 0 && isStuck) await held;
        if (home === 1) throw new Error('away');
        return new Map(ids.map((id) => [id, times]));
      },
    },
    partitions: 4,
    every: 5,
    onFailure: (error) => troubles.push(error),
  });
  const told: string[] = [];
  for (const id of [stuck, broken, good]) heads.watch(id, () => told.push(id));
  await expect.poll(() => told.length).toBeGreaterThan(2);
  expect(new Set(told)).toEqual(new Set([good]));
  expect(asked[0]).toBe(1);
  await expect.poll(() => troubles.length).toBeGreaterThan(1);
  isStuck = false;
  goOn();
  await expect.poll(() => told.filter((id) => id === stuck).length).toBeGreaterThan(1);
  heads.stop();
});
