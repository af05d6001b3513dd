import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Uuid } from '../../domain/ids.js';

/** Where the gateway listens, and the bare server beside it; and what each of the people says who they are. */
export type Hello = { readonly url: string; readonly bareUrl: string; readonly authorizations: readonly string[] };

/** A conversation that has begun: whose it is, its first message, and the reply that is asked for. */
export type Begun = {
  readonly person: number;
  readonly conversation: Uuid;
  readonly message: Uuid;
  readonly reply: Uuid;
};

/**
 * What the process can be asked: its CPU time in µs; conversations; a piece of every reply, or of a bare frame; a
 * conversation of all people; a change of that one, or a text on every bare socket; how many follow something.
 */
export type Asked =
  | { readonly act: 'cpu' | 'write' | 'send' | 'stop' | 'gather' | 'tell' | 'following' }
  | { readonly act: 'begin'; readonly count: number }
  | { readonly act: 'broadcast'; readonly text: string };

export type GatewayProcess = Hello & {
  cpu(): Promise<number>;
  /** Starts so many conversations. */
  begin(count: number): Promise<readonly Begun[]>;
  /** Hands the next piece of every reply to those who follow it. */
  write(): Promise<void>;
  /** Sends such a piece on every bare socket. */
  send(): Promise<void>;
  /** Starts a conversation in which all people are members. */
  gather(): Promise<Begun>;
  /** The version that the last change of it led to. */
  version(): number;
  /** How many subscriptions are attached. */
  following(): Promise<number>;
  /** Renames that conversation, and waits until the view shows it. */
  tell(): Promise<void>;
  /** Sends a text on every bare socket. */
  broadcast(text: string): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Starts a gateway, and a bare server beside it, in a process of their own: whoever asks them is not in the CPU time that
 * they take. One thing is asked at a time.
 */
async function startGatewayProcess(folder: string, redisUrl?: string): Promise<GatewayProcess> {
  const script = fileURLToPath(new URL('./gateway-worker.ts', import.meta.url));
  // Whoever profiles a bench means the server.
  const profiled = process.execArgv.filter((flag) => flag.startsWith('--cpu-prof'));
  const child = spawn(
    process.execPath,
    [...profiled, '--import', 'tsx', script, folder, ...(redisUrl === undefined ? [] : [redisUrl])],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async () => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the process of the gateway has ended');
    return JSON.parse(value);
  };
  const ask = (asked: Asked) => {
    child.stdin.write(`${JSON.stringify(asked)}\n`);
    return answer();
  };
  const hello: Hello = await answer();
  let version = 0;
  return {
    ...hello,
    cpu: () => ask({ act: 'cpu' }),
    begin: (count) => ask({ act: 'begin', count }),
    write: () => ask({ act: 'write' }),
    send: () => ask({ act: 'send' }),
    gather: () => ask({ act: 'gather' }),
    following: () => ask({ act: 'following' }),
    tell: async () => {
      version = await ask({ act: 'tell' });
    },
    version: () => version,
    broadcast: (text) => ask({ act: 'broadcast', text }),
    stop: async () => {
      await ask({ act: 'stop' });
      await closed;
    },
  };
}

/** Does some work with such a process, which has ended afterwards. Live sessions are in its memory, or in a Redis. */
export async function withGateway<T>(
  folder: string,
  work: (gateway: GatewayProcess) => Promise<T>,
  redisUrl?: string,
): Promise<T> {
  const gateway = await startGatewayProcess(folder, redisUrl);
  try {
    return await work(gateway);
  } finally {
    await gateway.stop();
  }
}

/**
 * Keeps this process from sleeping while it does some work. To wake up a sleeping client costs whoever sends to it, more
 * than the sending itself, and the more often the slower they send: a cost of one machine that plays both.
 */
export async function awake<T>(work: () => Promise<T>): Promise<T> {
  let sleepless = true;
  const turn = (): void => {
    if (sleepless) setImmediate(turn);
  };
  turn();
  try {
    return await work();
  } finally {
    sleepless = false;
  }
}
