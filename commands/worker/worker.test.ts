import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import { memoryChannel } from '../channel/memory.js';
import type { Command } from '../command.js';
import type { Log } from '../log/log.js';
import { memorySnapshots } from '../snapshots/memory.js';
import {
  HOME,
  PARTITIONS,
  T0,
  ada,
  ask,
  commandOf,
  faulty,
  history,
  markRead,
  openLog,
  ownerOf,
  random,
  waitTurns,
} from './testing.js';
import { type WorkerOptions, startWorker } from './worker.js';

function begin(log: Log, more: Partial<WorkerOptions> = {}) {
  const channel = memoryChannel({ partitions: PARTITIONS });
  const failures: unknown[] = [];
  let fail: (error: unknown) => void;
  const failed = new Promise<unknown>((resolve) => {
    fail = resolve;
  });
  const onFailure = (error: unknown): void => {
    failures.push(error);
    fail(error);
  };
  const snapshots = memorySnapshots(STATE);
  const options = { log, snapshots, source: channel, now: () => T0, random, wait: waitTurns, onFailure };
  const worker = startWorker({ ...options, ...more });
  return { channel, worker, failures, failed };
}

/** Somebody of another home registers. */
function register(partition: number): Command {
  const user = clientId(7, partition * 1_024 + 5);
  const data = { name: sealedText(`user-${user}`, `${user}/name`), chars: 3 };
  return commandOf({ type: 'RegisterUser', data }, { actor: user, stream: streamOf('user', user) });
}

