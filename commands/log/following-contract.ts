import { beforeEach, describe, expect, it } from 'vitest';
import type { Entry, Log } from './log.js';
import { batchOf, cursorBehind, eventNamed, follow, readAll, takeover } from './testing.js';

/** What the contract of all log adapters says of followers and of the end. `opened` gives the log of each test. */
export function followingContract(opened: () => Log): void {
  let log: Log;
  beforeEach(() => {
    log = opened();
  });

  /** A batch of `a` with one event. */
  const one = (batch: number, id: string): readonly Entry[] => batchOf('a', 1, batch, [eventNamed(id)]);

  describe('following', () => {
    it('is pushed what comes, and ends with the signal', async () => {
      const stop = new AbortController();
      const { seen, ended, until } = follow(log, 0, { signal: stop.signal });
      await until('log');
      await log.append(0, [takeover('a', 1)]);
      await until('takeover');
      await log.append(0, batchOf('a', 1, 0, [eventNamed('x'), eventNamed('y')]));
      await until('y');
      stop.abort();
      await ended;
      await log.append(0, one(1, 'unseen'));
      expect(seen).toEqual(['log', 'takeover', 'x', 'y']);
    });

    it('does not begin where the signal has ended before', async () => {
      const { seen, ended } = follow(log, 0, { signal: AbortSignal.abort() });
      await ended;
      expect(seen).toEqual([]);
    });

    it('goes through the fence, and on from a cursor', async () => {
      await log.append(0, [takeover('a', 1)]);
      const { seen, until } = follow(log, 0, { limit: 1 }, await cursorBehind(log, 0));
      await log.append(0, batchOf('zombie', 1, 0, [eventNamed('void')]));
      await log.append(0, one(0, 'x'));
      await log.append(0, one(0, 'x again'));
      await log.append(0, one(1, 'y'));
      await until('y');
      expect(seen).toEqual(['x', 'y']);
    });

    it('is the same for many at once, each on its own partition and in its own place', async () => {
      const [all, late, other] = [
        follow(log, 0),
        follow(log, 0, { limit: 2 }, await cursorBehind(log, 0)),
        follow(log, 1),
      ];
      await Promise.all([
        log.append(0, [takeover('a', 1)]),
        log.append(1, [takeover('a', 1)]),
        ...Array.from({ length: 20 }, (_, n) => log.append(0, one(n, `e${n}`))),
        log.append(1, one(0, 'over there')),
      ]);
      await Promise.all([all.until('e19'), late.until('e19'), other.until('over there')]);
      expect(all.seen).toEqual(await readAll(log, 0));
      expect(late.seen).toEqual(all.seen.slice(1));
      expect(other.seen).toEqual(['log', 'takeover', 'over there']);
    });
  });

  describe('closing', () => {
    it('ends all followers', async () => {
      const { ended, until } = follow(log, 0);
      await until('log');
      await log.close();
      await ended;
    });

    it('lets an append that is under way end', async () => {
      const under = log.append(0, [takeover('a', 1)]);
      await log.close();
      expect(await under).toBe(1);
    });

    it('twice is no fault, and nothing can be done with it afterwards', async () => {
      const reading = log.read(0, undefined, { limit: 1 })[Symbol.asyncIterator]();
      await log.append(0, [takeover('a', 1)]);
      await reading.next();
      await log.close();
      await log.close();
      const closed = expect.objectContaining({ code: 'LOG_CLOSED' });
      await expect(log.append(0, one(0, 'x'))).rejects.toEqual(closed);
      await expect(log.end(0)).rejects.toEqual(closed);
      await expect(readAll(log, 0)).rejects.toEqual(closed);
      await expect(log.cursorAt(0, { offset: 0 })).rejects.toEqual(closed);
      // It was not at the end yet: a reader must not take this for the end.
      await expect(reading.next()).rejects.toEqual(closed);
    });
  });
}
