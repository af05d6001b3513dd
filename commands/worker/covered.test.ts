import { expect, it } from 'vitest';
import type { Incoming } from '../command.js';
import { entries, markRead, openLog, ownerOf } from './testing.js';

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
