import { setTimeout as sleep } from 'node:timers/promises';
import type { Uuid } from '../../domain/ids.js';
import { type KafkaConnection, KafkaError } from '../kafka/connect.js';
import { type Asking, type Page, openReader } from '../kafka/fetch.js';
import { createProducer } from '../kafka/produce.js';
import { openTails } from '../kafka/tails.js';
import { ensureTopic, eventsTopic } from '../kafka/topics.js';
import { pass } from './fence.js';
import { isHeld } from './kafka-holds.js';
import { identify } from './kafka-identity.js';
import { openMarks } from './kafka-marks.js';
import { messageOf, placedIn } from './kafka-records.js';
import { type Chunk, type Cursor, type Log, type Placed, type ReadOptions, LogError } from './log.js';
import { type Place, checkBatch, known, passAll, startOfLog, timeOf } from './store.js';

export type KafkaLogOptions = {
  readonly kafka: KafkaConnection;
  /** What the names of the topics begin with. */
  readonly prefix: string;
  readonly partitions: number;
  readonly replication: number;
  /** Names a new log. */
  readonly newId: () => Uuid;
};

const CHUNK = 1_000;

/** So long may what was acknowledged not be seen, in ms. */
const SHORT = 60_000;

/**
 * Opens the log in the topic `<prefix>events`, or makes it; many processes may at once, and all get the same log. A batch is
 * one batch of Kafka's, on all replicas in sync when `append` resolves.
 *
 * `cursorAt` folds the fence from the nearest cursor that is known, and Kafka keeps none: a process knows those that it
 * has come across while reading. At worst it reads the partition from its start, some 100,000 records a second. `holds`
 * reads backwards, commonly one page. `read` and `end` go around brokers that hang or fall; without `follow` they throw
 * KAFKA_UNREACHABLE after a minute.
 *
 * Throws LogError, and KafkaError: KAFKA_DRIFT where the topic is not as it must be, KAFKA_TOO_LARGE where a batch is
 * beyond what the broker takes (it is not in, and would not be again).
 */
