import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import type { Stream } from '../../domain/ids.js';
import { startOfLog } from '../log/store.js';
import { memorySnapshots } from '../snapshots/memory.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { createBacking } from './backing.js';
import { type Memory, type Slot, blankMemory, evict, fold, place, slotOf, touch } from './memory.js';
import { HOME, ask, markRead, openLog, ownerOf, waitTurns } from './testing.js';

const streamNo = (n: number): Stream => markRead(n, 1).stream;

/** A memory with some streams at hand, all as the store has them. */
function withClean(count: number): Memory {
  const memory = blankMemory();
  for (let n = 0; n < count; n++) place(memory, streamNo(n), undefined);
  return memory;
}

const weightOf = ({ clean, dirty }: Memory): number =>
  [...clean.values(), ...dirty.values()].reduce((sum, { weight }) => sum + weight, 0);

describe('the memory', () => {
  it('lets go of what was not used for longest, until the rest fits', () => {
    const memory = withClean(10);
    const each = memory.weight / 10;
    for (const n of [0, 3]) touch(memory, streamNo(n));
    expect(evict(memory, 4 * each)).toBe(6);
    expect([...memory.clean.keys()]).toEqual([8, 9, 0, 3].map(streamNo));
    expect(memory.weight).toBe(weightOf(memory));
    expect(evict(memory, 0)).toBe(4);
    expect([memory.clean.size, memory.weight]).toEqual([0, 0]);
    expect(evict(memory, 0)).toBe(0);
  });

  it('does not even look at what it may not let go of: letting go costs what it frees', () => {
    const memory = withClean(3);
    const untouchable: Slot = {
      get now(): never {
        throw new Error('looked at');
      },
      get stored(): never {
        throw new Error('looked at');
      },
      get weight(): never {
        throw new Error('looked at');
      },
    };
    for (let n = 100; n < 200; n++) memory.dirty.set(streamNo(n), untouchable);
    memory.weight += 1e6;
    evict(memory, 0);
    expect([memory.clean.size, memory.dirty.size]).toEqual([0, 100]);
  });

  it('knows what its streams weigh, and counts those that the store does not have as unflushed', async () => {
    const log = openLog();
    await ask(ownerOf(log), ...Array.from({ length: 50 }, (_, n) => markRead(n % 5, n + 1)));
    const memory = withClean(8);
    for await (const chunk of log.read(HOME, startOfLog)) fold(memory, chunk);
    expect([...memory.dirty.keys()].toSorted()).toEqual([0, 1, 2, 3, 4].map(streamNo).toSorted());
    expect([...memory.clean.keys()]).toEqual([5, 6, 7].map(streamNo));
    expect(slotOf(memory, streamNo(2))?.now.version).toBe(10);
    expect(memory.weight).toBe(weightOf(memory));
    const dirty = [...memory.dirty.values()].reduce((sum, { weight }) => sum + weight, 0);
    // 50 outcomes of 400 bytes, 50 changes of 300.
    expect(memory.unflushed).toBe(dirty + 50 * 700);
  });

  it('keeps the events of streams that are not at hand, and counts them', async () => {
    const log = openLog();
    await ask(ownerOf(log), markRead(1, 1), markRead(2, 1), markRead(1, 2));
    const memory = blankMemory();
    for await (const chunk of log.read(HOME, startOfLog)) fold(memory, chunk);
    expect([...memory.tails].map(([stream, tail]) => [stream, tail.length])).toEqual([
      [streamNo(1), 2],
      [streamNo(2), 1],
    ]);
    const bytes = [...memory.tails.values()].flat().reduce((sum, event) => sum + JSON.stringify(event).length, 0);
    expect(memory.unflushed).toBeGreaterThan(bytes);
    expect(memory.weight).toBe(0);
  });

  it('still counts what changed while a flush was under way', async () => {
    const log = openLog();
    await ask(ownerOf(log), markRead(1, 1));
    const memory = withClean(2);
    for await (const chunk of log.read(HOME, startOfLog)) fold(memory, chunk);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const real = memorySnapshots(STATE);
    const slow: Snapshots = { ...real, flush: (...args) => gate.then(() => real.flush(...args)) };
    const backing = createBacking({ snapshots: slow, log, home: HOME, wait: waitTurns });
    const flushed = backing.commit(memory);
    await ask(ownerOf(log), markRead(1, 2));
    for await (const chunk of log.read(HOME, memory.cursor)) fold(memory, chunk);
    release();
    expect(await flushed).toBe(true);
    const { weight, stored } = slotOf(memory, streamNo(1)) ?? {};
    expect([stored?.version, [...memory.dirty.keys()]]).toEqual([1, [streamNo(1)]]);
    expect(memory.unflushed).toBeGreaterThanOrEqual((weight ?? 0) + 700);
    expect(await backing.commit(memory)).toBe(true);
    expect([memory.dirty.size, memory.unflushed]).toEqual([0, 0]);
  });
});
