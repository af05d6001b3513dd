import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { clientId } from '../../domain/testing.js';
import type { Log } from '../log/log.js';
import { memorySnapshots } from '../snapshots/memory.js';
import { storeBench, tight } from './testing-store.js';
import { HOME, ask, markRead, openLog, ownerOf } from './testing.js';

const { bench, owning, takeovers, copy, putBack } = storeBench();

describe('a store at another checkpoint', () => {
  it('means to take over again: what it holds does not belong to this memory', async () => {
    const { owner, troubles } = owning();
    await ask(owner, markRead(1, 1));
    await owner.flush();
    const early = copy();
    await ask(owner, markRead(1, 2));
    await owner.flush();
    putBack(early);
    // It would be fetched at version 1 otherwise.
    expect(await ask(owner, markRead(1, 3))).toMatchObject([{ version: 3, events: 1 }]);
    expect(await takeovers()).toBe(2);
    expect(troubles).toMatchObject([{ code: 'SNAPSHOTS_MOVED' }]);
  });

  it('because it lost its last second costs time and no word: at a flush, too', async () => {
    const { owner, troubles } = owning({ ...tight, room: 1e9 });
    const lost = copy();
    const first = markRead(1, 1);
    const [answer] = await ask(owner, first);
    await owner.flush();
    putBack(lost);
    // It is not asked for anything that it should have.
    expect(await ask(owner, first, markRead(1, 2))).toMatchObject([answer ?? {}, { version: 2 }]);
    await owner.flush();
    await ask(owner, markRead(2, 1));
    putBack(lost);
    await owner.flush();
    expect(troubles).toMatchObject([{ code: 'SNAPSHOTS_MOVED' }, { code: 'SNAPSHOTS_MOVED' }]);
    expect(await ask(owner, first, markRead(1, 3))).toMatchObject([answer ?? {}, { version: 3 }]);
    expect(await takeovers()).toBe(3);
  });

  it('that is of another log, or further than the log, is thrown away', async () => {
    const { owner } = owning();
    await ask(owner, markRead(1, 1), markRead(1, 2), markRead(1, 3));
    await owner.flush();
    const other = openLog();
    await ask(ownerOf(other, { clock: bench.clock, snapshots: memorySnapshots(STATE) }), markRead(1, 1));
    bench.log = { ...other };
    const { owner: next } = owning();
    expect(await ask(next, markRead(1, 2))).toMatchObject([{ version: 2 }]);
    // The same id, as after a restore of the log from a backup, but another history.
    const foreign = { ...other, id: clientId(99) };
    bench.log = foreign;
    await next.flush();
    const { owner: stranger } = owning();
    expect(await ask(stranger, markRead(1, 3))).toMatchObject([{ version: 3 }]);
    expect(bench.shelf.size).toBe(0);
  });

  it('whose streams do not fit to the log is thrown away once', async () => {
    const { owner } = owning();
    await ask(owner, markRead(1, 1));
    await owner.flush();
    await ask(owner, markRead(1, 2));
    for (const { streams } of bench.shelf.values()) {
      for (const [stream, text] of streams) streams.set(stream, text.replace('"version":1', '"version":7'));
    }
    const { owner: next } = owning();
    expect(await ask(next, markRead(1, 3))).toMatchObject([{ version: 3 }]);
  });
});

