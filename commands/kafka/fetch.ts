import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fetched } from 'kafkajs/src/protocol/requests/index.js';
import { backOff } from '../backoff.js';
import { type KafkaConnection, KafkaError } from './connect.js';
import { FETCH, LIST_OFFSETS, type Link, faultOf, openLinks } from './links.js';

export type { Fetched } from 'kafkajs/src/protocol/requests/index.js';

/** Some records of one partition, in order, and where reading goes on: offsets have gaps, so that is not counted. */
export type Page = { readonly records: readonly Fetched[]; readonly next: number };

/** Reads one topic from places of its own, without a group. Leaders that move and brokers that hang are gone around. */
export type Reader = {
  /** The offset behind the last record that is on enough disks to stay. Throws KAFKA_UNREACHABLE, KAFKA_CLOSED. */
  end(partition: number, options?: Asking): Promise<number>;
  /** The offset of the first record that is still there. */
  begin(partition: number, options?: Asking): Promise<number>;
  /**
   * What comes from an offset on, at most about `bytes` (default 1 MB) of it; nothing where that is the end. Undefined
   * once the signal has ended. Throws KAFKA_OFFSET where the topic has no such place, KAFKA_CLOSED.
   */
  page(partition: number, from: number, options?: Asking & { readonly bytes?: number }): Promise<Page | undefined>;
  close(): void;
};

export type Asking = {
  readonly signal?: AbortSignal | undefined;
  /** After so many ms of errors whoever asked is told (default a minute). */
  readonly patience?: number;
};

const PAGE = 1 << 20;
/** So many pages are fetched from one broker at once, however many read: one is on its way while another is read. */
const AT_ONCE = 2;

/** How long a broker that was cut off may answer as if it still led, in ms: until then its word is not final. */
const STALE_MS = 3_000;
const PATIENCE = 60_000;

/** Opens a reader on sockets of its own. */
export function openReader(kafka: KafkaConnection, topic: string): Reader {
  const links = openLinks(kafka, { fetches: true });
  const turns = new WeakMap<Link, Turns>();
  const turnsOf = (link: Link): Turns => {
    const those = turns.get(link) ?? limited(AT_ONCE);
    turns.set(link, those);
    return those;
  };

  async function* tries({
    signal,
    patience = PATIENCE,
  }: Asking): AsyncGenerator<(link: Link | undefined, error: unknown) => void> {
    const begun = Date.now();
    for (let tried = 1; !signal?.aborted; tried++) {
      let failed: unknown;
      yield (link, error) => {
        failed = error;
        links.discard(link, error);
      };
      if (failed instanceof KafkaError && isFinal(failed, Date.now() - begun)) throw failed;
      if (Date.now() - begun > patience) {
        throw new KafkaError('KAFKA_UNREACHABLE', `${topic} could not be read: see the cause.`, { cause: failed });
      }
      if (tried % 10 === 3) kafka.onTrouble(failed);
      await sleep(backOff(tried, randomBytes, { first: 30, longest: 1_000 }), undefined, signal && { signal }).catch(
        () => undefined,
      );
    }
  }

  /** Asks the leader of a partition until it answers. Undefined once the signal has ended. */
  async function ask<T>(
    partition: number,
    work: (link: Link) => Promise<T>,
    options: Asking = {},
  ): Promise<T | undefined> {
    for await (const fail of tries(options)) {
      let link: Link | undefined;
      try {
        link = await links.leaderOf(topic, partition);
        return await work(link);
      } catch (error) {
        // A fault that was told is no reason to leave the sockets that told it.
        fail(error instanceof KafkaError ? undefined : link, error);
      }
    }
    return undefined;
  }

  const offset = async (partition: number, timestamp: string, options?: Asking): Promise<number> => {
    const listed = async (link: Link): Promise<number> => {
      const topics = [{ topic, partitions: [{ partition, timestamp }] }];
      const { responses } = await link.ask(LIST_OFFSETS, { isolationLevel: 0, topics });
      const result = responses[0]?.partitions[0];
      if (!result) throw new Error('the leader gave no offset');
      if (result.errorCode !== 0) throw faulty(topic, partition, result.errorCode);
      return safe(result.offset);
    };
    const found = await ask(partition, listed, options);
    if (found === undefined) throw new KafkaError('KAFKA_CLOSED', 'The reader was closed.');
    return found;
  };

  return {
    end: (partition, options) => offset(partition, '-1', options),
    begin: (partition, options) => offset(partition, '-2', options),
    page: (partition, from, options = {}) => {
      const { bytes = PAGE } = options;
      const page = async (link: Link): Promise<Page> => {
        const [result] = await turnsOf(link)(() => fetchFrom(link, topic, [{ partition, from }], { bytes, wait: 0 }));
        if (!result) throw new Error('the leader gave no page');
        if ('fault' in result) throw result.fault;
        return result.page;
      };
      return unlessAborted(ask(partition, page, options), options.signal);
    },
    close: links.close,
  };
}

