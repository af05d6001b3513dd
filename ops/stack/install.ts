import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from './trouble.js';

// What the stack needs beyond Node: programs of the system, by apt where that is allowed, and archives of Java
// programs, by Maven, in a cache of their own.

const run = promisify(execFile);

/** Tells people what is being done. */
export type Say = (line: string) => void;

/** Where what was installed is kept, for all stacks of this user. */
export const cacheFolder = (): string =>
  process.env['VERBATIM_STACK_CACHE'] || join(homedir(), '.cache/verbatim-stack');

/** A program on the PATH, or in one of the folders. */
export function programIn(name: string, folders: readonly string[] = []): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), ...folders].filter(Boolean);
  return places.map((folder) => join(folder, name)).find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Packages that are being installed, for two parts of the stack may start at once and dpkg takes one at a time. */
let installing: Promise<void> = Promise.resolve();

/**
 * A program of the system, installed where it is missing and may be: on Debian and its kin, by root or sudo without a
 * password. Throws StackError STACK_MISSING, which says what to install.
 */
export async function systemProgram(o: {
  readonly name: string;
  readonly packages: readonly string[];
  readonly folders?: () => readonly string[];
  readonly say: Say;
}): Promise<string> {
  const look = (): string | undefined => programIn(o.name, o.folders?.());
  const there = look();
  if (there) return there;
  const turn = installing.catch(() => undefined).then(() => (look() ? undefined : apt(o)));
  installing = turn;
  await turn;
  const now = look();
  if (now) return now;
  throw missing(o.name, o.packages, 'its package is installed, and the program is still not to be found');
}

async function apt({ name, packages, say }: { name: string; packages: readonly string[]; say: Say }): Promise<void> {
  if (!programIn('apt-get')) throw missing(name, packages, 'this is not Debian or one of its kin');
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  if (
    sudo.length > 0 &&
    !(await run('sudo', ['-n', 'true']).then(
      () => true,
      () => false,
    ))
  ) {
    throw missing(name, packages, 'this user may not install it');
  }
  say(`installing ${packages.join(', ')} with apt …`);
  const get = async (...args: readonly string[]): Promise<void> => {
    const [command = '', ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    await run(command, rest, { maxBuffer: 64 << 20 });
  };
  try {
    await get('update', '-q');
    await get('install', '-qy', '--no-install-recommends', ...packages);
  } catch (error) {
    throw new StackError('STACK_INSTALL', `apt could not install ${packages.join(', ')}.\n${lastOf(error)}`, {
      cause: error,
    });
  }
}

const missing = (name: string, packages: readonly string[], why: string): StackError =>
  new StackError(
    'STACK_MISSING',
    `"${name}" is not installed, and it cannot be installed from here: ${why}. ` +
      `Install it (on Debian: apt-get install ${packages.join(' ')}) and run this again.`,
  );

/** What an installer said last. */
export function lastOf(error: unknown): string {
  const parts = error !== null && typeof error === 'object' ? error : {};
  const said = ['stdout', 'stderr']
    .map((name) => Object.entries(parts).find(([key]) => key === name)?.[1])
    .filter((text): text is string => typeof text === 'string');
  const text = said.join('\n').trim() || String(error);
  return text.split('\n').slice(-20).join('\n');
}

/**
 * A folder of the cache, made once: filled under another name and put in place when it is whole, so that one that was
 * broken off is not taken for good, and two that make it at once do not meet.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${randomUUID()}`;
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  try {
    await fill(draft);
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

export const java = (say: Say): Promise<string> =>
  systemProgram({ name: 'java', packages: ['default-jre-headless'], say });

/** Runs a goal of Maven's dependency plugin in a folder. Throws StackError. */
export async function maven(say: Say, folder: string, goal: string, settings: Readonly<Record<string, string>>) {
  const mvn = await systemProgram({ name: 'mvn', packages: ['maven'], say });
  const given = Object.entries(settings).map(([key, value]) => `-D${key}=${value}`);
  try {
    await run(mvn, ['-B', '-q', `org.apache.maven.plugins:maven-dependency-plugin:3.8.1:${goal}`, ...given], {
      cwd: folder,
      maxBuffer: 64 << 20,
    });
  } catch (error) {
    throw new StackError('STACK_INSTALL', `Maven could not fetch what is needed.\n${lastOf(error)}`, { cause: error });
  }
}
