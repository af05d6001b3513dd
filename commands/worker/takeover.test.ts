import { beforeEach, describe, expect, it } from 'vitest';
import { CODE, type Log } from '../log/log.js';
import type { Owner } from './owner.js';
import { type Clock, HOME, PARTITIONS, T0, ask, history, markRead, openLog, ownerOf } from './testing.js';

let clock: Clock;
let log: Log;
let owner: Owner;

beforeEach(() => {
  clock = { now: T0 };
  log = openLog();
  owner = ownerOf(log, { clock });
});

describe('time', () => {
  it('never runs backwards in a partition, though the clock may a little', async () => {
    await ask(owner, markRead(1, 1));
    clock.now -= 4_000;
    await ask(owner, markRead(1, 2));
    await ask(ownerOf(log, { clock }), markRead(1, 3));
    clock.now += 9_000;
    await ask(owner, markRead(1, 4));
    const times = (await history(log)).events.map(({ at }) => Date.parse(at) - T0);
    expect(times).toEqual([0, 0, 0, 5_000]);
  });

  it('is not to be kept by an owner whose clock is behind the log: it refuses to own', async () => {
    await ask(owner, markRead(1, 1));
    const before = await log.end(HOME);
    await expect(ownerOf(log, { clock: { now: T0 - 5_001 } }).takeOver()).rejects.toMatchObject({
      code: 'CLOCK_BEHIND',
      message: expect.stringMatching(/clock is behind the log/),
    });
    expect(await log.end(HOME)).toBe(before);
    await ownerOf(log, { clock: { now: T0 - 5_000 } }).takeOver();
  });
});

describe('taking over', () => {
  it('tells how far the fold of the log is', async () => {
    for (let seq = 1; seq <= 1_500; seq += 100) {
      await ask(owner, ...Array.from({ length: 100 }, (_, n) => markRead(1, seq + n)));
    }
    const told: string[] = [];
    await ownerOf(log, { clock, onProgress: (done, of) => told.push(`${done}/${of}`) }).takeOver();
    expect(told).toEqual([...Array.from({ length: 15 }, (_, n) => `${n + 1}00/1502`), '1502/1502']);
  });

  it('refuses what newer code has written', async () => {
    const header = { owner: 'newer', term: 1, batch: 0, index: 0, count: 1, code: CODE + 1 };
    await log.append(HOME, [{ kind: 'takeover', header, at: new Date(T0).toISOString() }]);
    await expect(owner.takeOver()).rejects.toThrow(/newer code/);
  });

  it('refuses a log whose streams have gaps', async () => {
    await ask(owner, markRead(1, 1));
    const { events } = await history(log);
    const header = { owner: 'x', term: 2, batch: 0, index: 0, count: 1, code: CODE };
    await log.append(HOME, [{ kind: 'takeover', header, at: new Date(T0).toISOString() }]);
    await log.append(
      HOME,
      events.map((event) => ({ kind: 'event', header, event: { ...event, version: 3 } })),
    );
    await expect(ownerOf(log, { clock }).takeOver()).rejects.toThrow(/the log is damaged/);
  });

  it('is done for one partition and leaves the others alone', async () => {
    await owner.takeOver();
    const ends = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => log.end(partition)));
    expect(ends).toEqual([1, 2, 1, 1]);
  });
});
