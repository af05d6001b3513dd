import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import type { Incoming } from '../command.js';
import { memorySnapshots } from '../snapshots/memory.js';
import { T0, ask, entries, history, markRead, openLog, ownerOf } from './testing.js';

const at = (offset: number, command = markRead(offset, 1)): Incoming => ({
  command,
  offset,
  answer: () => undefined,
  refuse: () => undefined,
});

const covered = async (...incoming: readonly Incoming[]): Promise<readonly (number | undefined)[]> => {
  const log = openLog();
  await ownerOf(log).process(incoming);
  return (await entries(log)).filter((entry) => 'outcomes' in entry).map((entry) => entry.covered);
};

it('a batch covers all commands up to the last one that it decides', async () => {
  expect(await covered(at(5), at(6), at(7))).toEqual([7]);
});

it('a batch does not cover what waits, nor what is behind that, for whoever goes on from there would never see it', async () => {
  const command = markRead(1, 1);
  // The second of two that are one has to wait for the outcome of the first.
  expect(await covered(at(5, command), at(6, command), at(7))).toEqual([5]);
});

it('a batch of commands without offsets covers nothing that could be named', async () => {
  const { offset: _, ...nowhere } = at(1);
  expect(await covered(nowhere)).toEqual([undefined]);
});

describe('what is covered', () => {
  it('is known to the next owner, from the log or from the store, and none of it is decided again', async () => {
    const log = openLog();
    const snapshots = memorySnapshots(STATE);
    const first = ownerOf(log, { snapshots });
    const late = at(4, markRead(9, 1, { deadline: new Date(T0).toISOString() }));
    expect(await first.process([late, at(5), at(6)])).toBe(6);
    expect(await first.resume()).toBe(6);
    expect(await ownerOf(log).resume()).toBe(6);
    await first.flush();
    const second = ownerOf(log, { snapshots });
    expect(await second.resume()).toBe(6);

    // It was refused when its turn was. Now it would be in time, but its turn is over.
    const said: unknown[] = [];
    const again = {
      ...at(4, { ...late.command, deadline: new Date(T0 + 1).toISOString() }),
      answer: said.push,
      refuse: said.push,
    };
    expect(await second.process([again, at(7)])).toBe(7);
    expect(said).toEqual([]);
    expect((await history(log)).outcomes).toHaveLength(3);
  });

  it('is nothing in a log that nobody has written from a topic', async () => {
    const log = openLog();
    await ask(ownerOf(log), markRead(1, 1));
    expect(await ownerOf(log).resume()).toBe(-1);
  });
});
