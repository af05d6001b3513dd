import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFence, pass } from './fence.js';
import { followingContract } from './following-contract.js';
import { type Cursor, type Entry, type Log, CODE } from './log.js';
import { batchOf, cursorBehind, eventNamed, header, names, readAll, takeover } from './testing.js';

/** How a suite gets at an adapter. `reopen` closes the log and opens it again. */
export type Opened = { readonly log: Log; close(): Promise<void>; reopen(): Promise<Log> };

const numbered = (count: number, prefix = 'e') => Array.from({ length: count }, (_, n) => eventNamed(`${prefix}${n}`));

/** The one contract of all log adapters; `durable` ones outlive their process. `open` makes another log each time. */
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

    describe('appending', () => {
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

      it('gives back every record as it was given', async () => {
        const outcome = { status: 'rejected', code: 'CONFLICT', message: 'ß "quoted" \u2028 😀', head: 'h' } as const;
        const outcomes = [{ actor: 'somebody', command: 'c', hash: 'h', at: '2026-01-01T00:00:02.000Z', outcome }];
        const data = { text: '\u0000 line\nbreak', nested: [{ null: null, number: 2 ** 53 - 1 }] };
        const event = { ...eventNamed('x'), data };
        const batch: readonly Entry[] = [
          { kind: 'event', header: header('a', 1, 0, 0, 2), event },
          { kind: 'event', header: header('a', 1, 0, 1, 2), event: eventNamed('y'), outcomes, covered: 41 },
        ];
        const alone: Entry = { kind: 'outcomes', header: header('a', 1, 1), outcomes };
        await append([takeover('a', 1)], batch, [alone]);
        const read: Entry[] = [];
        for await (const { records } of log.read(0)) read.push(...records.map(({ entry }) => entry));
        expect(read.slice(1)).toEqual([takeover('a', 1), ...batch, alone]);
      });

      it('refuses a batch that is empty or not numbered through, and writes nothing of it', async () => {
        const outcomes = (...headers: readonly ReturnType<typeof header>[]): readonly Entry[] =>
          headers.map((each) => ({ kind: 'outcomes', header: each, outcomes: [] }));
        const first = header('a', 1, 0, 0, 2);
        const faulty = [
          [],
          outcomes(header('a', 1, 0, 1, 2)),
          outcomes(first),
          outcomes(first, first),
          outcomes(first, header('b', 1, 0, 1, 2)),
          outcomes(first, header('a', 2, 0, 1, 2)),
          outcomes(first, header('a', 1, 1, 1, 2)),
          outcomes(first, header('a', 1, 0, 1, 3)),
        ];
        for (const batch of faulty) await expect(log.append(0, batch)).rejects.toThrow(RangeError);
        expect(await log.end(0)).toBe(1);
      });

      it('refuses a partition that it does not have', async () => {
        for (const partition of [-1, log.partitions]) {
          await expect(log.append(partition, [takeover('a', 1)])).rejects.toThrow(RangeError);
          await expect(log.end(partition)).rejects.toThrow(RangeError);
          await expect(readAll(log, partition)).rejects.toThrow(RangeError);
        }
      });

      it('keeps what is faulty from what is appended at the same moment', async () => {
        const settled = await Promise.allSettled([
          log.append(0, [takeover('a', 1)]),
          log.append(0, []),
          log.append(log.partitions, [takeover('a', 1)]),
          log.append(0, batchOf('a', 1, 0, [eventNamed('x')])),
        ]);
        expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
        expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'x']);
      });

      it('resolves many appends of one moment on all partitions, each with its own place', async () => {
        const partitions = Array.from({ length: log.partitions }, (_, partition) => partition);
        await Promise.all(partitions.map((partition) => log.append(partition, [takeover('a', 1)])));
        const placed = Array.from({ length: 50 * log.partitions }, async (_, n) => {
          const [partition, batch] = [n % log.partitions, Math.floor(n / log.partitions)];
          const base = await log.append(partition, batchOf('a', 1, batch, numbered(3, `${partition}/${batch}/`)));
          return { partition, base };
        });
        const places = await Promise.all(placed);
        for (const partition of partitions) {
          const bases = places.filter((place) => place.partition === partition).map(({ base }) => base);
          expect(bases).toEqual(Array.from({ length: 50 }, (_, batch) => 2 + batch * 3));
          const written = bases.flatMap((_, batch) => [0, 1, 2].map((n) => `${partition}/${batch}/${n}`));
          expect(await readAll(log, partition)).toEqual(['log', 'takeover', ...written]);
        }
      });
    });

    describe('reading through the fence', () => {
      it('hides what the fence voids: a zombie’s batch, a batch twice, a late and a doubled takeover', async () => {
        await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('a0')]));
        await append([takeover('b', 2)], batchOf('b', 2, 0, [eventNamed('b0')]));
        await append(batchOf('a', 1, 1, [eventNamed('zombie')]));
        await append(batchOf('b', 2, 0, [eventNamed('again')]));
        await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('a0 doubled')]), [takeover('late', 2)]);
        await append(batchOf('b', 2, 1, [eventNamed('b1')]));
        expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'a0', 'takeover', 'b0', 'b1']);
      });

      it('refuses what newer code has written, void or not, whoever reads', async () => {
        await append([takeover('a', 1)]);
        const cursor = await cursorBehind(log, 0);
        const newer = { ...header('zombie', 7, 0), code: CODE + 1 };
        await append([{ kind: 'outcomes', header: newer, outcomes: [] }]);
        const refused = expect.objectContaining({ code: 'LOG_NEWER_CODE' });
        await expect(readAll(log, 0)).rejects.toEqual(refused);
        await expect(log.read(0, cursor, { follow: true })[Symbol.asyncIterator]().next()).rejects.toEqual(refused);
        await expect(log.cursorAt(0, { offset: 9 })).rejects.toEqual(refused);
      });

      it('without following ends at the end that it had when reading began', async () => {
        await append([takeover('a', 1)]);
        const seen: string[] = [];
        for await (const { records } of log.read(0, undefined, { limit: 1 })) {
          seen.push(...names(records.map(({ entry }) => entry)));
          if (seen.length === 1) await append(batchOf('a', 1, 0, [eventNamed('later')]));
        }
        expect(seen).toEqual(['log', 'takeover']);
        expect(await readAll(log, 0, await cursorBehind(log, 0))).toEqual([]);
      });

      it('gives chunks of at most the limit, and refuses a limit of none', async () => {
        await append([takeover('a', 1)], batchOf('a', 1, 0, numbered(5)));
        const sizes: number[] = [];
        for await (const { records } of log.read(0, undefined, { limit: 3 })) sizes.push(records.length);
        expect(sizes).toEqual([3, 3, 1]);
        for (const limit of [0, -1, NaN]) await expect(readAll(log, 0, undefined, limit)).rejects.toThrow(RangeError);
      });
    });

    describe('cursors', () => {
      it('go on as if one had read from the start, whatever owners and zombies wrote', async () => {
        const owner = fc.constantFrom('a', 'b', 'c');
        const term = fc.integer({ min: 1, max: 4 });
        const batch = fc.oneof(
          fc.tuple(owner, term).map(([who, when]) => [takeover(who, when)]),
          fc
            .tuple(owner, term, fc.integer({ min: 0, max: 2 }), fc.integer({ min: 1, max: 3 }))
            .map(([who, when, which, count]) => batchOf(who, when, which, numbered(count, `${who}${when}.${which}.`))),
        );
        const written = fc.array(batch, { minLength: 1, maxLength: 25 });
        await fc.assert(
          fc.asyncProperty(written, fc.integer({ min: 1, max: 7 }), async (batches, limit) => {
            const { log: each, close } = await open();
            await Promise.all(batches.map((entries) => each.append(0, entries)));
            let fence = openFence;
            const valid = batches.flat().filter((entry) => {
              const passed = pass(fence, entry);
              fence = passed.fence;
              return passed.valid;
            });
            const whole = ['log', ...names(valid)];
            expect(await readAll(each, 0, undefined, limit)).toEqual(whole);
            let seen = 0;
            for await (const { records, next } of each.read(0, undefined, { limit })) {
              seen += records.length;
              expect(await readAll(each, 0, next)).toEqual(whole.slice(seen));
              expect(await each.cursorAt(0, { offset: next.offset })).toEqual(next);
              expect(await each.holds(0, next)).toBe(true);
            }
            expect(seen).toBe(whole.length);
            await close();
          }),
          { numRuns: 30 },
        );
      });

      it('are at the end for every place beyond it', async () => {
        await append([takeover('a', 1)]);
        const end = await cursorBehind(log, 0);
        expect(await log.cursorAt(0, { offset: 99 })).toEqual(end);
        expect(await log.cursorAt(0, { time: '2999-01-01T00:00:00Z' })).toEqual(end);
      });

      it('are found by time, of valid records only, however the time is written', async () => {
        const at = (second: number): string => `2026-01-01T00:00:0${second}.000Z`;
        await append([takeover('a', 1, at(1))]);
        await append(batchOf('zombie', 0, 0, [eventNamed('void', at(5))]));
        await append(batchOf('a', 1, 0, [eventNamed('two', at(2))]), batchOf('a', 1, 1, [eventNamed('four', at(4))]));
        const from = async (time: string) => readAll(log, 0, await log.cursorAt(0, { time }));
        expect(await from(at(0))).toEqual(['takeover', 'two', 'four']);
        expect(await from('2026-01-01T00:00:02Z')).toEqual(['two', 'four']);
        expect(await from('2026-01-01T02:00:03+02:00')).toEqual(['four']);
        expect(await from(at(9))).toEqual([]);
        await expect(log.cursorAt(0, { time: 'yesterday' })).rejects.toThrow(RangeError);
      });

      it('are known from foreign ones', async () => {
        await append([takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('x')]));
        const cursor = await cursorBehind(log, 0);
        const fenced = (fence: Partial<Cursor['fence']>): Cursor => ({
          ...cursor,
          fence: { ...cursor.fence, ...fence },
        });
        expect(await log.holds(0, cursor)).toBe(true);
        expect(await log.holds(0, { offset: 0, fence: openFence })).toBe(true);
        expect(await log.holds(0, { ...cursor, offset: cursor.offset + 1 })).toBe(false);
        expect(await log.holds(0, { ...cursor, offset: cursor.offset - 1 })).toBe(false);
        expect(await log.holds(1, cursor)).toBe(false);
        for (const other of [fenced({ owner: 'b' }), fenced({ term: 2 }), fenced({ batch: 7 }), fenced({ index: 1 })]) {
          expect(await log.holds(0, other)).toBe(false);
        }
        const foreign = await open();
        await foreign.log.append(0, [takeover('other', 1)]);
        await foreign.log.append(0, batchOf('other', 1, 0, [eventNamed('x')]));
        expect(await foreign.log.holds(0, cursor)).toBe(false);
        await foreign.close();
      });
    });

    followingContract(() => log);

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
