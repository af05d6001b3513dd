import type { Rate } from './sessions.js';

/** Less than that is rounding, for times since 1970 have no finer fractions than 1/4096 ms. In ms. */
export const EPSILON = 0.01;

/**
 * How long (ms) a bucket takes to fill up again after `count` was taken from it, and how long at most, from empty. Throws
 * RangeError where it never could go.
 */
export function priceOf({ burst, perSecond }: Rate, count: number): { readonly cost: number; readonly most: number } {
  if (!(burst >= 1 && perSecond > 0 && perSecond < Infinity)) {
    throw new RangeError(
      `a rate of ${burst} at once and ${perSecond} per second is none: use 1 or more, and more than 0`,
    );
  }
  if (!(count >= 1 && count <= burst)) {
    throw new RangeError(`${count} can never be taken from a bucket of ${burst}: take 1 to ${burst} at a time`);
  }
  const each = 1_000 / perSecond;
  return { cost: count * each, most: burst * each };
}

/**
 * A token bucket as one number: `full`, the time (ms) at which it is full again; undefined or past, it is full now. Says
 * how long to wait (ms, whole), and when the bucket is full after taking `count` from it, which is done only where
 * `wait` is 0. Throws RangeError where it never could go.
 */
export function spend(
  rate: Rate,
  count: number,
  full: number | undefined,
  now: number,
): { readonly wait: number; readonly full: number } {
  const { cost, most } = priceOf(rate, count);
  const then = Math.max(full ?? now, now) + cost;
  const over = then - now - most;
  return { wait: over > EPSILON ? Math.ceil(over - EPSILON) : 0, full: then };
}