export async function openKafkaLog({ kafka, prefix, partitions, replication, newId }: KafkaLogOptions): Promise<Log> {
  const topic = eventsTopic(prefix, partitions, replication);
  await ensureTopic(kafka, topic);
  const producer = createProducer(kafka);
  const id = await identify({ kafka, producer, topic: topic.name, partitions, newId }).catch(async (error: unknown) => {
    await producer.close();
    throw error;
  });
  const reader = openReader(kafka, topic.name);
  const parse = (partition: number, { records }: Pick<Page, 'records'>): readonly Placed[] =>
    known(placedIn(partition, records));
  const tails = openTails(kafka, topic.name, parse);
  const marks = openMarks(partitions);

  /** What is known to be in, whatever a broker says that does not know yet that it leads no more. */
  const durable = new Map<number, number>();
  const endOf = async (partition: number, options?: Asking): Promise<number> =>
    Math.max(await reader.end(partition, options), durable.get(partition) ?? 0);

  /** Whether it goes as far as an offset. A broker that was cut off may say no though it does: it is asked for long enough. */
  const hasPlace = async (partition: number, offset: number): Promise<boolean> => {
    try {
      await reader.page(partition, offset, { bytes: 1 });
      return true;
    } catch (error) {
      if (error instanceof KafkaError && error.code === 'KAFKA_OFFSET') return false;
      throw error;
    }
  };

  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  const closedError = (): LogError => new LogError('LOG_CLOSED', 'The log was closed: open it again.');
  const check = (partition: number): void => {
    if (closed) throw closedError();
    if (!(partition >= 0 && partition < partitions)) throw new RangeError(`partition ${partition} of ${partitions}`);
  };
  /** What is asked of Kafka when the log is closed comes to nothing. */
  const whileOpen = async <T>(asked: Promise<T>): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      throw closed ? closedError() : error;
    }
  };

  /** Pages up to an offset, or until the signal ends: the next one is on its way while one is read. */
  async function* pages(partition: number, from: number, to: number, asking: Asking = {}): AsyncGenerator<Page> {
    const fetch = (at: number): Promise<Page | undefined> | undefined => {
      if (at >= to) return undefined;
      const page = reader.page(partition, at, asking);
      // Nobody may come to take it.
      page.catch(() => undefined);
      return page;
    };
    let begun = Date.now();
    let at = from;
    for (let next = fetch(at); next;) {
      const page = await next;
      if (!page) return;
      if (page.next > at) {
        begun = Date.now();
        at = page.next;
        next = fetch(at);
        yield page;
        continue;
      }
      if (Date.now() - begun > (asking.patience ?? SHORT)) {
        const message = `Partition ${partition} of ${topic.name} ends at ${at}, and had ${to} records.`;
        throw new KafkaError('KAFKA_UNREACHABLE', message);
      }
      await sleep(20);
      next = fetch(at);
    }
  }

  async function* scan(partition: number, from: number, to: number): AsyncGenerator<readonly Placed[]> {
    for await (const { records } of pages(partition, from, to)) {
      check(partition);
      yield parse(partition, { records: before(records, to) });
    }
  }

  async function* reading(partition: number, from: Cursor, options: Reading): AsyncGenerator<Chunk> {
    const { follow, limit, stopped, asking } = options;
    const note = marks.reading(partition, from);
    let at = from;
    function* chunksOf<T>(some: readonly T[], next: number, placed: (some: readonly T[]) => readonly Placed[]) {
      for (let n = 0; n === 0 || n < some.length; n += limit) {
        if (stopped()) return;
        check(partition);
        const chunk = passAll(at, placed(some.slice(n, n + limit)));
        // Behind the last record there may be a gap.
        const offset = n + limit < some.length ? chunk.next.offset : next;
        at = { offset, fence: chunk.next.fence };
        note({ records: chunk.records, next: at });
        yield { records: chunk.records.filter(isOnly), next: at };
      }
    }
    const parsed = (records: Page['records']): readonly Placed[] => parse(partition, { records });
    while (!stopped()) {
      const end = await endOf(partition, asking);
      // It throws there, unless a broker is behind the others.
      if (follow && at.offset > end) await reader.page(partition, at.offset, asking);
      for await (const { records, next } of pages(partition, at.offset, end, asking)) {
        yield* follow ? chunksOf(records, next, parsed) : chunksOf(before(records, end), Math.min(next, end), parsed);
      }
      if (!follow) return;
      const place = tails.join(partition, at.offset);
      if (!place) continue;
      const leave = (): void => place.leave();
      asking.signal?.addEventListener('abort', leave, { once: true });
      try {
        for (let block = await place.next(); block && !stopped(); block = await place.next()) {
          if (block.next <= at.offset) continue;
          const fresh = block.records.filter(({ offset }) => offset >= at.offset);
          yield* chunksOf(fresh, block.next, (records) => records);
        }
        // Where the place was lost because something is wrong, it is heard here, at the end of the partition too.
        if (!stopped()) await reader.page(partition, at.offset, { ...asking, bytes: 1 });
      } finally {
        asking.signal?.removeEventListener('abort', leave);
        leave();
      }
    }
  }

  async function* read(partition: number, from = startOfLog, options: ReadOptions = {}): AsyncGenerator<Chunk> {
    const { follow = false, limit = CHUNK, signal } = options;
    if (!(limit >= 1)) throw new RangeError(`a chunk of at most ${limit} records`);
    check(partition);
    const stopped = (): boolean => signal?.aborted === true || (follow && closed !== undefined);
    // A follower waits for Kafka to come back, for as long as that takes.
    const asking = follow ? { signal: anyOf(signal, closing.signal), patience: Infinity } : { signal };
    try {
      yield* reading(partition, from, { follow, limit, stopped, asking });
    } catch (error) {
      if (!stopped()) throw closed ? closedError() : error;
    }
  }

  /** Folds the fence from the nearest known cursor up to the first record for which `there` holds, or to the end. */
  async function seek(partition: number, place: Place, there: (record: Placed, valid: boolean) => boolean) {
    let at: Cursor = marks.before(partition, place);
    const note = marks.reading(partition, at);
    const end = await endOf(partition);
    for await (const records of scan(partition, at.offset, end)) {
      const seen: Placed[] = [];
      for (const record of records) {
        const { fence, valid } = pass(at.fence, record.entry);
        if (there(record, valid)) return at;
        if (valid) seen.push(record);
        at = { offset: record.offset + 1, fence };
      }
      note({ records: seen, next: at });
    }
    return { ...at, offset: Math.max(at.offset, end) };
  }

  return {
    id,
    partitions,
    append: async (partition, batch) => {
      check(partition);
      checkBatch(batch);
      const messages = batch.map((entry) => messageOf(partition, entry));
      const base = await whileOpen(producer.send(topic.name, partition, messages));
      durable.set(partition, Math.max(durable.get(partition) ?? 0, base + batch.length));
      return base;
    },
    read,
    end: async (partition) => {
      check(partition);
      return whileOpen(endOf(partition));
    },
    cursorAt: async (partition, place) => {
      check(partition);
      if ('offset' in place) {
        return whileOpen(seek(partition, place, ({ offset }) => offset >= place.offset));
      }
      // Times are compared as they are written, so all have to be written alike.
      const time = new Date(place.time).toISOString();
      return whileOpen(seek(partition, { time }, ({ entry }, valid) => valid && (timeOf(entry) ?? '') >= time));
    },
    holds: async (partition, cursor) => {
      check(partition);
      const isBeyond = cursor.offset > (await whileOpen(endOf(partition)));
      if (isBeyond && !(await whileOpen(hasPlace(partition, cursor.offset)))) return false;
      const held = await whileOpen(isHeld((from, to) => scan(partition, from, to), cursor));
      if (held) marks.vouch(partition, cursor);
      return held;
    },
    close: () => {
      closed ??= (async () => {
        closing.abort();
        tails.close();
        reader.close();
        await producer.close();
      })();
      return closed;
    },
  };
}

type Reading = {
  readonly follow: boolean;
  readonly limit: number;
  readonly stopped: () => boolean;
  readonly asking: Asking;
};

const before = (records: Page['records'], to: number): Page['records'] =>
  records.filter(({ offset }) => Number(offset) < to);

const anyOf = (one: AbortSignal | undefined, other: AbortSignal): AbortSignal =>
  one ? AbortSignal.any([one, other]) : other;

/** Where many opened a new log at the same moment, each may have written an identity: only the first one is it. */
const isOnly = ({ offset, entry }: Placed): boolean => entry.kind !== 'log' || offset === 0;
