import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { kafkaChannel } from '../../commands/channel/kafka.js';
import { outcomeReader } from '../../commands/client/outcomes.js';
import { type KafkaConnection, connectKafka } from '../../commands/kafka/connect.js';
import { commandsTopic, ensureTopic } from '../../commands/kafka/topics.js';
import { openKafkaLog } from '../../commands/log/kafka.js';
import { openSnapshots } from '../../commands/snapshots/postgres.js';
import { STATE } from '../../domain/catalogue.js';
import { randomUuid } from '../../domain/ids.js';
import { openPostgres } from '../../projections/readmodel/postgres.js';
import { redisSessions } from '../../projections/sessions/redis.js';
import { ownDatabase } from '../run/database.js';
import type { RoleName } from '../run/fleet-config.js';
import { pooledRandom } from '../run/random.js';
import { wait } from '../run/wait.js';
import { NAMESPACE } from './writeside.js';

const PARTITIONS = 4;

const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

/** A role in a process of its own. */
export type Member = {
  readonly url: string;
  /** Its CPU time, in µs. */
  cpu(): Promise<number>;
  /** Stops it in order, and resolves when it is gone. */
  stop(): Promise<void>;
  kill(): void;
};

/** What a bench has of a fleet: the systems that it stands on, with topics and a database of the bench's own. */
export type Systems = {
  readonly kafka: KafkaConnection;
  readonly prefix: string;
  readonly partitions: number;
  readonly database: string;
  readonly redis: string;
  /** Starts a process for a role. */
  start(role: RoleName, settings?: Readonly<Record<string, string>>): Promise<Member>;
};

const needed = (name: 'KAFKA_BROKERS' | 'DATABASE_URL' | 'REDIS_URL'): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set: this bench needs KAFKA_BROKERS, DATABASE_URL and REDIS_URL ("npm run stack").`);
};

/** Does some work with such a fleet. All that it made is gone afterwards. */
export async function withSystems<T>(work: (systems: Systems) => Promise<T>): Promise<T> {
  const brokers = needed('KAFKA_BROKERS');
  const redis = needed('REDIS_URL');
  const own = await ownDatabase(needed('DATABASE_URL'));
  const prefix = `bench-${newId()}-`;
  const kafka = connectKafka({ brokers: brokers.split(','), clientId: 'bench' });
  const members = new Set<Member>();
  const env = {
    KAFKA_BROKERS: brokers,
    KAFKA_PREFIX: prefix,
    KAFKA_REPLICATION: '1',
    PARTITIONS: String(PARTITIONS),
    DATABASE_URL: own.url,
    REDIS_URL: redis,
    VERBATIM_NAMESPACE: NAMESPACE,
    VERBATIM_MASTER_KEYS: Buffer.from(random(32)).toString('base64'),
    DRAIN_SECONDS: '0',
  };
  const start: Systems['start'] = async (role, settings = {}) => {
    const member = await startMember({ ...env, ...settings, VERBATIM_ROLES: role });
    members.add(member);
    const leave = (): void => void members.delete(member);
    return {
      ...member,
      stop: () => member.stop().finally(leave),
      kill: () => {
        leave();
        member.kill();
      },
    };
  };
  try {
    return await work({ kafka, prefix, partitions: PARTITIONS, database: own.url, redis, start });
  } finally {
    for (const member of members) await member.stop();
    await kafka.administer(async (admin) => {
      const topics = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
      await admin.deleteTopics({ topics });
    });
    await kafka.close();
    await own.drop();
  }
}

async function startMember(env: Readonly<Record<string, string>>): Promise<Member> {
  const script = fileURLToPath(new URL('./fleet-worker.ts', import.meta.url));
  // Whoever profiles a bench means these; and they have as much room as the bench itself.
  const same = process.execArgv.filter((flag) => /^--(cpu-prof|max-semi-space-size)/.test(flag));
  const child = fork(script, [], { execArgv: [...same, '--import', 'tsx'], env: { ...process.env, ...env } });
  const gone = once(child, 'exit').then(() => undefined);
  const heard = async (): Promise<unknown> => {
    const [message] = await Promise.race([once(child, 'message'), gone.then(() => [])]);
    if (message === undefined) throw new Error(`the process of ${env['VERBATIM_ROLES']} has ended`);
    return message;
  };
  const url = String(await heard());
  return {
    url,
    cpu: async () => {
      const told = heard();
      child.send('cpu');
      return Number(await told);
    },
    stop: async () => {
      child.kill('SIGTERM');
      await gone;
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Who sends commands to the workers of a fleet, and hears what came of them. */
export async function openSender({ kafka, prefix, partitions, database, redis }: Systems) {
  const log = await openKafkaLog({ kafka, prefix, partitions, replication: 1, newId });
  await ensureTopic(kafka, commandsTopic(prefix, partitions, 1));
  const db = await openPostgres({ url: database, pool: 2 });
  const snapshots = await openSnapshots({ db, state: STATE });
  const sessions = await redisSessions({ url: redis, now: Date.now });
  const channel = await kafkaChannel({
    kafka,
    prefix,
    partitions,
    answers: sessions,
    lookUp: outcomeReader({ log, snapshots, wait }),
    newId,
    now: Date.now,
    wait,
    random,
  });
  return {
    submit: channel.submit,
    close: async () => {
      await channel.close();
      sessions.close();
      await snapshots.close();
      await db.close();
      await log.close();
    },
  };
}
