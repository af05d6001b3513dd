import { expect, it } from 'vitest';
import { ask, faulty, lost, markRead, openLog, ownerOf } from './testing.js';

it('what was answered is not refused when the rest of its batch cannot be written', async () => {
  const broken = Array.from({ length: 40 }, () => lost);
  const owner = ownerOf(faulty(openLog(), [undefined, undefined, ...broken]));
  const [known, unknown] = [markRead(1, 1), markRead(2, 1)];
  await ask(owner, known);
  const told: string[] = [];
  await owner.process(
    [known, unknown].map((command) => ({
      command,
      answer: () => void told.push(`${command.id} answered`),
      refuse: () => void told.push(`${command.id} refused`),
    })),
  );
  // The other one may still appear in the log: it is told nothing.
  expect(told).toEqual([`${known.id} answered`]);
});
