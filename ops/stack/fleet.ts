import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type RoleName, roleNames } from '../run/fleet-config.js';
import { allOf } from './kafka.js';
import { startFront } from './front.js';
import { freePorts } from './ports.js';
import { type Server, launch } from './processes.js';
import { type Env, type Running } from './state.js';
import { StackError } from './trouble.js';

// Our roles, each in processes of its own, on a stack that runs.

export type Counts = Readonly<Record<RoleName, number>>;

export type Member = {
  /** As gateway-1. */
  readonly name: string;
  readonly role: RoleName;
  /** Its own address, past the front; only a gateway serves there. */
  readonly url: string;
  /** Where it tells operators and Prometheus. */
  readonly opsUrl: string;
  readonly server: Server;
};

export type Fleet = {
  /** Where its page is. */
  readonly url: string;
  readonly members: readonly Member[];
  /** Asks every process to end in order. Resolves when all are gone. */
  stop(): Promise<void>;
};

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a start may take where everything is made for the first time and the page is built, in ms. */
const PATIENCE = 180_000;

/** What the roles are to know of a stack. Throws StackError where it cannot carry a fleet. */
export function fleetEnv({ folder, systems, fleet }: Running): Env {
  if (fleet['OIDC_ISSUER'] === undefined) {
    throw new StackError('STACK_NONE', `The stack in ${folder} runs without Keycloak, and nobody could sign in.`);
  }
  return { ...systems, ...fleet };
}

/**
 * Starts so many processes of each role and resolves when all are ready. Several gateways share the port of PUBLIC_URL by
 * a front. Where one does not start, the others are ended. Throws StackError.
 */
export async function startFleet(o: {
  readonly env: Env;
  readonly counts: Counts;
  /** The folder for their logs. */
  readonly folder: string;
}): Promise<Fleet> {
  mkdirSync(o.folder, { recursive: true });
  const url = o.env['PUBLIC_URL'] ?? 'http://localhost:8080';
  const port = Number(new URL(url).port || 80);
  const names = roleNames.flatMap((role) => Array.from({ length: o.counts[role] }, (_, at) => ({ role, at: at + 1 })));
  const free = await freePorts(2 * names.length);
  const planned = names.map(({ role, at }, place) => {
    const own = role === 'gateway' && o.counts.gateway === 1 ? port : (free[2 * place] ?? 0);
    return { role, name: `${role}-${at}`, port: own, opsPort: free[2 * place + 1] ?? 0 };
  });
  const gateways = planned.filter(({ role }) => role === 'gateway').map((each) => each.port);
  const front = gateways.length > 1 ? await startFront(port, gateways).catch(refuse(url)) : undefined;
  const servers = await allOf(
    planned.map((each) =>
      launch({
        name: each.name,
        command: process.execPath,
        args: ['--max-semi-space-size=32', 'ops/cli/verbatim.mjs', 'start'],
        cwd: root,
        env: {
          ...named(o.env, each.name),
          VERBATIM_ROLES: each.role,
          PORT: String(each.port),
          OPS_PORT: String(each.opsPort),
        },
        log: join(o.folder, `${each.name}.log`),
        ready: async () => (await fetch(`http://127.0.0.1:${each.opsPort}/readyz`)).status === 200,
        patience: PATIENCE,
        pause: 200,
      }),
    ),
  ).catch(async (error: unknown) => {
    await front?.close();
    throw error;
  });
  const members = planned.flatMap(({ role, name, port: own, opsPort }, at): readonly Member[] => {
    const server = servers[at];
    return server
      ? [{ role, name, url: `http://127.0.0.1:${own}`, opsUrl: `http://127.0.0.1:${opsPort}`, server }]
      : [];
  });
  return {
    url,
    members,
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await front?.close();
    },
  };
}

/** Has Postgres call the connections of a process by its name: whoever looks there sees whose they are. */
function named(env: Env, name: string): Env {
  if (env['DATABASE_URL'] === undefined) return env;
  const url = new URL(env['DATABASE_URL']);
  url.searchParams.set('application_name', name);
  return { ...env, DATABASE_URL: url.href };
}

const refuse =
  (url: string) =>
  (error: unknown): never => {
    throw new StackError(
      'STACK_FAILED',
      `The port of ${url} cannot be had: ${error instanceof Error ? error.message : String(error)}. Free it, or start ` +
        'the stack with another --public-url.',
      { cause: error },
    );
  };
