import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './install.js';
import { type Identity, isAlive } from './processes.js';
import { StackError } from './trouble.js';

// What is known of a stack that runs: a file in its folder, so that another command can tell, use and stop it.

export type Env = Readonly<Record<string, string>>;

export type Running = {
  readonly folder: string;
  /** Whether the folder goes with the stack. */
  readonly temporary: boolean;
  /** Where the systems are, as the tests look for them. */
  readonly systems: Env;
  /** What our roles need beside it. */
  readonly fleet: Env;
  readonly servers: readonly RunningServer[];
};

export type RunningServer = Identity & {
  readonly name: string;
  readonly log: string;
  readonly asks: 'SIGTERM' | 'SIGINT';
};

/** Root's home lets nobody through, and PostgreSQL does not run as root. */
const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * The folder of this checkout's own stack: always the same, so that nobody has to remember it, and where nobody but this
 * user can have put something.
 */
export function ownFolder(): string {
  const checkout = fileURLToPath(new URL('../../', import.meta.url));
  const name = createHash('sha256').update(checkout).digest('hex').slice(0, 8);
  return join(isRoot() ? '/var/cache/verbatim-stack' : cacheFolder(), 'stacks', name);
}

/** The folder to use: the named one, or this checkout's own. */
export const folderOf = (named: string | undefined): string => (named === undefined ? ownFolder() : resolve(named));

const fileIn = (folder: string): string => join(folder, 'stack.json');

export function writeState(state: Running): void {
  const draft = `${fileIn(state.folder)}.draft`;
  // It holds passwords, if only of this machine's own servers.
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, fileIn(state.folder));
}

/**
 * What runs in a folder, dead servers too. Undefined: nothing was started there, or nothing of it is alive. It names what
 * is to be ended, removed and set, so that it is believed of nobody but this user. Throws StackError STACK_FOLDER.
 */
export function readState(folder: string): Running | undefined {
  const file = fileIn(folder);
  const foreign = [folder, file].find(isForeign);
  if (foreign) throw new StackError('STACK_FOLDER', `${foreign} belongs to another user. Take a folder of your own.`);
  if (isOpen(folder)) {
    throw new StackError('STACK_FOLDER', `Everybody may write in ${folder}. Take a folder of your own.`);
  }
  if (!existsSync(file)) return undefined;
  const state = stateIn(readFileSync(file, 'utf8'));
  if (state && state.folder !== folder) {
    throw new StackError(
      'STACK_FOLDER',
      `${file} is not of this folder, but of a stack in ${state.folder}. Name that folder, or remove the file.`,
    );
  }
  return state?.servers.some(isAlive) ? state : undefined;
}

/** Whether there is something of another user's. */
function isForeign(path: string): boolean {
  const uid = lstatSync(path, { throwIfNoEntry: false })?.uid;
  return uid !== undefined && process.getuid !== undefined && uid !== process.getuid();
}

/** Whether everybody may write in a folder, where there is such a thing. */
function isOpen(folder: string): boolean {
  const mode = statSync(folder, { throwIfNoEntry: false })?.mode ?? 0;
  return process.getuid !== undefined && (mode & 0o002) !== 0;
}

export function forget(state: Running): void {
  rmSync(state.temporary ? state.folder : fileIn(state.folder), { recursive: true, force: true });
}

/** The state of the stack that runs in a folder. Throws StackError STACK_NONE and STACK_FOLDER. */
export function running(folder: string): Running {
  const state = readState(folder);
  if (state) return state;
  throw new StackError('STACK_NONE', `No stack runs in ${folder}. \`npm run stack -- start\` starts one.`);
}

/**
 * Makes a folder, and what is missing above it, for this user alone; where a server runs as somebody else, it gets through
 * to what is its own.
 */
export function makeFolder(folder: string): void {
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, isRoot() ? 0o711 : 0o700);
}

/** Makes a folder that lets nobody else through, where it was there before, too. */
export function privateFolder(folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  return folder;
}

/** Undefined: something else, or written by other code. */
function stateIn(text: string): Running | undefined {
  try {
    const state: unknown = JSON.parse(text);
    return isRunning(state) ? state : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const isEnv = (value: unknown): value is Env =>
  isObject(value) &&
  // The names are not quoted where they are printed for a shell.
  Object.entries(value).every(([key, each]) => /^[A-Z][A-Z0-9_]*$/.test(key) && typeof each === 'string');

const isServer = (value: unknown): value is RunningServer =>
  isObject(value) &&
  typeof value['pid'] === 'number' &&
  [value['born'], value['name'], value['log']].every((each) => typeof each === 'string') &&
  (value['asks'] === 'SIGTERM' || value['asks'] === 'SIGINT');

const isRunning = (value: unknown): value is Running =>
  isObject(value) &&
  typeof value['folder'] === 'string' &&
  typeof value['temporary'] === 'boolean' &&
  isEnv(value['systems']) &&
  isEnv(value['fleet']) &&
  Array.isArray(value['servers']) &&
  value['servers'].every(isServer);

/** Lines for a shell. */
export const exportLines = (env: Env): string =>
  Object.entries(env)
    .map(([key, value]) => `export ${key}=${quoted(value)}\n`)
    .join('');

const quoted = (value: string): string =>
  /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;

export type Secrets = {
  readonly keycloakAdmin: string;
  readonly oidcAdmin: string;
  readonly program: string;
  readonly masterKey: string;
  readonly operators: string;
};

/** The secrets of all stacks of this user, made once: what is kept between two stacks depends on them. */
export function secrets(): Secrets {
  const file = join(cacheFolder(), 'secrets.json');
  mkdirSync(cacheFolder(), { recursive: true, mode: 0o700 });
  if (!existsSync(file)) {
    const fresh: Secrets = {
      keycloakAdmin: randomBytes(24).toString('base64url'),
      oidcAdmin: randomBytes(24).toString('base64url'),
      program: randomBytes(24).toString('base64url'),
      masterKey: randomBytes(32).toString('base64'),
      operators: randomBytes(32).toString('base64url'),
    };
    writeFileSync(file, `${JSON.stringify(fresh, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  }
  const found: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (isSecrets(found)) return found;
  throw new StackError('STACK_FOLDER', `${file} does not hold what it should. Remove it: new secrets are made.`);
}

const isSecrets = (value: unknown): value is Secrets =>
  isObject(value) &&
  ['keycloakAdmin', 'oidcAdmin', 'program', 'masterKey', 'operators'].every((key) => typeof value[key] === 'string');
