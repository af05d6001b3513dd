import { setImmediate as settled } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createRounds } from './rounds.js';

it('leaves out whose last time is not over, and tells a reason once a round', async () => {
  const told: unknown[] = [];
  const round = createRounds<string>((error) => told.push(error));
  const done: string[] = [];
  let goOn = (): void => undefined;
  const all = new Map([
    ['slow', new Promise<void>((resolve) => (goOn = resolve))],
    ['one', undefined],
    ['two', undefined],
    ['other', undefined],
    ['good', undefined],
  ]);
  const failures: Readonly<Record<string, Error>> = {
    one: new Error('away'),
    two: new Error('away'),
    other: new Error('broken'),
  };
  const work = async (key: string, held: Promise<void> | undefined): Promise<void> => {
    done.push(key);
    await held;
    const failure = failures[key];
    if (failure) throw failure;
  };
  round(all, work);
  await settled();
  expect(done.splice(0)).toEqual([...all.keys()]);
  expect(told.splice(0)).toEqual([failures['one'], failures['other']]);
  round(all, work);
  await settled();
  expect(done.splice(0)).toEqual(['one', 'two', 'other', 'good']);
  expect(told.splice(0)).toEqual([failures['one'], failures['other']]);
  goOn();
  await settled();
  round(all, work);
  expect(done).toEqual([...all.keys()]);
});
