import { setImmediate as turn } from 'node:timers/promises';
import type { Dice } from './dice.js';

export const T0 = Date.parse('2026-08-24T09:00:00Z');

/**
 * Virtual time. It stands while anything can still run, and then moves to the next moment that somebody waits for; what
 * is due at the same moment comes in an order drawn from the dice. So a whole world runs as fast as it can be computed,
 * and the same way every time.
 */
export type Clock = {
  /** Ms since 1970. */
  now(): number;
  /** Calls back after so many ms, unless cancelled by what it returns. */
  after(ms: number, fire: () => void): () => void;
  /** Resolves after so many ms, or with the signal. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
  /** Time passes while everything sleeps: what was due meanwhile comes late. */
  leap(ms: number): void;
  /** Lets time pass until `done`. False if that does not come within so many ms. */
  run(done: () => boolean, within: number): Promise<boolean>;
};

type Timer = { readonly at: number; readonly rank: number; readonly fire: () => void; cancelled: boolean };

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.rank < b.rank);

export function createClock(dice: Dice): Clock {
  let now = T0;
  /** The next one at the end. */
  const timers: Timer[] = [];

  const insert = (timer: Timer): void => {
    let [low, high] = [0, timers.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = timers[middle];
      if (other && isBefore(timer, other)) low = middle + 1;
      else high = middle;
    }
    timers.splice(low, 0, timer);
  };

  const after: Clock['after'] = (ms, fire) => {
    const timer = { at: now + Math.max(0, ms), rank: dice.int(0, 0x7fff_ffff), fire, cancelled: false };
    insert(timer);
    return () => {
      timer.cancelled = true;
    };
  };

  return {
    now: () => now,
    after,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const end = (): void => {
          cancel();
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const cancel = after(ms, end);
        signal?.addEventListener('abort', end);
      }),
    leap: (ms) => {
      now += ms;
    },
    run: async (done, within) => {
      const until = now + within;
      for (;;) {
        // Promises settle before an immediate comes: by then everything is at rest.
        await turn();
        if (done()) return true;
        const timer = timers.pop();
        if (!timer || timer.at > until) {
          if (timer) timers.push(timer);
          now = Math.max(now, until);
          return false;
        }
        if (timer.cancelled) continue;
        now = Math.max(now, timer.at);
        timer.fire();
      }
    },
  };
}
