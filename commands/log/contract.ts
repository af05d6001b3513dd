import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cursor, Entry, Log } from './log.js';
import { batchOf, eventNamed, header, takeover } from './testing.js';

/** How a suite gets at an adapter. `reopen` closes the log and opens it again. */
export type Opened = { readonly log: Log; close(): Promise<void>; reopen(): Promise<Log> };

const names = (entries: readonly Entry[]): readonly string[] =>
  entries.map((entry) => (entry.kind === 'event' ? entry.event.id : entry.kind));

async function readAll(log: Log, partition: number, from?: Cursor, limit?: number): Promise<readonly string[]> {
  const found: Entry[] = [];
  for await (const { records } of log.read(partition, from, limit === undefined ? {} : { limit })) {
    found.push(...records.map(({ entry }) => entry));
  }
  return names(found);
}

async function cursorBehind(log: Log, partition: number): Promise<Cursor> {
  let last: Cursor | undefined;
  for await (const { next } of log.read(partition)) last = next;
  if (!last) throw new Error('the log is empty');
  return last;
}

/** The one contract of all log adapters; `durable` ones outlive their process. */
export function logContract(name: string, durable: boolean, open: () => Promise<Opened>): void {
  describe(`the log contract on ${name}`, () => {
    let opened: Opened;
    let log: Log;
    beforeEach(async () => {
      opened = await open();
      ({ log } = opened);
    });
    afterEach(() => opened.close());

    const append = (...batches: readonly (readonly Entry[])[]): Promise<readonly number[]> =>
      Promise.all(batches.map((batch) => log.append(0, batch)));

    it('begins every partition with its identity', async () => {
      for (let partition = 0; partition < log.partitions; partition++) {
        const first: Entry[] = [];
        for await (const { records } of log.read(partition)) first.push(...records.map(({ entry }) => entry));
        expect(first).toMatchObject([{ kind: 'log', log: log.id, partitions: log.partitions }]);
        expect(await log.end(partition)).toBe(1);
      }
    });

    it('gives a batch neighbouring offsets and reads it back in order', async () => {
      await log.append(0, [takeover('a', 1)]);
      const base = await log.append(0, batchOf('a', 1, 0, [eventNamed('x'), eventNamed('y')]));
      expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'x', 'y']);
      expect(await log.end(0)).toBe(base + 2);
    });

    it('refuses a batch that is empty or not numbered through, and writes nothing of it', async () => {
      await expect(log.append(0, [])).rejects.toThrow(RangeError);
      const torn: Entry[] = [{ kind: 'outcomes', header: header('a', 1, 0, 1, 2), outcomes: [] }];
      await expect(log.append(0, torn)).rejects.toThrow(RangeError);
      expect(await log.end(0)).toBe(1);
    });

    it('keeps partitions apart', async () => {
      await append([takeover('a', 1)]);
      expect(await readAll(log, 1)).toEqual(['log']);
    });

    it('resolves many appends of one moment each with its own place', async () => {
      await append([takeover('a', 1)]);
      const bases = await append(...Array.from({ length: 50 }, (_, n) => batchOf('a', 1, n, [eventNamed(`e${n}`)])));
      expect(new Set(bases).size).toBe(50);
      expect(await readAll(log, 0)).toEqual(['log', 'takeover', ...bases.map((_, n) => `e${n}`)]);
    });

    it('hides what the fence voids: a zombie’s batch, a batch twice, a late and a doubled takeover', async () => {
      await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('a0')]));
      await append([takeover('b', 2)], batchOf('b', 2, 0, [eventNamed('b0')]));
      await append(batchOf('a', 1, 1, [eventNamed('zombie')]));
      await append(batchOf('b', 2, 0, [eventNamed('again')]));
      await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('a0 doubled')]), [takeover('late', 2)]);
      await append(batchOf('b', 2, 1, [eventNamed('b1')]));
      expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'a0', 'takeover', 'b0', 'b1']);
    });

    it('goes on from any cursor as if it had read from the start', async () => {
      await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('x'), eventNamed('y'), eventNamed('z')]));
      await append(
        [takeover('b', 2)],
        batchOf('a', 1, 1, [eventNamed('zombie')]),
        batchOf('b', 2, 0, [eventNamed('b0')]),
      );
      const whole = await readAll(log, 0);
      for (const limit of [1, 2, 3]) {
        expect(await readAll(log, 0, undefined, limit)).toEqual(whole);
      }
      for (let offset = 0; offset <= (await log.end(0)); offset++) {
        const cursor = await log.cursorAt(0, { offset });
        const before: string[] = [];
        for await (const { records } of log.read(0)) {
          before.push(...names(records.filter((record) => record.offset < offset).map(({ entry }) => entry)));
        }
        expect([...before, ...(await readAll(log, 0, cursor))]).toEqual(whole);
      }
    });

    it('finds the cursor at a time', async () => {
      const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;
      await append([takeover('a', 1, at(1))]);
      await append(batchOf('a', 1, 0, [eventNamed('two', at(2))]), batchOf('a', 1, 1, [eventNamed('four', at(4))]));
      expect(await readAll(log, 0, await log.cursorAt(0, { time: at(3) }))).toEqual(['four']);
      expect(await readAll(log, 0, await log.cursorAt(0, { time: at(2) }))).toEqual(['two', 'four']);
      expect(await readAll(log, 0, await log.cursorAt(0, { time: at(9) }))).toEqual([]);
    });

    it('knows its own cursors from foreign ones', async () => {
      await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('x')]));
      const cursor = await cursorBehind(log, 0);
      expect(await log.holds(0, cursor)).toBe(true);
      expect(await log.holds(0, { ...cursor, offset: cursor.offset + 1 })).toBe(false);
      expect(await log.holds(0, { ...cursor, fence: { ...cursor.fence, owner: 'somebody else' } })).toBe(false);
      expect(await log.holds(0, { ...cursor, fence: { ...cursor.fence, batch: 7 } })).toBe(false);
    });

    it('pushes to whoever follows, and ends with the signal', async () => {
      const stop = new AbortController();
      const seen: string[] = [];
      const arrived = new Map<string, () => void>();
      const following = (async () => {
        for await (const { records } of log.read(0, undefined, { follow: true, signal: stop.signal })) {
          seen.push(...names(records.map(({ entry }) => entry)));
          arrived.get(seen.at(-1) ?? '')?.();
        }
      })();
      const until = (last: string): Promise<void> => new Promise((resolve) => arrived.set(last, resolve));
      const first = until('takeover');
      await append([takeover('a', 1)]);
      await first;
      const second = until('y');
      await append(batchOf('a', 1, 0, [eventNamed('x'), eventNamed('y')]));
      await second;
      stop.abort();
      await following;
      expect(seen).toEqual(['log', 'takeover', 'x', 'y']);
    });

    it('without following ends at the end that it had when reading began', async () => {
      await append([takeover('a', 1)]);
      const seen: string[] = [];
      for await (const { records } of log.read(0, undefined, { limit: 1 })) {
        seen.push(...names(records.map(({ entry }) => entry)));
        if (seen.length === 1) await append(batchOf('a', 1, 0, [eventNamed('later')]));
      }
      expect(seen).toEqual(['log', 'takeover']);
    });

    if (!durable) return;
    it('is the same log after it was closed and opened again', async () => {
      const { id } = log;
      await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('x')]));
      const cursor = await cursorBehind(log, 0);
      log = await opened.reopen();
      expect(log.id).toBe(id);
      expect(await log.holds(0, cursor)).toBe(true);
      await log.append(0, batchOf('a', 1, 1, [eventNamed('y')]));
      expect(await readAll(log, 0, cursor)).toEqual(['y']);
    });
  });
}
