import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StackError } from './trouble.js';

/** A process, and what tells it from a later one that got the same number: when it was started. */
export type Identity = { readonly pid: number; readonly born: string };

export type Launch = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** As whom it runs; absent: as we do. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The file that gets what it prints. */
  readonly log: string;
  /** What asks it to end in order. */
  readonly asks?: 'SIGTERM' | 'SIGINT';
  /** Whether it serves. Asked again and again; what it throws counts as not yet. */
  readonly ready: () => Promise<boolean>;
  /** How long it may take until it serves, in ms. */
  readonly patience: number;
  /** How long to wait before it is asked again, in ms; absent: 50. */
  readonly pause?: number;
};

/** One server process of the stack, which can be ended in every way and started again on the same port and folder. */
export type Server = {
  readonly name: string;
  readonly log: string;
  readonly asks: 'SIGTERM' | 'SIGINT';
  /** The process that runs now, or ran last. */
  identity(): Identity;
  /** kill -9. Resolves when it is gone. */
  kill9(): Promise<void>;
  /** Stands still (SIGSTOP): its sockets stay open and nobody answers. */
  pause(): void;
  /** Goes on after a pause. */
  resume(): void;
  /** Asks it to end, and kills it if it does not in a minute. Resolves when it is gone. */
  stop(): Promise<void>;
  /** Starts it where it is not running, and resolves when it serves. Throws StackError STACK_FAILED. */
  start(): Promise<void>;
  /** From here on it outlives this process; before, it ends with it. */
  release(): void;
};

/** What an orderly end may take, in ms. */
const PATIENCE = 60_000;

/** What ends together with this process, for whatever reason that can be seen. */
const ours = new Map<number, Identity>();
process.on('exit', () => {
  for (const it of ours.values()) if (isAlive(it)) signal(it.pid, 'SIGKILL');
});

/** Starts a server. Resolves when it serves. Throws StackError STACK_FAILED, with the end of its log. */
export async function launch(wanted: Launch): Promise<Server> {
  const { name, log, asks = 'SIGTERM' } = wanted;
  let kept = false;
  let now = await spawned(wanted);
  const end = async (how: NodeJS.Signals): Promise<void> => {
    await endOf(now, how);
    ours.delete(now.pid);
  };
  return {
    name,
    log,
    asks,
    identity: () => now,
    kill9: () => end('SIGKILL'),
    pause: () => signal(now.pid, 'SIGSTOP'),
    resume: () => signal(now.pid, 'SIGCONT'),
    stop: () => end(asks),
    start: async () => {
      if (isAlive(now)) return;
      now = await spawned(wanted);
      if (kept) ours.delete(now.pid);
    },
    release: () => {
      kept = true;
      ours.delete(now.pid);
    },
  };
}

/** A process in a session of its own, so that Ctrl+C at our terminal is not also its end. */
async function spawned({
  name,
  command,
  args,
  cwd,
  env,
  user,
  log,
  ready,
  patience,
  pause = 50,
}: Launch): Promise<Identity> {
  const file = openSync(log, 'a', 0o644);
  const child = spawn(command, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...user,
    env: { ...process.env, ...env },
    stdio: ['ignore', file, file],
    detached: true,
  });
  closeSync(file);
  const { pid } = child;
  if (pid === undefined) {
    const why = await new Promise<Error>((resolve) => child.once('error', resolve));
    throw new StackError('STACK_FAILED', `${name} cannot be started: ${why.message}`, { cause: why });
  }
  child.unref();
  const born = bornAt(pid) ?? '';
  ours.set(pid, { pid, born });
  const deadline = performance.now() + patience;
  while (!(await ready().catch(() => false))) {
    const ended = bornAt(pid) !== born;
    if (!ended && performance.now() < deadline) {
      await sleep(pause);
      continue;
    }
    await endOf({ pid, born }, 'SIGKILL');
    ours.delete(pid);
    const what = ended ? 'ended before it was ready' : `was not ready within ${patience / 1000} s`;
    throw new StackError('STACK_FAILED', `${name} ${what}. The end of ${log}:\n${tailOf(log)}`);
  }
  return { pid, born };
}

/** Ends a process in the way that is named, by force after a while. Resolves when it is gone; it may be gone already. */
export async function endOf(it: Identity, how: NodeJS.Signals): Promise<void> {
  if (!isAlive(it)) return;
  signal(it.pid, how);
  // One that stands still could not obey.
  signal(it.pid, 'SIGCONT');
  const deadline = performance.now() + PATIENCE;
  while (isAlive(it)) {
    if (performance.now() > deadline) signal(it.pid, 'SIGKILL');
    await sleep(20);
  }
}

/** This process. */
export const self = (): Identity => ({ pid: process.pid, born: bornAt(process.pid) ?? '' });

export const isAlive = ({ pid, born }: Identity): boolean => bornAt(pid) === born;

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

/** When a process was started, in a form of this machine. Undefined: it is gone, or only waits to be buried. */
function bornAt(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold anything; after it come the state (3rd) and, as 22nd, the ticks since boot.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The last lines of a log, for people. */
export function tailOf(log: string, lines = 30): string {
  try {
    return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(nothing)';
  }
}

/** Asks until the answer is yes. Throws StackError STACK_FAILED, which names what did not come. */
export async function until(what: string, patience: number, yes: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience;
  while (!(await yes().catch(() => false))) {
    if (performance.now() > end) throw new StackError('STACK_FAILED', `${what} within ${patience / 1000} s.`);
    await sleep(50);
  }
}
