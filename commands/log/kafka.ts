import type { Uuid } from '../../domain/ids.js';
import type { KafkaConnection } from '../kafka/connect.js';
import { type Page, openReader } from '../kafka/fetch.js';
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

  /** The next page, unless one stops before; the one behind it is on its way while this one is read. */
  async function* pages(partition: number, from: number, to: number, options: Stops): AsyncGenerator<Page> {
    const fetch = (at: number): Promise<Page | undefined> => {
      const page = reader.page(partition, at, options);
      // Nobody may come to take it.
      page.catch(() => undefined);
      return page;
    };
    let next = fetch(from);
    for (let at = from; at < to;) {
      const page = await next;
      if (!page) return;
      at = page.next;
      if (at < to) next = fetch(at);
      if (page.next > from) yield page;
    }
  }

  async function* scan(partition: number, from: number, to: number): AsyncGenerator<readonly Placed[]> {
    for await (const { records } of pages(partition, from, to, {})) {
      check(partition);
      yield parse(partition, { records: records.filter(({ offset }) => Number(offset) < to) });
    }
  }

  async function* read(partition: number, from = startOfLog, options: ReadOptions = {}): AsyncGenerator<Chunk> {
    const { follow = false, limit = CHUNK, signal } = options;
    if (!(limit >= 1)) throw new RangeError(`a chunk of at most ${limit} records`);
    check(partition);
    const stopped = (): boolean => signal?.aborted === true || (follow && closed !== undefined);
    const note = marks.reading(partition, from);
    let at = from;
    const chunksOf = function* <T>(
      raw: readonly T[],
      next: number,
      records: (some: readonly T[]) => readonly Placed[],
    ): Generator<Chunk> {
      for (let n = 0; !stopped() && (n < raw.length || (n === 0 && next > at.offset)); n += limit) {
        check(partition);
        const chunk = passAll(at, records(raw.slice(n, n + limit)));
        // Behind the last record there may be a gap.
        const whole = n + limit >= raw.length;
        at = whole ? { offset: Math.max(next, chunk.next.offset), fence: chunk.next.fence } : chunk.next;
        note({ records: chunk.records, next: at });
        yield { records: chunk.records.filter(isOnly), next: at };
      }
    };
    const parsed = (records: Page['records']): readonly Placed[] => parse(partition, { records });

    const patience = follow ? { patience: Infinity, signal: anyOf(signal, closing.signal) } : { signal };
    for (;;) {
      const end = await endFor(partition, follow, stopped);
      for await (const page of pages(partition, at.offset, end, patience)) {
        const within = follow ? page.records : page.records.filter(({ offset }) => Number(offset) < end);
        yield* chunksOf(within, follow ? page.next : Math.min(page.next, end), parsed);
        if (stopped()) return;
      }
      if (!follow || stopped()) return;
      const place = tails.join(partition, at.offset);
      if (!place) continue;
      const leave = (): void => place.leave();
      signal?.addEventListener('abort', leave, { once: true });
      try {
        for (let block = await place.next(); block && !stopped(); block = await place.next()) {
          const fresh = block.records.filter(({ offset }) => offset >= at.offset);
          yield* chunksOf(fresh, block.next, (records) => records);
        }
      } finally {
        signal?.removeEventListener('abort', leave);
        place.leave();
      }
    }
  }

  /** The end; a follower waits for Kafka to come back, for as long as that takes. */
  async function endFor(partition: number, follow: boolean, stopped: () => boolean): Promise<number> {
    for (;;) {
      try {
        return await reader.end(partition);
      } catch (error) {
        if (stopped()) return 0;
        if (closed) throw closedError();
        if (!follow) throw error;
        kafka.onTrouble(error);
      }
    }
  }

  /** Folds the fence from the nearest known cursor up to the first record for which `there` holds, or to the end. */
  async function seek(partition: number, place: Place, there: (record: Placed, valid: boolean) => boolean) {
    let at: Cursor = marks.before(partition, place);
    const note = marks.reading(partition, at);
    const end = await reader.end(partition);
    for await (const records of scan(partition, at.offset, end)) {
      const from = at;
      for (const [n, record] of records.entries()) {
        const { fence, valid } = pass(at.fence, record.entry);
        if (there(record, valid)) return at;
        at = { offset: record.offset + 1, fence };
        if (n === records.length - 1) note(passAll(from, records));
      }
    }
    return at.offset < end ? { ...at, offset: end } : at;
  }

  return {
    id,
    partitions,
    append: async (partition, batch) => {
      check(partition);
      checkBatch(batch);
      return whileOpen(
        producer.send(
          topic.name,
          partition,
          batch.map((entry) => messageOf(partition, entry)),
        ),
      );
    },
    read,
    end: async (partition) => {
      check(partition);
      return whileOpen(reader.end(partition));
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
      if (cursor.offset > (await whileOpen(reader.end(partition)))) return false;
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

type Stops = { readonly signal?: AbortSignal | undefined; readonly patience?: number };

const anyOf = (one: AbortSignal | undefined, other: AbortSignal): AbortSignal =>
  one ? AbortSignal.any([one, other]) : other;

/** Where many opened a new log at the same moment, each may have written an identity: only the first one is it. */
const isOnly = ({ offset, entry }: Placed): boolean => entry.kind !== 'log' || offset === 0;
