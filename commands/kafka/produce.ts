import type { Message } from 'kafkajs/src/protocol/requests/index.js';
import { ANSWER_MS, type KafkaConnection, KafkaError } from './connect.js';
import { type Link, PRODUCE, faultOf, openLinks } from './links.js';

/**
 * Writes batches: one attempt, acknowledged by all replicas in sync, no retries (a retry of kafkajs doubles what it sends).
 */
export type Producer = {
  /**
   * Appends one batch to one partition, all or nothing; batches that wait for the same partition go in the order of the
   * calls. Resolves with the offset of the first message. Throws KAFKA_UNKNOWN where it may be in, or still come in; KAFKA_TOO_LARGE, KAFKA_UNREACHABLE,
   * KAFKA_NO_TOPIC, KAFKA_REFUSED and KAFKA_CLOSED where it is known not to be.
   */
  send(topic: string, partition: number, messages: readonly Message[]): Promise<number>;
  /** Lets what is under way end. Twice is no fault. */
  close(): Promise<void>;
};

/** How long a leader may wait for its replicas, in ms: less than we wait for its answer. */
const REPLICAS_MS = ANSWER_MS - 500;

/** What one request may hold, in bytes. A batch that is larger alone goes alone. */
const REQUEST = 4 << 20;
/** No broker takes a request beyond 100 MB: it closes the connection, and one would not know why. */
const MOST = 90 << 20;

type Waiting = {
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
  readonly bytes: number;
  readonly resolve: (base: number) => void;
  readonly reject: (error: unknown) => void;
};

/** Faults that the leader tells before it writes anything. */
const NOT_IN: Readonly<Record<string, KafkaError['code']>> = {
  MESSAGE_TOO_LARGE: 'KAFKA_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'KAFKA_TOO_LARGE',
  CORRUPT_MESSAGE: 'KAFKA_REFUSED',
  INVALID_RECORD: 'KAFKA_REFUSED',
  INVALID_TIMESTAMP: 'KAFKA_REFUSED',
  INVALID_TOPIC_EXCEPTION: 'KAFKA_REFUSED',
  TOPIC_AUTHORIZATION_FAILED: 'KAFKA_REFUSED',
  NOT_ENOUGH_REPLICAS: 'KAFKA_UNREACHABLE',
};

/**
 * A producer on sockets of its own. To each leader goes one request at a time, for a broker works through the requests of
 * a connection one by one; whatever waits meanwhile, at most one batch of each partition, shares the next one.
 */
export function createProducer(kafka: KafkaConnection): Producer {
  const links = openLinks(kafka);
  const queues = new Map<string, Waiting[]>();
  const under = new Set<Promise<void>>();
  let closed = false;

  /** Sends what is waiting for a leader until nothing is. */
  async function drain(link: Link, queue: Waiting[]): Promise<void> {
    while (queue.length > 0) {
      const request = takeRequest(queue);
      await exchange(link, request).catch((error: unknown) => {
        links.discard(link, error);
        for (const each of request) each.reject(unknown(each, error));
        // They were to go over the same sockets. Nothing of them was sent.
        for (const each of queue.splice(0)) start(each);
      });
    }
    if (queues.get(link.address) === queue) queues.delete(link.address);
  }

  async function exchange(link: Link, request: readonly Waiting[]): Promise<void> {
    const { topics } = await link.ask(PRODUCE, {
      acks: -1,
      timeout: REPLICAS_MS,
      compression: 0,
      topicData: [...new Set(request.map(({ topic }) => topic))].map((topic) => ({
        topic,
        partitions: request
          .filter((each) => each.topic === topic)
          .map(({ partition, messages }) => ({ partition, firstSequence: 0, messages })),
      })),
    });
    const results = topics.flatMap(({ topicName, partitions }) => partitions.map((each) => ({ topicName, ...each })));
    for (const each of request) {
      const own = results.filter(
        ({ topicName, partition }) => topicName === each.topic && partition === each.partition,
      );
      const [result] = own;
      if (own.length === 1 && result?.errorCode === 0 && Number(result.baseOffset) >= 0) {
        each.resolve(Number(result.baseOffset));
        continue;
      }
      const fault = result && result.errorCode !== 0 ? faultOf(result.errorCode) : undefined;
      const error = new Error(fault ? fault.message : `the leader gave ${own.length} results for one batch`);
      const code = NOT_IN[fault?.type ?? ''];
      // Its leader may have moved. The sockets are sound: they have answered.
      if (code !== 'KAFKA_TOO_LARGE') links.discard(undefined, error);
      each.reject(code ? refused(code, each, error) : unknown(each, error));
    }
  }

  /** Puts a batch where its leader's request takes it from. */
  async function place(each: Waiting): Promise<void> {
    try {
      const link = await links.leaderOf(each.topic, each.partition);
      const queue = queues.get(link.address) ?? [];
      queue.push(each);
      if (queues.has(link.address)) return;
      queues.set(link.address, queue);
      await drain(link, queue);
    } catch (error) {
      links.discard(undefined, error);
      const code = error instanceof KafkaError ? error.code : 'KAFKA_UNREACHABLE';
      each.reject(refused(code, each, error));
    }
  }

  const start = (each: Waiting): void => {
    const done = place(each).finally(() => under.delete(done));
    under.add(done);
  };

  return {
    send: (topic, partition, messages) =>
      new Promise((resolve, reject) => {
        const bytes = sizeOf(messages);
        const each = { topic, partition, messages, bytes, resolve, reject };
        if (closed) throw refused('KAFKA_CLOSED', each, new Error('the producer was closed'));
        if (messages.length === 0) throw new RangeError('a batch holds at least one message');
        if (bytes > MOST) throw refused('KAFKA_TOO_LARGE', each, new Error(`a request holds at most ${MOST} bytes`));
        start(each);
      }),
    close: async () => {
      closed = true;
      while (under.size > 0) await Promise.all(under);
      links.close();
    },
  };
}

/** Takes what one request can hold: of each partition the first batch, so that their order is kept. */
function takeRequest(queue: Waiting[]): readonly Waiting[] {
  const taken: Waiting[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  const left = queue.splice(0).filter((each) => {
    const place = `${each.topic}/${each.partition}`;
    const fits = !seen.has(place) && (taken.length === 0 || bytes + each.bytes <= REQUEST);
    // What comes behind one that did not fit must not overtake it.
    seen.add(place);
    if (!fits) return true;
    taken.push(each);
    bytes += each.bytes;
    return false;
  });
  queue.push(...left);
  return taken;
}

/** What the texts of a batch measure, in bytes. */
const sizeOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { value, key = '', headers = {} }) => {
    const texts = [value, key, ...Object.entries(headers).flat()];
    return sum + texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
  }, 0);

const placeOf = ({ topic, partition }: Waiting): string => `partition ${partition} of ${topic}`;

const said = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const unknown = (each: Waiting, cause: unknown): KafkaError =>
  new KafkaError('KAFKA_UNKNOWN', `Whether a batch is in ${placeOf(each)} is not known: ${said(cause)}`, { cause });

const refused = (code: KafkaError['code'], each: Waiting, cause: unknown): KafkaError =>
  new KafkaError(code, `A batch of ${each.bytes} bytes is not in ${placeOf(each)}: ${said(cause)}`, { cause });