export type Result = { readonly partition: number } & ({ readonly page: Page } | { readonly fault: KafkaError });

/**
 * One fetch of several partitions from the broker that leads them, of each at most about so many `bytes`. A batch that is
 * longer comes only where its partition is the first one that has any. With a `wait` in ms it comes back as soon as there is
 * anything at all; without it comes back at once. What is wrong with one partition does not touch the others.
 */
export async function fetchFrom(
  link: Link,
  topic: string,
  places: readonly { readonly partition: number; readonly from: number }[],
  { bytes, wait }: { readonly bytes: number; readonly wait: number },
): Promise<readonly Result[]> {
  const { errorCode, responses } = await link.ask(FETCH, {
    // Whoever opens a transaction on our topic by mistake must not hold up its readers.
    isolationLevel: 0,
    maxWaitTime: wait,
    minBytes: wait > 0 ? 1 : 0,
    maxBytes: bytes * places.length,
    topics: [
      {
        topic,
        partitions: places.map(({ partition, from }) => ({ partition, fetchOffset: String(from), maxBytes: bytes })),
      },
    ],
  });
  if (errorCode !== 0) throw new Error(faultOf(errorCode).message);
  const results = responses.flatMap(({ partitions }) => partitions);
  return places.flatMap(({ partition, from }): readonly Result[] => {
    const result = results.find((each) => each.partition === partition);
    if (!result) return [];
    if (result.errorCode !== 0) return [{ partition, fault: faulty(topic, partition, result.errorCode, from) }];
    return [{ partition, page: pageOf(result.messages, from) }];
  });
}

/** A broker sends whole batches: what lies before the place that was asked for is left out, as are its own marks. */
function pageOf(messages: readonly Fetched[], from: number): Page {
  const last = messages.at(-1);
  return {
    records: messages.filter(({ offset, isControlRecord }) => !isControlRecord && Number(offset) >= from),
    next: last ? Math.max(from, safe(last.offset) + 1) : from,
  };
}

/** An offset has 64 bits, and a number 53: at a million records a second that lasts for 285 years. */
function safe(offset: string): number {
  const number = Number(offset);
  if (Number.isSafeInteger(number)) return number;
  throw new RangeError(`the offset ${offset} is beyond what a number can hold`);
}

const REFUSED = new Set(['TOPIC_AUTHORIZATION_FAILED', 'INVALID_TOPIC_EXCEPTION', 'UNSUPPORTED_VERSION']);

function faulty(topic: string, partition: number, code: number, from?: number): KafkaError {
  const { type, message } = faultOf(code);
  const where = `partition ${partition} of ${topic}`;
  if (type === 'OFFSET_OUT_OF_RANGE') {
    const text = `There is no offset ${from} in ${where}: the topic was made anew, or records of it were deleted.`;
    return new KafkaError('KAFKA_OFFSET', text);
  }
  return new KafkaError(REFUSED.has(type) ? 'KAFKA_REFUSED' : 'KAFKA_UNREACHABLE', `${where}: ${message}`);
}

/** Whether trying again is of no use: so long after the first try. */
function isFinal({ code }: KafkaError, after: number): boolean {
  if (code === 'KAFKA_CLOSED' || code === 'KAFKA_REFUSED') return true;
  return (code === 'KAFKA_OFFSET' || code === 'KAFKA_NO_TOPIC') && after > STALE_MS;
}

/** What comes of the work, or undefined with the signal, whichever is first: the work itself is not stopped. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (!signal) return work;
  const over = new AbortController();
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}

type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** At most so many at once; the others wait for their turn. */
function limited(most: number): Turns {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
