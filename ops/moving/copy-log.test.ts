import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../commands/log/log.js';
import { memoryLog } from '../../commands/log/memory.js';
import { takeover } from '../../commands/log/testing.js';
import { ask, markRead, ownerOf, start } from '../../commands/worker/testing.js';
import type { Envelope } from '../../domain/event.js';
import { bucketOf, partitionOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { copyLog } from './copy-log.js';
import { itemsIn, placeOf } from './items.js';

const people = [0x000, 0x3ff, 0x500, 0x801, 0xc00, 0xfff].map((bucket, n) => clientId(n, bucket));

/** A person has read on in one of a few conversations. */
const read = (person: string, n: number) =>
  markRead(n % 7, n, { actor: person, id: clientId(100 + n, bucketOf(person)) });

let from: Log;
beforeEach(async () => {
  from = memoryLog({ partitions: 4, id: randomUUID() });
  for (const [at, person] of people.entries()) {
    const owner = ownerOf(from, {
      partition: partitionOf(bucketOf(person), 4),
      clock: { now: Date.parse('2026-08-24T09:00:00Z') + at },
    });
    for (let n = 0; n < 30; n++) await ask(owner, read(person, n + 1));
  }
  const owner = ownerOf(from);
  await ask(owner, start(), markRead(1, 5), markRead(1, 6), start());
});

const newLog = (partitions: number): Log => memoryLog({ partitions, id: randomUUID() });
const copy = (to: Log) => copyLog({ from, to, newId: randomUUID });

/** What a log holds where it belongs: the events of each stream in order, and the outcomes. */
async function contentOf(log: Log) {
  const [streams, outcomes] = [new Map<string, Envelope[]>(), new Map<string, unknown>()];
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const { records } of log.read(partition)) {
      for (const item of records.flatMap(({ entry }) => itemsIn(entry))) {
        const key = `${'event' in item ? item.event.stream : item.outcome.command}, at ${placeOf(item, log.partitions) === partition}`;
        if ('event' in item) streams.set(key, [...(streams.get(key) ?? []), item.event]);
        else outcomes.set(key, item.outcome);
      }
    }
  }
  return { streams, outcomes };
}

describe('a log that is copied', () => {
  it.each([1, 3, 4, 16])('holds the same in %i partitions', async (partitions) => {
    const to = newLog(partitions);
    const { events, outcomes, streams } = await copy(to);
    const [was, is] = [await contentOf(from), await contentOf(to)];
    expect(is).toEqual(was);
    expect(streams).toBe(was.streams.size);
    expect(outcomes).toBe(was.outcomes.size);
    expect(events).toBeGreaterThan(100);
  });

  it('never has its times run backwards in a partition', async () => {
    const to = newLog(1);
    await copy(to);
    const times: string[] = [];
    for await (const { records } of to.read(0)) {
      for (const { entry } of records) if (entry.kind === 'event') times.push(entry.event.at);
    }
    expect(times).toEqual(times.toSorted());
  });

  it('is written on by an owner, who knows what was decided before', async () => {
    const to = newLog(16);
    await copy(to);
    const [person = ''] = people;
    const owner = ownerOf(to, { partition: partitionOf(bucketOf(person), 16) });
    const [again, next] = await ask(owner, read(person, 1), read(person, 1_000));
    expect(again).toMatchObject({ status: 'accepted', version: 1 });
    expect(next).toMatchObject({ status: 'accepted', version: 5 });
    expect((await contentOf(to)).streams.size).toBe((await contentOf(from)).streams.size);
  });

  it('is whole where the result of appends was not known', async () => {
    const to = newLog(2);
    let appends = 0;
    const faulty: Log = {
      ...to,
      append: async (partition, batch) => {
        const kind = appends++ % 5;
        if (kind === 1) throw new Error('it never came');
        const base = await to.append(partition, batch);
        if (kind === 3) throw new Error('the answer was lost');
        return base;
      },
    };
    await copy(faulty);
    expect(appends).toBeGreaterThan(4);
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it('goes into a new log alone', async () => {
    const to = newLog(4);
    await to.append(2, [takeover('somebody', 1)]);
    await expect(copy(to)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY', message: /Partition 2/ });
  });

  it('is refused where it is not what was copied', async () => {
    const to = newLog(4);
    const forgetful: Log = {
      ...to,
      read: async function* (...args) {
        for await (const { records, next } of to.read(...args)) {
          yield {
            records: records.filter(({ entry }) => !(entry.kind === 'event' && entry.event.version === 1)),
            next,
          };
        }
      },
    };
    await expect(copy(forgetful)).rejects.toMatchObject({ code: 'COPY_BROKEN' });
  });
});
