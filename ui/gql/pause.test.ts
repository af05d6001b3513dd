import { expect, it } from 'vitest';
import { openPause } from './pause.js';

it('grows with each failure up to its longest, and begins anew after a success', () => {
  const pause = openPause(1_000, 30_000);
  const within = (ms: number, least: number): void => {
    expect(ms).toBeGreaterThanOrEqual(least);
    expect(ms).toBeLessThanOrEqual(least * 1.5);
  };
  for (const least of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) within(pause.next(), least);
  pause.reset();
  within(pause.next(), 1_000);
});

it('is at least as long as the failure says', () => {
  expect(openPause(1_000).next({ retryAfter: 90_000 })).toBeGreaterThanOrEqual(90_000);
  expect(openPause(1_000).next({ retryAfter: 10 })).toBeGreaterThanOrEqual(1_000);
});
