import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { memorySnapshots } from '../snapshots/memory.js';
import { ask, history, markRead, openLog, ownerOf } from './testing.js';

it('a command that comes again while its outcome is on the way into the store is not done again', async () => {
  const log = openLog();
  const real = memorySnapshots(STATE);
  let release = (): void => undefined;
  const snapshots: typeof real = {
    ...real,
    flush: async (...args) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return real.flush(...args);
    },
  };
  const owner = ownerOf(log, { snapshots });
  const command = markRead(1, 1);
  const [answer] = await ask(owner, command);
  const flushing = owner.flush();
  await turn();
  // The other stream has to be fetched, and that waits for the flush: by then the outcome is in the store alone.
  const again = ask(owner, command, markRead(2, 1));
  await turn();
  release();
  expect((await again)[0]).toEqual(answer);
  await flushing;
  expect((await history(log)).outcomes).toHaveLength(2);
});
