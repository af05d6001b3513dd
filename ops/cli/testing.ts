import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bareEnv } from '../chaos/server.js';

/** A command line at work in a process of its own. */
export type Ran = {
  readonly child: ChildProcess;
  /** The whole lines that it has printed so far. */
  lines(): readonly string[];
  /** Resolves with how it ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly lines: readonly string[]; readonly told: string }>;
};

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs `verbatim` as people do, but without npm in between. `env` holds settings; those of this process do not count. */
export function verbatim(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
  const child = spawn(process.execPath, ['ops/cli/verbatim.mjs', ...args], {
    cwd: root,
    env: { ...bareEnv(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: Buffer[] = [];
  let told = '';
  child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  const lines = (): readonly string[] => Buffer.concat(printed).toString().split('\n').slice(0, -1);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, lines, ended: ended.then((code) => ({ code, lines: lines(), told })) };
}

/** A line of a replay, as far as tests look at it. */
export type Line = {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly version: number;
  readonly at: string;
  readonly position: { readonly partition: number; readonly offset: number };
  readonly token: string;
};

export const parse = (lines: readonly string[]): readonly Line[] => lines.map((line) => JSON.parse(line));

/** The places of lines, partition by partition, in the order of the lines. */
export const places = (lines: readonly Line[]): ReadonlyMap<number, readonly number[]> => {
  const found = new Map<number, number[]>();
  for (const { position } of lines) {
    const offsets = found.get(position.partition) ?? [];
    found.set(position.partition, [...offsets, position.offset]);
  }
  return new Map([...found].toSorted(([a], [b]) => a - b));
};
