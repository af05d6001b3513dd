import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import { backOff } from '../backoff.js';
import { ANSWER_MS, type KafkaConnection, KafkaError } from './connect.js';

/** A topic as it has to be: how many partitions, how many copies of each, and its settings by Kafka's own names. */
export type Topic = {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
};

/** What a topic's batches may measure at most, in bytes. What the owner of a partition writes at once stays far below. */
export const MAX_BATCH = 64 << 20;

/**
 * What holds for both topics. No batch is acknowledged that lies on too few disks, and no replica leads that lacks one.
 * Times are the broker's, so that no clock of a client can make records old before they are.
 */
const safe = (replication: number): Readonly<Record<string, string>> => ({
  'cleanup.policy': 'delete',
  'retention.bytes': '-1',
  'min.insync.replicas': String(Math.max(1, replication - 1)),
  'unclean.leader.election.enable': 'false',
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': String(MAX_BATCH),
});

/** The log itself: kept for ever, never compacted. */
export const eventsTopic = (prefix: string, partitions: number, replication: number): Topic => ({
  name: `${prefix}events`,
  partitions,
  replication,
  config: { ...safe(replication), 'retention.ms': '-1' },
});

/** Commands on their way: kept for 14 days, twice as long as the longest deadline. */
export const commandsTopic = (prefix: string, partitions: number, replication: number): Topic => ({
  name: `${prefix}commands`,
  partitions,
  replication,
  config: { ...safe(replication), 'retention.ms': String(14 * 24 * 3_600_000) },
});

/** How long it may take until each partition of a topic is led, brokers that hang or fall included, in ms. */
const PATIENCE = 20_000;

/** One try with one broker; the next try begins with another. */
const ONCE = { requestTimeout: ANSWER_MS, retry: { retries: 0 } };

/**
 * Makes a topic, or checks that the one there is as it must be; many may do so at once. When it resolves, every partition
 * has a leader that serves it. Goes around brokers that hang or are down for as long as `patience` lasts, in ms. Throws
 * KAFKA_DRIFT, which names each difference and what to do, KAFKA_REFUSED, and KAFKA_UNREACHABLE.
 */
export async function ensureTopic(
  kafka: KafkaConnection,
  topic: Topic,
  { patience = PATIENCE }: { readonly patience?: number } = {},
): Promise<{ readonly made: boolean }> {
  const until = Date.now() + patience;
  let made: boolean | undefined;
  for (let tried = 1; ; tried++) {
    try {
      const state = await kafka.administer(async (admin) => {
        made ??= await create(admin, topic);
        return look(admin, topic.name);
      }, ONCE);
      refuseDrift(topic, state);
      return { made: made === true };
    } catch (error) {
      const final = error instanceof KafkaError && (error.code === 'KAFKA_DRIFT' || error.code === 'KAFKA_REFUSED');
      if (final || kafka.closed || Date.now() > until) throw error;
    }
    await sleep(backOff(tried, randomBytes, { first: 50, longest: 500 }));
  }
}

async function create(admin: Admin, { name, partitions, replication, config }: Topic): Promise<boolean> {
  const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
  try {
    return await admin.createTopics({
      topics: [{ topic: name, numPartitions: partitions, replicationFactor: replication, configEntries }],
      // Waited for below, where it also holds for whoever came second.
      waitForLeaders: false,
    });
  } catch (error) {
    // kafkajs keeps what the broker said in a list behind its own error.
    const said = typesOf(error);
    if (said.includes('TOPIC_ALREADY_EXISTS')) return false;
    if (said.includes('INVALID_REPLICATION_FACTOR')) {
      const message = `The topic ${name} is to have ${replication} replicas, and there are fewer brokers. Start more, or set KAFKA_REPLICATION.`;
      throw new KafkaError('KAFKA_REFUSED', message, { cause: error });
    }
    throw failed(`The topic ${name} could not be made`, error);
  }
}

/** What Kafka would say again, however often it is asked. */
const FINAL = new Set([
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_CONFIG',
  'INVALID_PARTITIONS',
  'INVALID_TOPIC_EXCEPTION',
  'POLICY_VIOLATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'UNSUPPORTED_VERSION',
]);

function failed(what: string, error: unknown): KafkaError {
  const said = typesOf(error);
  const why = [error instanceof Error ? error.message : String(error), ...said].join(', ');
  const code = said.some((type) => FINAL.has(type)) ? 'KAFKA_REFUSED' : 'KAFKA_UNREACHABLE';
  return new KafkaError(code, `${what} (${why}). Check that the brokers run.`, { cause: error });
}

/** The names that Kafka gives to what went wrong, wherever kafkajs has put them. */
function typesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const own = 'type' in error && typeof error.type === 'string' ? [error.type] : [];
  const listed = 'errors' in error && Array.isArray(error.errors) ? error.errors.flatMap(typesOf) : [];
  return [...own, ...listed, ...typesOf(error.cause)];
}

type State = Pick<Topic, 'partitions' | 'replication' | 'config'>;

/** How a topic is. Throws while not every broker knows it, or a partition of it has no leader that serves it. */
async function look(admin: Admin, name: string): Promise<State> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    const partitions = topics[0]?.partitions ?? [];
    if (partitions.length === 0 || partitions.some(({ leader }) => leader < 0)) {
      throw new Error('it has a partition that no broker leads');
    }
    // A leader may be named before it knows of it: until then it would refuse the first batch.
    await admin.fetchTopicOffsets(name);
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name }],
    });
    const entries = resources.flatMap(({ configEntries }) => configEntries);
    if (entries.length === 0) throw new Error('its settings are not known yet');
    return {
      partitions: partitions.length,
      replication: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      config: Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue])),
    };
  } catch (error) {
    throw failed(`The topic ${name} does not serve`, error);
  }
}

function refuseDrift(wanted: Topic, found: State): void {
  const { name } = wanted;
  const faults: string[] = [];
  if (found.partitions !== wanted.partitions) {
    faults.push(
      `it has ${found.partitions} partitions, not ${wanted.partitions}, which is fixed when it is made: ` +
        `set PARTITIONS=${found.partitions}, or another KAFKA_PREFIX for a new log`,
    );
  }
  if (found.replication !== wanted.replication) {
    faults.push(
      `a partition has ${found.replication} replicas, not ${wanted.replication}: ` +
        `set KAFKA_REPLICATION=${found.replication}, or change the topic (kafka-reassign-partitions.sh)`,
    );
  }
  const settings = Object.entries(wanted.config).filter(([key, value]) => found.config[key] !== value);
  for (const [key, value] of settings) faults.push(`${key} is ${found.config[key] ?? 'not set'}, not ${value}`);
  if (faults.length === 0) return;
  const mend = settings.map(([key, value]) => `${key}=${value}`).join(',');
  const how = mend
    ? ` Settings are put right by: kafka-configs.sh --alter --entity-type topics --entity-name ${name} --add-config ${mend}`
    : '';
  throw new KafkaError('KAFKA_DRIFT', `The topic ${name} is not as it must be: ${faults.join('; ')}.${how}`);
}
