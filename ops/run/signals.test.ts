import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { whenToldToStop } from './signals.js';

it.each([
  ['SIGINT', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
])('takes %s and a %s together with it for one, and another one later for another', (first, second) => {
  const process = new EventEmitter();
  let at = 5_000;
  const done: string[] = [];
  const isTold = whenToldToStop(
    () => done.push('in order'),
    () => done.push('at once'),
    process,
    () => at,
  );
  expect([done, isTold()]).toEqual([[], false]);
  process.emit(first);
  expect(isTold()).toBe(true);
  process.emit(second);
  at += 999;
  process.emit(second);
  expect(done).toEqual(['in order']);
  at += 1;
  process.emit(second);
  expect(done).toEqual(['in order', 'at once']);
});
