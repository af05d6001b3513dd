import { describe, expect, it } from 'vitest';
import { memoryChannel } from './memory.js';
import { type Answer, type Incoming, Refused } from '../command.js';
import { STATE } from '../../domain/catalogue.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import { PARTITIONS, markRead, openLog, random, waitTurns } from '../worker/testing.js';
import { startWorker } from '../worker/worker.js';
import { channelContract } from './contract.js';

const answer: Answer = { status: 'rejected', code: 'FAILED', message: '', position: { partition: 0, offset: 1 } };
const live = (): AbortSignal => new AbortController().signal;
const ids = (items: readonly Incoming[]): readonly string[] => items.map(({ command }) => command.id);

describe('the channel in memory', () => {
  it('hands over commands in order, at most so many at once, and their answers back', async () => {
    const channel = memoryChannel({ partitions: 1 });
    const commands = [markRead(1, 1), markRead(1, 2), markRead(1, 3)];
    const answers = commands.map((command) => channel.submit(0, command));
    const first = await channel.take(0, 2, live());
    const rest = await channel.take(0, 2, live());
    expect([...ids(first), ...ids(rest)]).toEqual(commands.map(({ id }) => id));
    expect(first).toHaveLength(2);
    for (const item of [...first, ...rest]) item.answer(answer);
    expect(await Promise.all(answers)).toEqual([answer, answer, answer]);
  });

  it('waits for the first command', async () => {
    const channel = memoryChannel({ partitions: 2 });
    const taken = channel.take(1, 10, live());
    const other = markRead(1, 1);
    const mine = markRead(1, 2);
    channel.submit(0, other).catch(() => undefined);
    channel.submit(1, mine).catch(() => undefined);
    expect(ids(await taken)).toEqual([mine.id]);
  });

  it('refuses at once what is over its capacity, and takes more when there is room', async () => {
    const channel = memoryChannel({ partitions: 2, capacity: 2 });
    const waiting = [channel.submit(0, markRead(1, 1)), channel.submit(0, markRead(1, 2))];
    await expect(channel.submit(0, markRead(1, 3))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('Too many commands'),
    });
    const elsewhere = channel.submit(1, markRead(1, 3));
    const [item] = await channel.take(0, 1, live());
    const room = channel.submit(0, markRead(1, 4));
    for (const each of [item, ...(await channel.take(0, 9, live())), ...(await channel.take(1, 9, live()))]) {
      each?.answer(answer);
    }
    expect(await Promise.all([...waiting, elsewhere, room])).toEqual([answer, answer, answer, answer]);
  });

  it('has room for so many bytes, whoever counts them', async () => {
    const size = Buffer.byteLength(JSON.stringify(markRead(1, 1)));
    const channel = memoryChannel({ partitions: 2, room: 2 * size });
    const waiting = [channel.submit(0, markRead(1, 1)), channel.submit(0, markRead(1, 2), size)];
    for (const bytes of [undefined, 1]) {
      await expect(channel.submit(0, markRead(1, 3), bytes)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
    const elsewhere = channel.submit(1, markRead(1, 3));
    const taken = await channel.take(0, 1, live());
    waiting.push(channel.submit(0, markRead(1, 4)), elsewhere);
    await expect(channel.submit(0, markRead(1, 5), 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    for (const each of [...taken, ...(await channel.take(0, 9, live())), ...(await channel.take(1, 9, live()))]) {
      each.answer(answer);
    }
    expect(await Promise.all(waiting)).toEqual([answer, answer, answer, answer]);
  });

  it('passes on a refusal', async () => {
    const channel = memoryChannel({ partitions: 1 });
    const sent = channel.submit(0, markRead(1, 1));
    const [item] = await channel.take(0, 1, live());
    item?.refuse(new Refused('EXPIRED', 'too late'));
    await expect(sent).rejects.toMatchObject({ code: 'EXPIRED' });
  });

  it('ends a wait with the signal, hands out what is left first, then refuses, until somebody takes again', async () => {
    const channel = memoryChannel({ partitions: 1 });
    const stop = new AbortController();
    const waiting = channel.take(0, 1, stop.signal);
    stop.abort();
    expect(await waiting).toEqual([]);
    await expect(channel.submit(0, markRead(1, 1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });

    const again = channel.take(0, 9, live());
    const sent = [channel.submit(0, markRead(1, 2)), channel.submit(0, markRead(1, 3))];
    const items = [...(await again), ...(await channel.take(0, 1, stop.signal))];
    expect(items).toHaveLength(2);
    expect(await channel.take(0, 1, stop.signal)).toEqual([]);
    for (const item of items) item.answer(answer);
    expect(await Promise.all(sent)).toEqual([answer, answer]);
  });

  it('has no other partitions than its own', async () => {
    const channel = memoryChannel({ partitions: 1 });
    await expect(channel.submit(1, markRead(1, 1))).rejects.toThrow(RangeError);
    await expect(channel.take(1, 1, live())).rejects.toThrow(RangeError);
  });
});

channelContract('memory', async (limits) => {
  const channel = memoryChannel({ partitions: PARTITIONS, ...limits });
  const log = openLog();
  const shelf: Shelf = new Map();
  return {
    channel,
    log,
    employ: async () => {
      const worker = startWorker({
        log,
        snapshots: memorySnapshots(STATE, shelf),
        source: channel,
        now: Date.now,
        random,
        wait: waitTurns,
        onFailure: (error) => {
          throw error;
        },
      });
      await worker.ready;
      return worker;
    },
    close: () => log.close(),
  };
});