describe('a worker', () => {
  it('owns every partition, and decides for each of them', async () => {
    const log = openLog();
    const { channel, worker, failures } = begin(log);
    await worker.ready;
    const answers = await Promise.all([0, 1, 2, 3].map((partition) => channel.submit(partition, register(partition))));
    expect(answers).toMatchObject([0, 1, 2, 3].map((partition) => ({ status: 'accepted', position: { partition } })));
    await worker.stop();
    expect(failures).toEqual([]);
  });

  it('takes commands that came before it was ready', async () => {
    const { channel, worker } = begin(openLog());
    const answer = channel.submit(HOME, markRead(1, 1));
    expect(await answer).toMatchObject({ status: 'accepted' });
    await worker.stop();
  });

  it('decides in batches what comes while an append is under way', async () => {
    const log = openLog();
    const { channel, worker } = begin(log);
    await worker.ready;
    await Promise.all(Array.from({ length: 300 }, (_, n) => channel.submit(HOME, markRead(1, n + 1))));
    const { events, outcomes } = await history(log);
    expect(events).toHaveLength(300);
    expect(outcomes).toHaveLength(300);
    await worker.stop();
  });

  it('answers what waits before it stops, and takes nothing more', async () => {
    const { channel, worker } = begin(openLog());
    await worker.ready;
    const answers = Array.from({ length: 700 }, (_, n) => channel.submit(HOME, markRead(1, n + 1)));
    await worker.stop();
    expect((await Promise.all(answers)).every(({ status }) => status === 'accepted')).toBe(true);
    await expect(channel.submit(HOME, markRead(1, 1_000))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('tells how far it is on all partitions together', async () => {
    const log = openLog();
    await ask(ownerOf(log), markRead(1, 1));
    const told: string[] = [];
    const { worker } = begin(log, { onProgress: (done, of) => told.push(`${done}/${of}`) });
    await worker.ready;
    // The identity of each partition, one takeover, one event.
    expect(told.at(-1)).toBe('6/6');
    await worker.stop();
  });

  it('refuses the name of a command for something at another home, so that a name is one command everywhere', async () => {
    const { channel, worker } = begin(openLog());
    await worker.ready;
    const command = markRead(1, 1);
    const answer = await channel.submit(HOME, command);
    expect(await channel.submit(3, { ...register(3), id: command.id, actor: ada })).toMatchObject({
      status: 'rejected',
      code: 'WRONG_BUCKET',
    });
    expect(await worker.outcome(command)).toEqual(answer);
    await worker.stop();
  });

  it('says so when a partition cannot be owned, and never becomes ready', async () => {
    const log = openLog();
    const broken = faulty(
      log,
      Array.from({ length: 99 }, () => () => Promise.reject(new Error('the disk is full'))),
    );
    const { worker, failed, failures } = begin(broken);
    await expect(worker.ready).rejects.toMatchObject({ code: 'UNOWNED' });
    expect(await failed).toMatchObject({ code: 'UNOWNED' });
    await worker.stop();
    expect(failures).toHaveLength(1);
  });

  it('says so when a partition stops, while the others go on', async () => {
    const log = openLog();
    const shrinking = { ...log };
    const { channel, worker, failed } = begin(shrinking);
    await worker.ready;
    shrinking.append = (partition, batch) => (partition === HOME ? Promise.resolve(0) : log.append(partition, batch));
    const answered: unknown[] = [];
    // Nobody knows whether this one was written: it is left without an answer, for a refusal would say that it was not.
    channel.submit(HOME, markRead(1, 1)).then(
      (answer) => answered.push(answer),
      (error: unknown) => answered.push(error),
    );
    expect(await failed).toMatchObject({ message: expect.stringContaining('lost data') });
    expect(await channel.submit(3, register(3))).toMatchObject({ status: 'accepted' });
    expect(answered).toEqual([]);
    await worker.stop();
  });
});

describe('a look-up of an outcome', () => {
  /** A log that nobody can read yet, until it is let go. */
  function slowly(log: Log) {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow: Log = {
      ...log,
      read: async function* (...args) {
        await gate;
        yield* log.read(...args);
      },
    };
    return { slow, go };
  }

  it('waits until the log is folded', async () => {
    const log = openLog();
    const command = markRead(1, 1);
    const [answer] = await ask(ownerOf(log), command);
    const { slow, go } = slowly(log);
    const { worker } = begin(slow);
    const asked = worker.outcome(command);
    go();
    expect(await asked).toEqual(answer);
    expect(await worker.outcome(markRead(1, 2))).toBeUndefined();
    await worker.stop();
  });

  it('is one of a thousand at most', async () => {
    const { slow, go } = slowly(openLog());
    const { worker } = begin(slow);
    const asked = Array.from({ length: 1_000 }, () => worker.outcome(markRead(1, 1)));
    await expect(worker.outcome(markRead(1, 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Too many ask'),
    });
    go();
    expect(new Set(await Promise.all(asked))).toEqual(new Set([undefined]));
    expect(await worker.outcome(markRead(1, 1))).toBeUndefined();
    await worker.stop();
  });

  it('ends when its time is over, though the log is still read', async () => {
    const { slow, go } = slowly(openLog());
    const { worker } = begin(slow, { wait: async () => turn() });
    await expect(worker.outcome(markRead(1, 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('still reading its log'),
    });
    go();
    await worker.stop();
  });

  it('asks one home for it, and says so where the store does not answer', async () => {
    let off = false;
    const real = memorySnapshots(STATE);
    const snapshots: WorkerOptions['snapshots'] = {
      ...real,
      load: (...args) => (off ? Promise.reject(new Error('no answer')) : real.load(...args)),
    };
    const troubles: unknown[] = [];
    const onTrouble = (error: unknown): void => {
      troubles.push(error);
    };
    const { channel, worker } = begin(openLog(), { snapshots, onTrouble });
    await worker.ready;
    const command = markRead(1, 1);
    const answer = await channel.submit(HOME, command);
    expect(await worker.outcome(command)).toEqual(answer);
    off = true;
    await expect(worker.outcome(markRead(1, 1))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('right now'),
    });
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SNAPSHOTS_SILENT' }));
    off = false;
    await worker.stop();
  });
});
