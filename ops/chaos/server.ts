import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../run/port.js';

/** A whole Verbatim in a process of its own, started by the command that people type. */
export type Server = {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  /** Resolves when it says that it is ready. Rejects with what it said if it ends before. */
  readonly ready: Promise<void>;
  /** What it has printed so far. */
  output(): string;
  /** kill -9, for it and whatever it started. */
  kill(): Promise<void>;
  /** Asks it to end. Resolves with its exit code. */
  stop(): Promise<number | null>;
};

const root = fileURLToPath(new URL('../../', import.meta.url));

export type ServerOptions = {
  readonly data: string;
  /** The same port again is the same address, so that clients find it again. */
  readonly port?: number;
  /** Settings beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
};

/** Runs `npm start` on a data folder. */
export async function startServer({ data, port, env = {} }: ServerOptions): Promise<Server> {
  const at = port ?? (await freePort('127.0.0.1', 0)).port;
  const flags = ['--port', String(at), '--ops-port', '0', '--data', data];
  // A group of its own: npm, its shell and the server can be killed as one.
  const child = spawn('npm', ['start', '--silent', '--', ...flags], {
    cwd: root,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = new Promise<void>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes('is ready at')) resolve();
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('error', reject);
    ended.then((code) => reject(new Error(`the server ended with ${code} before it was ready:\n${said}`)), reject);
  });
  // Whoever kills it early does not wait for it.
  ready.catch(() => undefined);

  return {
    url: `http://localhost:${at}`,
    port: at,
    data,
    ready,
    output: () => said,
    kill: async () => {
      killGroup(child);
      await ended;
    },
    stop: async () => {
      const pid = pidIn(data);
      if (pid === undefined) killGroup(child);
      else process.kill(pid, 'SIGTERM');
      return ended;
    },
  };
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}

/** The process that has a data folder, as it says there. */
function pidIn(data: string): number | undefined {
  const file = join(data, 'server.json');
  const told: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  return typeof told === 'object' && told !== null && 'pid' in told && typeof told.pid === 'number'
    ? told.pid
    : undefined;
}
