import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { KafkaError, connectKafka } from '../kafka/connect.js';
import { createProducer } from '../kafka/produce.js';
import { kafkaForTests } from '../kafka/testing.js';
import { ensureTopic, eventsTopic } from '../kafka/topics.js';
import { logContract } from './contract.js';
import { openKafkaLog } from './kafka.js';
import { identify } from './kafka-identity.js';
import { messageOf } from './kafka-records.js';
import type { Log } from './log.js';
import { batchOf, cursorBehind, eventNamed, follow, readAll, takeover } from './testing.js';

const coded = (code: string): unknown => expect.objectContaining({ code });

describeWith('KAFKA_BROKERS', 'the log on Kafka', (brokers) => {
  const { connection, newPrefix } = kafkaForTests(brokers);
  const opened = new Set<Log>();
  afterEach(async () => {
    for (const log of opened) await log.close();
    opened.clear();
  });
  const open = async (prefix: string, partitions = 2, kafka = connection()): Promise<Log> => {
    const log = await openKafkaLog({ kafka, prefix, partitions, replication: 1, newId: randomUUID });
    opened.add(log);
    return log;
  };

  logContract('Kafka', true, async () => {
    const prefix = newPrefix();
    let log = await open(prefix, 4);
    return {
      log,
      close: () => log.close(),
      reopen: async () => {
        await log.close();
        log = await open(prefix, 4);
        return log;
      },
    };
  });

  /** Writes past the log, as a stranger would. */
  const past = async (
    prefix: string,
    partition: number,
    messages: Parameters<ReturnType<typeof createProducer>['send']>[2],
  ) => {
    const producer = createProducer(connection());
    await producer.send(`${prefix}events`, partition, messages);
    await producer.close();
  };

  it('is one log, however many open a new one at the same moment', async () => {
    const prefix = newPrefix();
    const kafkas = Array.from({ length: 5 }, () => connectKafka({ brokers: brokers.split(','), clientId: 'tests' }));
    const logs = await Promise.all(kafkas.map((kafka) => open(prefix, 3, kafka)));
    expect(new Set(logs.map(({ id }) => id)).size).toBe(1);
    for (const log of logs) for (const partition of [0, 1, 2]) expect(await readAll(log, partition)).toEqual(['log']);
    await logs[0]?.append(1, [takeover('a', 1)]);
    expect(await Promise.all(logs.map((log) => readAll(log, 1)))).toEqual(logs.map(() => ['log', 'takeover']));
    for (const log of logs) await log.close();
    for (const kafka of kafkas) await kafka.close();
  });

  it('is refused with another number of partitions, by the topic and by its own first record', async () => {
    const prefix = newPrefix();
    await open(prefix, 2);
    await expect(open(prefix, 4)).rejects.toEqual(coded('KAFKA_DRIFT'));
    await connection().administer((admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: `${prefix}events`, count: 4 }] }),
    );
    await expect(open(prefix, 4)).rejects.toEqual(coded('LOG_PARTITIONS'));
  });

  it('is refused where its topic holds something else, or a partition of another log, or lacks its beginning', async () => {
    const [foreign, mixed, cut] = [newPrefix(), newPrefix(), newPrefix()];
    for (const prefix of [foreign, mixed]) await ensureTopic(connection(), eventsTopic(prefix, 2, 1));
    await past(foreign, 0, [{ value: 'hello' }]);
    await expect(open(foreign)).rejects.toEqual(coded('LOG_CORRUPT'));

    const [entry] = await firstEntries(await open(newPrefix()));
    if (!entry) throw new Error('a log begins with its identity');
    await past(mixed, 1, [messageOf(1, entry)]);
    await expect(open(mixed)).rejects.toEqual(coded('LOG_CORRUPT'));

    const log = await open(cut);
    await log.append(0, [takeover('a', 1)]);
    const topic = `${cut}events`;
    await connection().administer(async (admin) => {
      // It deletes only in topics that it has heard of.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] });
    });
    await expect(open(cut)).rejects.toEqual(coded('LOG_CORRUPT'));
  });

  it('is not begun where that is refused, or fails for too long, and it is said why', async () => {
    const topic = eventsTopic(newPrefix(), 1, 1);
    await ensureTopic(connection(), topic);
    const begin = async (code: KafkaError['code'], patience: number) => {
      let sent = 0;
      const send = async (): Promise<never> => {
        sent += 1;
        throw new KafkaError(code, 'not in');
      };
      const producer = { send, close: async () => undefined };
      const options = { kafka: connection(), producer, topic: topic.name, partitions: 1, newId: randomUUID };
      const error: unknown = await identify({ ...options, patience }).catch((reason: unknown) => reason);
      return { error, sent };
    };
    for (const code of ['KAFKA_REFUSED', 'KAFKA_TOO_LARGE', 'KAFKA_CLOSED'] as const) {
      expect(await begin(code, 60_000)).toEqual({ error: coded(code), sent: 1 });
    }
    const { error, sent } = await begin('KAFKA_UNKNOWN', 200);
    expect(error).toMatchObject({ code: 'KAFKA_UNREACHABLE', cause: { code: 'KAFKA_UNKNOWN' } });
    // The pauses are 25 ms at least, and twice as long each time.
    expect(sent).toBeLessThan(7);
  });

  const firstEntries = async (log: Log) => {
    for await (const { records } of log.read(0)) return records.map(({ entry }) => entry);
    return [];
  };

  it('refuses a record that is not as it was written, or lies in another partition: Kafka’s own sums are not looked at', async () => {
    for (const message of [
      { ...messageOf(0, takeover('a', 1)), value: messageOf(0, takeover('b', 1)).value },
      messageOf(1, takeover('a', 1)),
      { value: messageOf(0, takeover('a', 1)).value },
    ]) {
      const prefix = newPrefix();
      const log = await open(prefix);
      const { ended, until } = follow(log, 0);
      await until('log');
      const [end] = await Promise.allSettled([ended, past(prefix, 0, [message])]);
      expect(end).toEqual({ status: 'rejected', reason: coded('LOG_CORRUPT') });
      await expect(readAll(log, 0)).rejects.toEqual(coded('LOG_CORRUPT'));
    }
  });

  it('goes over gaps in the offsets, at its end too, and says where it is by offsets, not by counting', async () => {
    const prefix = newPrefix();
    const log = await open(prefix);
    const { seen, until } = follow(log, 0);
    // Whoever commits a transaction leaves a mark of Kafka's behind each: an offset without a record.
    const producer = connection()
      .client({ requestTimeout: 20_000 })
      .producer({
        transactionalId: prefix,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: () => () => 0,
      });
    await producer.connect();
    for (const batch of [[takeover('a', 1)], batchOf('a', 1, 0, [eventNamed('x'), eventNamed('y')])]) {
      const transaction = await producer.transaction();
      const messages = batch.map((entry) => ({ ...messageOf(0, entry), partition: 0 }));
      await transaction.send({ topic: `${prefix}events`, messages });
      await transaction.commit();
    }
    await producer.disconnect();
    await expect.poll(() => log.end(0)).toBe(6);
    const whole = ['log', 'takeover', 'x', 'y'];
    expect(await readAll(log, 0)).toEqual(whole);
    const cursor = await cursorBehind(log, 0);
    expect(cursor).toEqual({ offset: 6, fence: { owner: 'a', term: 1, batch: 1, index: 0 } });
    expect(await log.holds(0, cursor)).toBe(true);
    expect(await log.cursorAt(0, { offset: 6 })).toEqual(cursor);
    expect(await log.append(0, batchOf('a', 1, 1, [eventNamed('z')]))).toBe(6);
    expect(await readAll(log, 0, cursor)).toEqual(['z']);
    await until('z');
    expect(seen).toEqual([...whole, 'z']);
  });

  it('refuses a batch beyond what the broker takes: it is not in, and the next one is', async () => {
    const prefix = newPrefix();
    const log = await open(prefix);
    await log.append(0, [takeover('a', 1)]);
    const text = 'x'.repeat(1 << 20);
    const long = Array.from({ length: 92 }, (_, n) => ({ ...eventNamed(`${n}`), data: { text } }));
    await expect(log.append(0, batchOf('a', 1, 0, long))).rejects.toEqual(coded('KAFKA_TOO_LARGE'));
    expect(await log.append(0, batchOf('a', 1, 0, [eventNamed('x')]))).toBe(2);
    expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'x']);
  });

  it('hands a follower a batch that is longer than a page, while others are busy', async () => {
    const log = await open(newPrefix());
    const [one, other] = [follow(log, 0), follow(log, 1)];
    await Promise.all([one.until('log'), other.until('log')]);
    await Promise.all([log.append(0, [takeover('a', 1)]), log.append(1, [takeover('b', 1)])]);
    const text = 'x'.repeat(3 << 20);
    let busy = true;
    const writing = (async () => {
      for (let n = 0; busy; n++) await log.append(0, batchOf('a', 1, n, [eventNamed(`${n}`)]));
    })();
    await log.append(1, batchOf('b', 1, 0, [{ ...eventNamed('long'), data: { text } }, eventNamed('behind')]));
    await other.until('behind');
    busy = false;
    await writing;
    expect(other.seen).toEqual(['log', 'takeover', 'long', 'behind']);
  });

  it('lets nobody wait for a follower that is slow: it reads by itself, and misses nothing', async () => {
    const log = await open(newPrefix());
    const slow: number[] = [];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const batches = 60;
    const reading = (async () => {
      for await (const { records, next } of log.read(0, undefined, { follow: true })) {
        slow.push(...records.map(({ offset }) => offset));
        // It stands still as soon as it is at the end with the others.
        if (next.offset >= 2) await gate;
        if (next.offset >= batches + 2) return;
      }
    })();
    const fast = follow(log, 0);
    await fast.until('log');
    await log.append(0, [takeover('a', 1)]);
    const text = 'x'.repeat(100_000);
    for (let n = 0; n < batches; n++)
      await log.append(0, batchOf('a', 1, n, [{ ...eventNamed(`${n}`), data: { text } }]));
    await fast.until(`${batches - 1}`);
    expect(slow.length).toBeLessThan(batches);
    go();
    await reading;
    expect(slow).toEqual(Array.from({ length: batches + 2 }, (_, offset) => offset));
  });

  it('tells a follower that begins where the log has never been', async () => {
    const log = await open(newPrefix());
    const cursor = { ...(await cursorBehind(log, 0)), offset: 5 };
    await expect(follow(log, 0, {}, cursor).ended).rejects.toEqual(coded('KAFKA_OFFSET'));
  });

  it('knows its own cursors far into a partition, after it was opened again too, and those of other logs', async () => {
    const prefix = newPrefix();
    let log = await open(prefix);
    await log.append(0, [takeover('a', 1)]);
    for (let n = 0; n < 60; n++) {
      await log.append(
        0,
        batchOf(
          'a',
          1,
          n,
          Array.from({ length: 100 }, (_, at) => eventNamed(`${n}.${at}`)),
        ),
      );
    }
    for (const _ of ['before', 'after']) {
      const cursor = await log.cursorAt(0, { offset: 5_050 });
      expect(cursor).toEqual({ offset: 5_050, fence: { term: 1, owner: 'a', batch: 50, index: 48 } });
      expect(await log.holds(0, cursor)).toBe(true);
      expect(await log.holds(0, { ...cursor, offset: 5_049 })).toBe(false);
      expect(await log.holds(0, { ...cursor, fence: { ...cursor.fence, owner: 'b' } })).toBe(false);
      await log.close();
      log = await open(prefix);
    }
  });

  it('knows a cursor beyond where it seems to end, as brokers that were cut off end too early for a while', async () => {
    const prefix = newPrefix();
    const [log, other] = [await open(prefix), await open(prefix)];
    await other.append(0, [takeover('a', 1)]);
    const cursor = { offset: 3, fence: { term: 1, owner: 'a', batch: 1, index: 0 } };
    // However long it takes here, it is not that while for which nobody's word is final.
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const asked = log.holds(0, cursor);
      // Answered behind the other question: what comes now was not there for that.
      expect(await log.end(0)).toBe(2);
      await other.append(0, batchOf('a', 1, 0, [eventNamed('x')]));
      expect(await asked).toBe(true);
    } finally {
      vi.useRealTimers();
    }
    expect(await log.holds(0, { ...cursor, offset: 4 })).toBe(false);
  });

  it('ends its followers at once when it is closed or they are told to, though nothing comes', async () => {
    const log = await open(newPrefix());
    const stop = new AbortController();
    const [told, left] = [follow(log, 0, { signal: stop.signal }), follow(log, 0)];
    await Promise.all([told.until('log'), left.until('log')]);
    await sleep(50);
    stop.abort();
    await told.ended;
    await log.close();
    await left.ended;
  });
});
