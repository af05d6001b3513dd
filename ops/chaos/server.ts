import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { freePort } from '../run/port.js';
import { settings } from '../run/settings.js';

/** A whole Verbatim in a process of its own, started by the command that people type. */
export type Server = {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  /** Resolves when it says that it is ready. Rejects with what it said if it ends before. */
  readonly ready: Promise<void>;
  /** What it has printed so far. */
  output(): string;
  /** kill -9. It is one process, and starts no other. */
  kill(): Promise<void>;
  /** Asks it to end. Resolves with its exit code: null where it was not asked but killed, as Windows does it. */
  stop(): Promise<number | null>;
};

const root = fileURLToPath(new URL('../../', import.meta.url));

export type ServerOptions = {
  readonly data: string;
  /** The same port again is the same address, so that clients find it again. */
  readonly port?: number;
  /** Settings; those of this process do not count. */
  readonly env?: Readonly<Record<string, string>>;
};

/**
 * The environment of this process without the settings of the product: by them tests find Kafka, Postgres and Redis, and
 * a server that got them would be one of a fleet.
 */
export const bareEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !Object.hasOwn(settings, key)));

/** Runs `verbatim start` on a data folder, as `npm start` does. npm is not in between: Windows has no such program. */
export async function startServer({ data, port, env = {} }: ServerOptions): Promise<Server> {
  const at = port ?? (await freePort('127.0.0.1', 0)).port;
  const flags = ['--port', String(at), '--ops-port', '0', '--data', data];
  const child = spawn(process.execPath, ['ops/cli/verbatim.mjs', 'start', ...flags], {
    cwd: root,
    env: { ...bareEnv(), ...env },
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
      child.kill('SIGKILL');
      await ended;
    },
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
