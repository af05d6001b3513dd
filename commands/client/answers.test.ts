import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { memoryChannel } from '../channel/memory.js';
import { type CommandChannel, Refused } from '../command.js';
import { memoryKeys } from '../keys/memory.js';
import { memorySnapshots } from '../snapshots/memory.js';
import type { Wait } from '../wait.js';
import { PARTITIONS, T0, openLog, random, waitTurns } from '../worker/testing.js';
import { startWorker } from '../worker/worker.js';
import { type CommandClient, createClient } from './client.js';
import { answer, markRead, never, start } from './testing.js';

const options = { keys: memoryKeys({ random }), partitions: PARTITIONS, now: () => T0, random };

/** A client whose commands go to `submit`, and whose patience ends when `wait` does. */
const clientTo = (submit: CommandChannel['submit'], wait: Wait = never): CommandClient =>
  createClient({ channel: { submit }, ...options, wait });

describe('an answer', () => {
  it('that does not come in time is pending, and may come later without harm', async () => {
    let patience: (() => void) | undefined;
    let settle: ((error: Error) => void) | undefined;
    const slow = clientTo(
      () => new Promise((_, reject) => (settle = reject)),
      () => new Promise((resolve) => (patience = resolve)),
    );
    const draft = markRead();
    const outcome = slow.send(draft);
    await expect.poll(() => patience).toBeDefined();
    patience?.();
    expect(await outcome).toEqual({ status: 'pending', command: draft.id });
    settle?.(new Refused('EXPIRED', 'too late'));
  });

  it('ends the waiting', async () => {
    const signals: AbortSignal[] = [];
    const listening = clientTo(
      async () => answer,
      (_, signal) => (signals.push(...(signal ? [signal] : [])), never()),
    );
    await listening.send(markRead());
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('that is a refusal is told as one, and a fault of the channel is not hidden', async () => {
    const late = clientTo(() => Promise.reject(new Refused('EXPIRED', 'Too late.')));
    expect(await late.send(markRead())).toEqual({ status: 'rejected', code: 'EXPIRED', message: 'Too late.' });
    const broken = clientTo(() => Promise.reject(new TypeError('a fault')));
    await expect(broken.send(markRead())).rejects.toThrow('a fault');
  });

  it('is the same for the same draft, sent again to a real owner; another payload under its id is told', async () => {
    const channel = memoryChannel({ partitions: PARTITIONS });
    const [log, snapshots] = [openLog(), memorySnapshots(STATE)];
    const clock = { now: () => T0, random, wait: waitTurns };
    const worker = startWorker({ log, snapshots, source: channel, onFailure: () => undefined, ...clock });
    const real = clientTo(channel.submit, waitTurns);
    const draft = start();
    const first = await real.send(draft);
    expect(first).toMatchObject({ status: 'accepted', version: 3, events: 3 });
    expect(await real.send(draft)).toEqual(first);
    expect(await real.send(start('Another text.', { id: draft.id }))).toMatchObject({ code: 'COMMAND_ID_REUSED' });
    await worker.stop();
  });
});
