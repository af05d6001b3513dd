import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { allOf } from './kafka.js';
import { type Say, systemProgram } from './install.js';
import { freePorts } from './ports.js';
import { type Server, launch, until } from './processes.js';
import { StackError } from './trouble.js';

// Redis as it is used: nothing in it is kept, so nothing is written to disk.

/** What a start may take on a busy machine, in ms. */
const PATIENCE = 30_000;

/** The nodes of a cluster, all of them primaries. */
const NODES = 3;
const SLOTS = 16_384;

export type RedisStack = {
  /** redis://h:p, and for a cluster redis://h:p,h:p,h:p. */
  readonly url: string;
  readonly servers: readonly Server[];
  /** Forgets everything on every node that runs. */
  flush(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts one Redis, or a cluster of three nodes that share the slots, on free ports of 127.0.0.1. Throws StackError. */
export async function startRedis(o: {
  readonly folder: string;
  readonly kind: 'single' | 'cluster';
  readonly say?: Say;
}): Promise<RedisStack> {
  const say = o.say ?? (() => undefined);
  const program = await systemProgram({ name: 'redis-server', packages: ['redis-server'], say });
  const clustered = o.kind === 'cluster';
  const free = await freePorts(clustered ? 2 * NODES : 1);
  const ports = clustered ? free.slice(0, NODES) : free;
  const servers = await allOf(
    ports.map((port, at) => {
      const home = join(o.folder, String(port));
      mkdirSync(home, { recursive: true });
      const plain = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: home };
      const shared = {
        'cluster-enabled': 'yes',
        'cluster-port': free[NODES + at] ?? 0,
        'cluster-config-file': 'nodes.conf',
        'cluster-node-timeout': 2000,
        'cluster-announce-ip': '127.0.0.1',
      };
      const settings: Readonly<Record<string, string | number>> = clustered ? { ...plain, ...shared } : plain;
      return launch({
        name: clustered ? `redis cluster ${at + 1}` : 'redis',
        command: program,
        args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]),
        log: join(home, 'log'),
        ready: async () => (await ask(port, 'PING')) === '+PONG',
        patience: PATIENCE,
      });
    }),
  );
  if (clustered) await join3(ports, free.slice(NODES));
  return {
    url: `redis://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
    servers,
    flush: async () => {
      // One that is down has nothing to forget.
      await Promise.all(ports.map((port) => ask(port, 'FLUSHALL').catch(() => undefined)));
    },
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

/** Makes three nodes one cluster, with a third of the slots each. Resolves when all say that it is whole. */
async function join3(ports: readonly number[], buses: readonly number[]): Promise<void> {
  const bounds = ports.map((_, at) => Math.round((at * SLOTS) / ports.length));
  await Promise.all(
    ports.map(async (port, at) => {
      await demand(port, `CLUSTER SET-CONFIG-EPOCH ${at + 1}`);
      await demand(port, `CLUSTER ADDSLOTSRANGE ${bounds[at]} ${(bounds[at + 1] ?? SLOTS) - 1}`);
    }),
  );
  const [first = 0] = ports;
  for (const [at, port] of ports.entries()) {
    if (at > 0) await demand(first, `CLUSTER MEET 127.0.0.1 ${port} ${buses[at]}`);
  }
  const whole = async (port: number): Promise<boolean> => {
    const told = await ask(port, 'CLUSTER INFO');
    return told.includes('cluster_state:ok') && told.includes(`cluster_known_nodes:${ports.length}`);
  };
  await until('The nodes of Redis did not become a cluster', PATIENCE, async () =>
    (await Promise.all(ports.map(whole))).every(Boolean),
  );
}

async function demand(port: number, command: string): Promise<void> {
  const answer = await ask(port, command);
  if (answer !== '+OK') throw new StackError('STACK_FAILED', `Redis answered "${command}" with "${answer}".`);
}

/** Asks one command, in the form that Redis takes from people, and gives the answer as it came. */
export function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 2000 });
    let got = '';
    socket.once('connect', () => socket.write(`${command}\r\nQUIT\r\n`));
    socket.on('data', (chunk) => (got += chunk.toString()));
    socket.once('timeout', () => socket.destroy(new Error(`no answer from port ${port}`)));
    socket.once('error', reject);
    // It hangs up after it has said goodbye.
    socket.once('end', () => resolve(got.replace(/\r\n\+OK\r\n$/, '')));
    socket.once('close', () => reject(new Error(`port ${port} hung up`)));
  });
}
