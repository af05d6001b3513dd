import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alone } from './alone.js';
import { type Say } from './install.js';
import { startKafka } from './kafka.js';
import { type Realm, startKeycloak } from './keycloak.js';
import { startPostgres } from './postgres.js';
import { type Server, endOf, isAlive } from './processes.js';
import { startRedis } from './redis.js';
import {
  type Env,
  type Running,
  forget,
  makeFolder,
  privateFolder,
  readState,
  running,
  secrets,
  writeState,
} from './state.js';
import { StackError } from './trouble.js';

// All systems of the fleet together, in one folder.

export type StackOptions = {
  readonly folder: string;
  /** Whether the folder goes with the stack. */
  readonly temporary: boolean;
  readonly kafka: 1 | 3;
  readonly redis: 'single' | 'cluster' | 'both';
  readonly keycloak: boolean;
  /** Where the fleet's page is to be found, which the realm has to know. */
  readonly publicUrl: string;
};

/** A system that runs: its servers, and what it adds to the environment. */
type Part = { readonly servers: readonly Server[]; readonly systems: Env; readonly fleet: Env };

/**
 * Starts everything and resolves when all of it serves; it outlives this process. Where one part does not start, the
 * others are stopped again. Throws StackError.
 */
export const startStack = (o: StackOptions, say: Say): Promise<Running> => alone(o.folder, () => startAlone(o, say));

async function startAlone(o: StackOptions, say: Say): Promise<Running> {
  if (readState(o.folder)) {
    throw new StackError('STACK_RUNNING', `A stack runs in ${o.folder}. \`npm run stack -- stop\` stops it.`);
  }
  if (o.temporary) rmSync(o.folder, { recursive: true, force: true });
  makeFolder(o.folder);
  // One after the other: what each needs to be installed is asked for once, and a small machine is not asked too much.
  const started: Part[] = [];
  try {
    for (const [name, start] of partsOf(o, say)) {
      const begun = performance.now();
      const part = await start();
      started.push(part);
      say(`${name} is ready (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
    }
  } catch (error) {
    await Promise.all(started.flatMap(({ servers }) => servers.map((server) => server.kill9())));
    throw error;
  }
  const state: Running = {
    folder: o.folder,
    temporary: o.temporary,
    systems: merged(started.map(({ systems }) => systems)),
    fleet: { ...merged(started.map(({ fleet }) => fleet)), ...fleetEnv(o) },
    servers: started.flatMap(({ servers }) =>
      servers.map(({ name, log, asks, identity }) => ({ name, log, asks, ...identity() })),
    ),
  };
  writeState(state);
  for (const { servers } of started) for (const server of servers) server.release();
  return state;
}

const merged = (parts: readonly Env[]): Env => Object.assign({}, ...parts);

function partsOf(o: StackOptions, say: Say): readonly (readonly [string, () => Promise<Part>])[] {
  // The stack's own folder may let others through; what a system keeps is its own user's alone.
  const at = (name: string): string => privateFolder(join(o.folder, name));
  const kafka = async (): Promise<Part> => {
    const { servers, brokers } = await startKafka({ folder: at('kafka'), brokers: o.kafka, say });
    return {
      servers,
      systems: { KAFKA_BROKERS: brokers.join(',') },
      fleet: { KAFKA_REPLICATION: String(o.kafka) },
    };
  };
  const postgres = async (): Promise<Part> => {
    const { servers, url } = await startPostgres({ folder: at('postgres'), say });
    return { servers, systems: { DATABASE_URL: url }, fleet: {} };
  };
  const redis = async (kind: 'single' | 'cluster'): Promise<Part> => {
    const { servers, url } = await startRedis({ folder: at(`redis-${kind}`), kind, say });
    return kind === 'single'
      ? { servers, systems: { REDIS_URL: url }, fleet: {} }
      : { servers, systems: { REDIS_CLUSTER_URL: url }, fleet: o.redis === 'cluster' ? { REDIS_URL: url } : {} };
  };
  const keycloak = async (): Promise<Part> => {
    const { keycloakAdmin, oidcAdmin } = secrets();
    const realm = realmOf(o.publicUrl);
    const { servers, url } = await startKeycloak({ folder: at('keycloak'), adminPassword: keycloakAdmin, realm, say });
    return {
      servers,
      systems: { KEYCLOAK_URL: url, KEYCLOAK_ADMIN: `admin:${keycloakAdmin}` },
      fleet: {
        OIDC_ISSUER: `${url}/realms/${realm.name}`,
        OIDC_JWKS_URL: `${url}/realms/${realm.name}/protocol/openid-connect/certs`,
        OIDC_ADMIN_URL: url,
        OIDC_ADMIN_SECRET: oidcAdmin,
      },
    };
  };
  return [
    ['Kafka', kafka],
    ['PostgreSQL', postgres],
    ...(o.redis === 'cluster' ? [] : [['Redis', () => redis('single')] as const]),
    ...(o.redis === 'single' ? [] : [['Redis Cluster', () => redis('cluster')] as const]),
    ...(o.keycloak ? [['Keycloak', keycloak] as const] : []),
  ];
}

const realmFolder = fileURLToPath(new URL('../deploy/keycloak/', import.meta.url));

/** The realm of the product, and people to try it with. */
function realmOf(publicUrl: string): Realm {
  const { oidcAdmin, program } = secrets();
  return {
    name: 'verbatim',
    files: [join(realmFolder, 'verbatim-realm.json'), join(realmFolder, 'dev/verbatim-users-0.json')],
    values: {
      PUBLIC_URL: publicUrl,
      VERBATIM_GATEWAY_URL: publicUrl,
      VERBATIM_PROGRAM_SECRET: program,
      OIDC_ADMIN_SECRET: oidcAdmin,
    },
  };
}

const fleetEnv = ({ publicUrl }: StackOptions): Env => {
  const { masterKey, operators } = secrets();
  return { PUBLIC_URL: publicUrl, PARTITIONS: '4', VERBATIM_MASTER_KEYS: masterKey, OPS_TOKEN: operators };
};

/** Stops the stack in a folder, by pid. Resolves when all of it is gone. Throws StackError. */
export const stopStack = (folder: string): Promise<Running> =>
  alone(folder, async () => {
    const state = running(folder);
    await Promise.all(state.servers.map((server) => endOf(server, server.asks)));
    forget(state);
    return state;
  });

/** What a table for people says of each server. */
export const statusLines = ({ servers }: Running): readonly string[] =>
  servers.map(
    (server) =>
      `${server.name.padEnd(16)} ${isAlive(server) ? `runs, pid ${server.pid}` : 'is dead'}${existsSync(server.log) ? `, log ${server.log}` : ''}`,
  );
