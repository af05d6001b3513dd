import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionToken } from '../../commands/client/position.js';
import type { DeadLetter } from '../../commands/command.js';
import type { Entry, Log } from '../../commands/log/log.js';
import { memoryLog } from '../../commands/log/memory.js';
import { batchOf, eventNamed, header, takeover } from '../../commands/log/testing.js';
import { type Line, parse, places } from '../cli/testing.js';
import { planReplay, replay } from './replay.js';
import { type Given, readSelection } from './selection.js';

const LOG = '01980000-0000-7000-8000-000000000000';
const PARTITIONS = 3;
const timeOf = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const idle = new AbortController().signal;

/** A log with one owner per partition, who writes an event at a time. */
async function newLog(): Promise<{
  log: Log;
  write: (partition: number, name: string, second: number) => Promise<void>;
}> {
  const log = memoryLog({ partitions: PARTITIONS, id: LOG });
  const batches = new Map<number, number>();
  for (let partition = 0; partition < PARTITIONS; partition++) await log.append(partition, [takeover('a', 1)]);
  return {
    log,
    write: async (partition, name, second) => {
      const batch = batches.get(partition) ?? 0;
      batches.set(partition, batch + 1);
      await log.append(partition, batchOf('a', 1, batch, [eventNamed(name, timeOf(second))]));
    },
  };
}

async function found(log: Log, given: Given = {}, signal = idle): Promise<readonly Line[]> {
  let text = '';
  for await (const lines of replay(await planReplay(log, readSelection(given)), signal)) text += lines;
  return parse(text.split('\n').slice(0, -1));
}
const ids = (lines: readonly Line[]): readonly string[] => lines.map(({ id }) => id);

describe('a replay', () => {
  it('is oldest first, each partition in its order, and goes on behind any line, whatever the log holds', async () => {
    // Partitions with growing times: how much later than the one before it each event comes, in seconds.
    const partition = fc.array(fc.nat(3), { maxLength: 230, size: 'max' });
    const logs = fc.array(partition, { minLength: PARTITIONS, maxLength: PARTITIONS });
    await fc.assert(
      fc.asyncProperty(logs, fc.double({ min: 0, max: 0.99, noNaN: true }), async (waits, place) => {
        const { log, write } = await newLog();
        for (const [number, steps] of waits.entries()) {
          let second = 0;
          for (const [n, step] of steps.entries()) await write(number, `${number}/${n}`, (second += step));
        }
        const all = await found(log);
        expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).toSorted());
        const expected = waits.flatMap((steps, number) =>
          steps.length === 0 ? [] : [[number, steps.map((_, n) => n + 2)] as const],
        );
        expect(places(all)).toEqual(new Map(expected));
        fc.pre(all.length > 0);
        const at = Math.floor(place * all.length);
        expect(ids(await found(log, { from: all[at]?.token ?? '' }))).toEqual(ids(all.slice(at + 1)));
      }),
      { numRuns: 25 },
    );
  });

  it('takes up a position that knows some partitions only: of the others nothing is known', async () => {
    const { log, write } = await newLog();
    for (const partition of [0, 1, 2]) await write(partition, `of ${partition}`, partition);
    const from = positionToken(LOG, [{ partition: 1, offset: 3 }]);
    expect(ids(await found(log, { from }))).toEqual(['of 0', 'of 2']);
  });

  it.each([
    ['beyond the end, as after a restore of an earlier state', 0, 3],
    ['in a partition that is not there', 3, 0],
  ])('refuses a position %s', async (_, partition, offset) => {
    const { log } = await newLog();
    const from = positionToken(LOG, [{ partition, offset }]);
    await expect(found(log, { from })).rejects.toThrow(expect.objectContaining({ code: 'CURSOR_EXPIRED' }));
    expect(await found(log, { from: positionToken(LOG, [{ partition: 0, offset: 2 }]) })).toEqual([]);
  });

  it('reads no further than it is asked for, and not behind its last time', async () => {
    const { log, write } = await newLog();
    for (let n = 0; n < 1_000; n++) await write(0, `early ${n}`, n);
    let records = 0;
    const counted: Log = {
      ...log,
      read: async function* (...args) {
        for await (const chunk of log.read(...args)) {
          records += chunk.records.length;
          yield chunk;
        }
      },
    };
    const lines = replay(await planReplay(counted, readSelection({})), idle);
    await lines.next();
    expect(records).toBeLessThan(250);
    records = 0;
    expect(await found(counted, { until: timeOf(50) })).toHaveLength(50);
    expect(await found(counted, { since: timeOf(950) })).toHaveLength(50);
    expect(records).toBeLessThan(250);
  });

  it('that follows is handed what comes, once, and ends with its signal or its number', async () => {
    const { log, write } = await newLog();
    await write(0, 'before', 1);
    const stop = new AbortController();
    const following = found(log, { follow: 'on' }, stop.signal);
    const three = found(log, { follow: 'on', limit: '3' });
    for (let n = 0; n < 20; n++) await write(n % PARTITIONS, `after ${n}`, n + 2);
    expect(await three).toHaveLength(3);
    const last = found(log, { follow: 'on', limit: '21' });
    expect((await last).length).toBe(21);
    stop.abort();
    const seen = await following;
    expect(places(seen)).toEqual(places(await found(log)));
  });

  it('says what broke the log that it follows', async () => {
    const { log, write } = await newLog();
    await write(0, 'known', 1);
    const following = replay(await planReplay(log, readSelection({ follow: 'on' })), idle);
    await following.next();
    const newer: Entry = { kind: 'outcomes', header: { ...header('a', 1, 1), code: 99 }, outcomes: [] };
    await log.append(0, [newer]);
    await expect(following.next()).rejects.toThrow(expect.objectContaining({ code: 'LOG_NEWER_CODE' }));
  });
});

describe('dead letters', () => {
  const letter = (command: string, type: string): DeadLetter => ({
    actor: 'somebody',
    command,
    hash: '',
    at: timeOf(1),
    outcome: { status: 'rejected', code: 'FAILED', message: 'could not be decided' },
    letter: { type, stream: eventNamed('').stream, data: { any: 1 }, error: { name: 'Error', message: 'no' } },
  });

  it('are printed as they are in the log, those of one record each, and none is left out by going on', async () => {
    const { log, write } = await newLog();
    await write(1, 'an event', 1);
    const [one, two, three] = [letter('one', 'Paint'), letter('two', 'Draw'), letter('three', 'Paint')];
    await log.append(1, [{ kind: 'outcomes', header: header('a', 1, 1), outcomes: [one, two, three] }]);
    const asked = { 'dead-letters': 'on' };
    const all = await found(log, asked);
    const position = { partition: 1, offset: 3 };
    expect(all).toEqual([one, two, three].map((each) => ({ ...each, position, token: expect.any(String) })));
    expect(await found(log, { ...asked, type: 'Draw' })).toEqual([{ ...two, position, token: expect.any(String) }]);
    expect(await found(log, { ...asked, from: all[2]?.token ?? '' })).toEqual([]);
    expect(await found(log, { ...asked, from: all[0]?.token ?? '' })).toEqual(all);
    expect(ids(await found(log))).toEqual(['an event']);
  });
});
