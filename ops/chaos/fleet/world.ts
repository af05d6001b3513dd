import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { connectKafka } from '../../../commands/kafka/connect.js';
import { openKafkaLog } from '../../../commands/log/kafka.js';
import { type Counts, type Fleet, startFleet } from '../../stack/fleet.js';
import { type KafkaStack, startKafka } from '../../stack/kafka.js';
import { startKeycloak } from '../../stack/keycloak.js';
import { freePorts } from '../../stack/ports.js';
import { type PostgresStack, startPostgres } from '../../stack/postgres.js';
import { type RedisStack, startRedis } from '../../stack/redis.js';
import { type Env, makeFolder, secrets } from '../../stack/state.js';
import type { Account } from './client.js';
import { openRealm } from './realm.js';

/** A fleet on systems of its own, all of which may be broken, and people who are signed in. */
export type World = {
  readonly kafka: KafkaStack;
  readonly postgres: PostgresStack;
  readonly redis: RedisStack;
  readonly fleet: Fleet;
  readonly env: Env;
  readonly accounts: readonly Account[];
  /** Ends all of it, at once. */
  close(): Promise<void>;
};

export const PARTITIONS = 4;

export type WorldOptions = {
  readonly folder: string;
  readonly counts: Counts;
  readonly people: number;
  readonly say: (line: string) => void;
};

/**
 * Starts three brokers, Postgres, Redis and the roles in a folder. Nothing is done to Keycloak: it may be the one of
 * KEYCLOAK_URL, with a realm of its own there. Throws StackError.
 */
export async function openWorld({ folder, counts, people, say }: WorldOptions): Promise<World> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const each of closing.splice(0).toReversed()) await each();
  };
  try {
    makeFolder(folder);
    const { KEYCLOAK_URL: given, KEYCLOAK_ADMIN: admin = '' } = process.env;
    const keycloak = given ? { url: given, admin } : await ownKeycloak(join(folder, 'keycloak'), closing, say);
    const [port = 0] = await freePorts(1);
    const publicUrl = `http://localhost:${port}`;
    const realm = await openRealm(keycloak.url, keycloak.admin, publicUrl);
    closing.push(realm.close);
    const kafka = await startKafka({ folder: join(folder, 'kafka'), brokers: 3, say });
    closing.push(() => Promise.all(kafka.servers.map((server) => server.kill9())));
    const postgres = await startPostgres({ folder: join(folder, 'postgres'), say });
    closing.push(() => postgres.server.kill9());
    const redis = await startRedis({ folder: join(folder, 'redis'), kind: 'single', say });
    closing.push(() => Promise.all(redis.servers.map((server) => server.kill9())));
    say('the systems run');
    const env: Env = {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_REPLICATION: '3',
      KAFKA_PREFIX: 'chaos.',
      PARTITIONS: String(PARTITIONS),
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      OIDC_ISSUER: realm.issuer,
      OIDC_ADMIN_URL: keycloak.url,
      OIDC_ADMIN_SECRET: realm.adminSecret,
      PUBLIC_URL: publicUrl,
      VERBATIM_MASTER_KEYS: randomBytes(32).toString('base64'),
      OPS_TOKEN: randomBytes(32).toString('base64url'),
      // Workers let go of everything that they may, after every batch.
      STREAM_MEMORY_MB: '0',
      DRAIN_SECONDS: '2',
    };
    const accounts: Account[] = [];
    for (let n = 1; n <= people; n++) accounts.push(await realm.enter(`person-${n}`));
    say(`${people} people are signed in`);
    const fleet = await startFleet({ env, counts, folder: join(folder, 'roles') });
    closing.push(() => Promise.all(fleet.members.map(({ server }) => server.kill9())));
    say(`the fleet runs: ${fleet.members.map(({ name }) => name).join(', ')}`);
    return { kafka, postgres, redis, fleet, env, accounts, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export type WorldLog = Awaited<ReturnType<typeof openWorldLog>>;

/** The log of a world, for whoever looks at it from outside. */
export async function openWorldLog({ kafka: { brokers }, env }: World) {
  const { KAFKA_PREFIX: prefix = '', KAFKA_REPLICATION: replication = '' } = env;
  const kafka = connectKafka({ brokers, clientId: 'chaos' });
  const options = { kafka, prefix, partitions: PARTITIONS, replication: Number(replication), newId: randomUUID };
  const log = await openKafkaLog(options).catch(async (error: unknown) => {
    await kafka.close();
    throw error;
  });
  const close = async (): Promise<void> => {
    await log.close();
    await kafka.close();
  };
  return { log, options, close };
}

async function ownKeycloak(folder: string, closing: (() => Promise<unknown>)[], say: (line: string) => void) {
  const { keycloakAdmin } = secrets();
  const { url, env, servers } = await startKeycloak({ folder, adminPassword: keycloakAdmin, say });
  closing.push(() => Promise.all(servers.map((server) => server.kill9())));
  return { url, admin: env.KEYCLOAK_ADMIN };
}
