import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Sessions } from './sessions.js';

/** What rate limits promise; a part of the sessions contract. `pass` moves the clock of the sessions on, in ms. */
export function limitsContract(sessions: () => Sessions, pass: (ms: number) => void): void {
  describe('rate limits', () => {
    it('let a burst go, then one each time that a token has come', async () => {
      const rate = { burst: 3, perSecond: 2 };
      const take = (): Promise<number> => sessions().take('k', rate);
      expect([await take(), await take(), await take()]).toEqual([0, 0, 0]);
      expect(await take()).toBe(500);
      pass(499);
      expect(await take()).toBe(1);
      pass(1);
      expect(await take()).toBe(0);
      expect(await take()).toBe(500);
    });

    it('fill up again, and no higher than the burst', async () => {
      const rate = { burst: 2, perSecond: 10 };
      expect(await sessions().take('k', rate, 2)).toBe(0);
      pass(3_600_000);
      expect(await sessions().take('k', rate, 2)).toBe(0);
      expect(await sessions().take('k', rate)).toBe(100);
    });

    it('take nothing where they refuse', async () => {
      const rate = { burst: 10, perSecond: 10 };
      expect(await sessions().take('k', rate, 6)).toBe(0);
      expect(await sessions().take('k', rate, 6)).toBe(200);
      expect(await sessions().take('k', rate, 4)).toBe(0);
    });

    it('keep keys apart', async () => {
      const rate = { burst: 1, perSecond: 0.001 };
      expect(await sessions().take('a', rate)).toBe(0);
      expect(await sessions().take('b', rate)).toBe(0);
      expect(await sessions().take('a', rate)).toBe(1_000_000);
    });

    it.each([
      [{ burst: 0, perSecond: 1 }, 1, 'is none'],
      [{ burst: 1, perSecond: 0 }, 1, 'is none'],
      [{ burst: Number.NaN, perSecond: 1 }, 1, 'is none'],
      [{ burst: 5, perSecond: 1 }, 6, '6 can never be taken from a bucket of 5'],
      [{ burst: 5, perSecond: 1 }, 0, 'take 1 to 5 at a time'],
    ])('refuse what never could go: %o, %d at once', async (rate, count, why) => {
      await expect(sessions().take('k', rate, count)).rejects.toThrow(RangeError);
      await expect(sessions().take('k', rate, count)).rejects.toThrow(why);
    });

    it('never let more go in any time than the burst and what comes meanwhile, and refuse nobody who waited as told', async () => {
      let key = 0;
      const taking = fc.record({ count: fc.integer({ min: 1, max: 5 }), pause: fc.integer({ min: 0, max: 400 }) });
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 5, max: 20 }),
          fc.constantFrom(0.5, 3, 7, 100),
          fc.array(taking, { maxLength: 40 }),
          async (burst, perSecond, takings) => {
            const name = `property ${(key += 1)}`;
            const went: { at: number; count: number }[] = [];
            let at = 0;
            for (const { count, pause } of takings) {
              pass(pause);
              at += pause;
              const wait = await sessions().take(name, { burst, perSecond }, count);
              if (wait > 0) {
                pass(wait);
                at += wait;
              }
              const refused = wait > 0 ? await sessions().take(name, { burst, perSecond }, count) : 0;
              expect(refused).toBe(0);
              went.push({ at, count });
              for (const [first, { at: from }] of went.entries()) {
                const sum = went.slice(first).reduce((all, each) => all + each.count, 0);
                expect(sum).toBeLessThanOrEqual(burst + ((at - from) / 1_000) * perSecond + 0.01);
              }
            }
          },
        ),
        { numRuns: 50 },
      );
    });
  });
}
