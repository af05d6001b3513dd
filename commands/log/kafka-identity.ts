import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Uuid } from '../../domain/ids.js';
import { backOff } from '../backoff.js';
import { type Reader, openReader } from '../kafka/fetch.js';
import { type KafkaConnection, KafkaError } from '../kafka/connect.js';
import type { Producer } from '../kafka/produce.js';
import { type Entry, CODE, LogError } from './log.js';
import { messageOf, placedIn } from './kafka-records.js';

type Options = {
  readonly kafka: KafkaConnection;
  readonly producer: Producer;
  readonly topic: string;
  readonly partitions: number;
  readonly newId: () => Uuid;
  /** After so many ms of errors it gives up (default a minute). */
  readonly patience?: number;
};

const PATIENCE = 60_000;

/** What sending again does not mend. */
const FINAL: ReadonlySet<unknown> = new Set<KafkaError['code']>(['KAFKA_REFUSED', 'KAFKA_TOO_LARGE', 'KAFKA_CLOSED']);

/**
 * The id of the log in a topic. Whoever finds the first partition empty proposes one; the first record decides, so that
 * many who open a new log at the same moment agree. The other partitions begin with the same id. Throws LOG_CORRUPT
 * where they do not, LOG_PARTITIONS; and KafkaError where it cannot be written.
 */
export async function identify(options: Options): Promise<Uuid> {
  const { kafka, producer, topic, partitions, newId, patience = PATIENCE } = options;
  const reader = openReader(kafka, topic);
  const begin = async (partition: number, log: () => Uuid): Promise<Uuid> => {
    const begun = Date.now();
    for (let tried = 1; ; tried++) {
      const found = await firstOf(reader, partition);
      if (found?.kind === 'log') {
        if (found.partitions === partitions) return found.log;
        const message = `This log has ${found.partitions} partitions, not ${partitions}: fixed when it was made.`;
        throw new LogError('LOG_PARTITIONS', message);
      }
      if (found) throw foreign(topic, partition, 'begins with something else than the identity of a log');
      const id = log();
      const header = { owner: id, term: 0, batch: 0, index: 0, count: 1, code: CODE };
      const entry: Entry = { kind: 'log', header, log: id, partitions };
      // Whatever else comes of this: what lies first is looked at again.
      try {
        await producer.send(topic, partition, [messageOf(partition, entry)]);
      } catch (cause) {
        if (cause instanceof KafkaError && FINAL.has(cause.code)) throw cause;
        if (Date.now() - begun > patience) {
          const message = `Partition ${partition} of ${topic} could not be begun: see the cause.`;
          throw new KafkaError('KAFKA_UNREACHABLE', message, { cause });
        }
        kafka.onTrouble(cause);
        await sleep(backOff(tried, randomBytes));
      }
    }
  };
  try {
    const id = await begin(0, newId);
    const others = Array.from({ length: partitions - 1 }, async (_, at) => {
      if ((await begin(at + 1, () => id)) !== id) throw foreign(topic, at + 1, 'belongs to another log');
    });
    await Promise.all(others);
    return id;
  } finally {
    reader.close();
  }
}

/** The first record of a partition, if there is one. */
async function firstOf(reader: Reader, partition: number): Promise<Entry | undefined> {
  const [begin, end] = await Promise.all([reader.begin(partition), reader.end(partition)]);
  if (begin > 0) throw new LogError('LOG_CORRUPT', `Partition ${partition} begins at ${begin}: records were deleted.`);
  while (end > 0) {
    const page = await reader.page(partition, 0, { bytes: 1_000 });
    const [first] = placedIn(partition, page?.records.slice(0, 1) ?? []);
    if (first) return first.entry;
  }
  return undefined;
}

const foreign = (topic: string, partition: number, what: string): LogError =>
  new LogError(
    'LOG_CORRUPT',
    `Partition ${partition} of ${topic} ${what}. Take another KAFKA_PREFIX, or an empty topic.`,
  );