describe('a new version of the states', () => {
  it('is built beside the old one, whole, before its partition is taken; then the old one goes', async () => {
    const { owner } = owning();
    for (let n = 0; n < 30; n++) await ask(owner, markRead(n, 1));
    await owner.flush();
    const seen: (readonly string[])[] = [];
    const { log } = bench;
    bench.log = {
      ...log,
      append: (...args) => {
        seen.push([...bench.shelf.keys()]);
        return log.append(...args);
      },
    };
    const { owner: newer } = owning({ room: 0, flush: 2_000, full: 1e6 }, undefined, { state: STATE + 1 });
    await newer.takeOver();
    expect(seen).toEqual([[`${STATE}/${HOME}`, `${STATE + 1}/${HOME}`]]);
    expect([...bench.shelf.keys()]).toEqual([`${STATE + 1}/${HOME}`]);
    expect(await ask(newer, markRead(7, 2))).toMatchObject([{ version: 2 }]);
  });

  it('is built while the old one goes on: its partition is taken only near the end of the log', async () => {
    const { owner } = owning();
    for (let n = 0; n < 30; n++) await ask(owner, markRead(n, 1));
    const { log } = bench;
    let seq = 1;
    let taken = false;
    const reads: { read: number; readonly taken: boolean }[] = [];
    const goingOn: Log = {
      ...log,
      append: (...args) => ((taken = true), log.append(...args)),
      read: async function* (...args) {
        const read = { read: 0, taken };
        reads.push(read);
        for await (const chunk of log.read(...args)) {
          read.read += chunk.records.length;
          yield chunk;
        }
        // People write a lot while the first fold goes on.
        if (reads.length > 2) return;
        seq += 1;
        await ask(owner, ...Array.from({ length: 1_500 }, (_, n) => markRead(n, seq)));
      },
    };
    bench.log = goingOn;
    const { owner: newer } = owning(tight, undefined, { state: STATE + 1 });
    await newer.takeOver();
    expect(reads.map(({ read }) => read).filter((read) => read >= 1_500)).toHaveLength(2);
    // The last one is the one behind the takeover, while nobody decides.
    expect(reads.at(-1)).toEqual({ read: 1, taken: true });
  });

  it('stays when an older worker has the partition for a while; neither loses a word by it', async () => {
    const newerOwner = () => owning(tight, undefined, { state: STATE + 1 }).owner;
    await ask(owning().owner, markRead(1, 1));
    const newer = newerOwner();
    const command = markRead(1, 2);
    const answers = await ask(newer, command);
    await newer.flush();
    const { owner: older } = owning();
    expect(await ask(older, command, markRead(1, 3))).toMatchObject([answers[0] ?? {}, { version: 3 }]);
    await older.flush();
    expect([...bench.shelf.keys()].toSorted()).toEqual([`${STATE}/${HOME}`, `${STATE + 1}/${HOME}`]);
    const { log } = bench;
    const offsets: number[] = [];
    bench.log = { ...log, read: (home, from, how) => (offsets.push(from?.offset ?? 0), log.read(home, from, how)) };
    expect(await ask(newerOwner(), command, markRead(1, 4))).toMatchObject([answers[0] ?? {}, { version: 4 }]);
    // It went on from where the newer one was.
    expect(Math.min(...offsets)).toBeGreaterThan(4);
    // And the one from before, if it still lives, takes over again.
    expect(await ask(newer, markRead(1, 5))).toMatchObject([{ version: 5 }]);
  });
});

describe('a long takeover', () => {
  it('flushes on the way, so that no more than a part of the log is in memory', async () => {
    const { owner } = owning();
    for (let n = 0; n < 12; n++) {
      await ask(owner, ...Array.from({ length: 300 }, (_, at) => markRead(n * 300 + at, 1)));
    }
    bench.shelf.clear();
    const { owner: next, flushes } = owning({ room: 0, flush: 10_000, full: 1e9 });
    await next.takeOver();
    expect(flushes.length).toBeGreaterThanOrEqual(3);
    // One page of the log has at most 1,000 records, and the outcomes of 1,300 commands if they are in batches of 300.
    for (const { streams, outcomes } of flushes) {
      expect(streams.length).toBeLessThanOrEqual(1_000);
      expect(outcomes.length).toBeLessThanOrEqual(1_300);
    }
    expect(flushes.reduce((sum, { outcomes }) => sum + outcomes.length, 0)).toBeGreaterThan(2_500);
  });

  it('over a store that takes nothing reads no further than the limit, however often it is tried', async () => {
    const { owner } = owning();
    for (let n = 0; n < 12; n++) {
      await ask(owner, ...Array.from({ length: 500 }, (_, at) => markRead(n * 500 + at, 1)));
    }
    bench.shelf.clear();
    const { log } = bench;
    let read = 0;
    bench.log = {
      ...log,
      read: async function* (...args) {
        for await (const chunk of log.read(...args)) {
          read += chunk.records.length;
          yield chunk;
        }
      },
    };
    let off = true;
    const limits = { room: 0, flush: 10_000, full: 1e6 };
    const { owner: next } = owning(limits, (real) => ({
      flush: (...args) => (off ? Promise.reject(new Error('no answer')) : real.flush(...args)),
    }));
    for (let tried = 0; tried < 4; tried++) {
      expect(await ask(next, markRead(1, 2))).toMatchObject([{ code: 'UNAVAILABLE' }]);
    }
    expect(read).toBeLessThanOrEqual(3_000);
    off = false;
    expect(await ask(next, markRead(1, 2))).toMatchObject([{ version: 2 }]);
  });
});
