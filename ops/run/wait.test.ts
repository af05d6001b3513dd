import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { wait } from './wait.js';

it('resolves after its time, and listens no longer', async () => {
  const { signal } = new AbortController();
  const begun = performance.now();
  const done = wait(30, signal);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  await done;
  expect(performance.now() - begun).toBeGreaterThanOrEqual(29);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

it('resolves with the signal, or at once where that has come already', async () => {
  const stop = new AbortController();
  const done = wait(3600_000, stop.signal);
  stop.abort();
  await done;
  await wait(3600_000, stop.signal);
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
});
