import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port that is free now, and has room for the one beside it on which nodes of a cluster speak. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

const ask = (port: number, ...words: string[]): string =>
  execFileSync('redis-cli', ['-h', '127.0.0.1', '-p', String(port), ...words], { encoding: 'utf8', stdio: 'pipe' });

/** Redis servers of one's own that may be killed: one, or so many as a cluster. They keep nothing but the cluster's map. */
export async function startServers(count = 1) {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-redis-'));
  const ports: number[] = [];
  for (let n = 0; n < 2 * count; n++) ports.push(await freePort());
  const running: (ChildProcess | undefined)[] = [];
  const buses = ports.splice(count);

  const answers = async (port: number, sign: RegExp, ...words: string[]): Promise<void> => {
    for (;;) {
      try {
        if (sign.test(ask(port, ...words))) return;
      } catch {
        // Not yet.
      }
      await sleep(50);
    }
  };
  const start = async (n: number): Promise<void> => {
    const port = String(ports[n]);
    const dir = join(folder, port);
    mkdirSync(dir, { recursive: true });
    const one = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
    const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(buses[n]), '--cluster-node-timeout', '1000'];
    const partly = ['--cluster-require-full-coverage', 'no', '--cluster-announce-ip', '127.0.0.1'];
    running[n] = spawn('redis-server', [...one, ...(count > 1 ? [...cluster, ...partly] : [])], { stdio: 'ignore' });
    await answers(Number(port), /PONG/, 'PING');
  };
  const signal = async (n: number, name: NodeJS.Signals): Promise<void> => {
    const server = running[n];
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const over = name === 'SIGKILL' ? new Promise((resolve) => server.once('exit', resolve)) : undefined;
    server.kill(name);
    await over;
  };

  await Promise.all(ports.map((_, n) => start(n)));
  if (count > 1) {
    const nodes = ports.map((port) => `127.0.0.1:${port}`);
    execFileSync('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '0', '--cluster-yes']);
    for (const port of ports) await answers(port, /cluster_state:ok/, 'CLUSTER', 'INFO');
  }
  return {
    url: `redis://${ports.map((port) => `127.0.0.1:${port}`).join()}`,
    kill: (n = 0): Promise<void> => signal(n, 'SIGKILL'),
    stop: (n = 0): Promise<void> => signal(n, 'SIGSTOP'),
    goOn: (n = 0): Promise<void> => signal(n, 'SIGCONT'),
    start: (n = 0): Promise<void> => start(n),
    /** What the first says to a command. */
    ask: (...words: string[]): string => ask(ports[0] ?? 0, ...words),
    /** Which of them has the slot of a key. */
    ownerOf: (key: string): number => {
      const [port] = ports;
      if (port === undefined || count === 1) return 0;
      const slot = Number(ask(port, 'CLUSTER', 'KEYSLOT', key));
      const line = ask(port, 'CLUSTER', 'NODES')
        .split('\n')
        .find((node) =>
          node
            .split(' ')
            .slice(8)
            .map((range) => range.split('-').map(Number))
            .some(([from = -1, to = from]) => from <= slot && slot <= to),
        );
      return ports.findIndex((each) => line?.includes(`127.0.0.1:${each}@`));
    },
    /** Gives the slot of a key, in which nothing is, to another of a cluster. */
    move: (key: string, from: number, to: number): void => {
      const target = ports[to] ?? 0;
      const source = ask(target, 'CLUSTER', 'NODES')
        .split('\n')
        .find((node) => node.includes(`127.0.0.1:${ports[from]}@`));
      const id = ask(target, 'CLUSTER', 'MYID').trim();
      const slot = ask(target, 'CLUSTER', 'KEYSLOT', key).trim();
      ask(target, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', source?.split(' ')[0] ?? '');
      // The new one first: it says so with a higher epoch.
      for (const port of [target, ...ports]) ask(port, 'CLUSTER', 'SETSLOT', slot, 'NODE', id);
    },
    end: async (): Promise<void> => {
      for (const n of ports.keys()) await signal(n, 'SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
