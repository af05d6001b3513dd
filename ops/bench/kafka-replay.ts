import { setImmediate as turn } from 'node:timers/promises';
import { connectKafka } from '../../commands/kafka/connect.js';
import { openKafkaLog } from '../../commands/log/kafka.js';
import type { Log } from '../../commands/log/log.js';
import { decode } from '../../domain/catalogue.js';
import { randomUuid } from '../../domain/ids.js';
import { pooledRandom } from '../run/random.js';
import { type Figure, median, scaled } from './figure.js';
import { openWriteSide, startedConversation, withFolder } from './writeside.js';

const ROUNDS = 5;
const PARTITIONS = 4;
const CONVERSATIONS = 20_000;
const PAGE = 1_000;
const CHUNK = 1_000;

/**
 * How fast the log is read from Kafka, from the first record to the last, all partitions at once: through the port, which
 * checks sums, the code's version and the fence, and decoded into the events of the domain. Beside it a plain consumer
 * of kafkajs that parses each record and checks nothing. In interleaved rounds. Takes the brokers from KAFKA_BROKERS.
 */
export const kafkaReplay = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const brokers = process.env['KAFKA_BROKERS'];
    if (!brokers) throw new Error('KAFKA_BROKERS is not set: it names the brokers to measure ("host:port,…").');
    const random = pooledRandom();
    const newId = () => randomUuid(random(16));
    const prefix = `bench-${newId()}-`;
    const kafka = connectKafka({ brokers: brokers.split(','), clientId: 'bench' });
    const log = await openKafkaLog({ kafka, prefix, partitions: PARTITIONS, replication: 1, newId });

    const side = await openWriteSide(folder, log);
    const conversations = scaled(CONVERSATIONS, scale);
    for (let begun = 0; begun < conversations; begun += PAGE) {
      const count = Math.min(PAGE, conversations - begun);
      await Promise.all(Array.from({ length: count }, (_, n) => side.hand(startedConversation(begun + n))));
    }
    await side.close();

    const ends = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => log.end(partition)));
    const records = ends.reduce((sum, end) => sum + end, 0);
    const consume = () => consumeAll(kafka, `${prefix}events`, newId(), records);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const bareTook = await consume();
      const took = await readAll(log);
      // The first is a warm-up.
      if (n === 0) continue;
      ours.push(took);
      theirs.push(bareTook);
    }
    await log.close();
    await kafka.administer((admin) => admin.deleteTopics({ topics: [`${prefix}events`] }));
    await kafka.close();
    const ratio = median(theirs.map((each, at) => each / (ours[at] ?? NaN)));
    return [
      { metric: 'records', value: records, unit: '' },
      { metric: 'read through the fence and decoded', value: (records * 1_000) / median(ours), unit: '/s' },
      { metric: 'consumed and parsed', value: (records * 1_000) / median(theirs), unit: '/s' },
      { metric: 'rate, against the plain consumer', value: ratio, unit: '×', goal: 0.8, better: 'higher' },
    ];
  });

/** How long it takes to read everything, in ms. */
async function readAll(log: Log): Promise<number> {
  const begun = performance.now();
  let events = 0;
  const partitions = Array.from({ length: log.partitions }, async (_, partition) => {
    for await (const { records } of log.read(partition, undefined, { limit: CHUNK })) {
      for (const { entry } of records) if (entry.kind === 'event' && decode(entry.event).version > 0) events += 1;
    }
  });
  await Promise.all(partitions);
  if (events === 0) throw new Error('there was nothing to read');
  return performance.now() - begun;
}

/** How long it takes a plain consumer to parse everything, in ms, from its first fetch on: joining a group is not counted. */
async function consumeAll(
  kafka: ReturnType<typeof connectKafka>,
  topic: string,
  groupId: string,
  records: number,
): Promise<number> {
  const consumer = kafka.client({ requestTimeout: 30_000 }).consumer({ groupId, maxWaitTimeInMs: 100 });
  let begun = 0;
  consumer.on(consumer.events.FETCH_START, () => (begun ||= performance.now()));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let parsed = 0;
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => (done = resolve));
  await consumer.run({
    autoCommit: false,
    partitionsConsumedConcurrently: PARTITIONS,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) if (JSON.parse(String(value)) !== null) parsed += 1;
      if (parsed >= records) done();
    },
  });
  await all;
  const took = performance.now() - begun;
  await turn();
  await consumer.disconnect();
  return took;
}
