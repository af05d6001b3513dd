import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { takeLock } from '../../commands/log/lock.js';
import manifest from '../../package.json' with { type: 'json' };

export class FolderError extends Error {
  override name = 'FolderError';
  constructor(
    readonly code: 'DATA_LOCKED' | 'DATA_NEWER' | 'DATA_FOREIGN' | 'DATA_UNFINISHED' | 'DATA_MISSING' | 'DATA_UNUSABLE',
    message: string,
  ) {
    super(message);
  }
}

/** What stands in the files of the folder, and how. Raised when older code could no longer read them. */
const FORMAT = 1;

/** Few, but more than one, so that every way across homes is walked on a laptop too. Fixed for the life of a log. */
export const PARTITIONS = 4;

/** Stands in a folder for as long as something is being copied into it. */
export const UNFINISHED = 'unfinished';

/** Where the process that has the folder can be found. */
export type Address = { readonly url: string; readonly opsUrl: string };

export type Folder = {
  readonly path: string;
  /** What whoever may read this folder shows to the operators' port. Made anew each time. */
  readonly token: string;
  /** The path of a file in it. */
  file(name: string): string;
  /** Tells others, once it listens, who has the folder and where (`server.json`), and the token (`ops.token`). */
  announce(address: Address): void;
  close(): void;
};

/**
 * Opens the data folder for this process alone, or makes it (mode 0700). The lock is the kernel's: it ends with the
 * process, however that ends. Throws FolderError: DATA_LOCKED, DATA_NEWER (newer code wrote it), DATA_FOREIGN (it holds
 * somebody else's files), DATA_UNFINISHED (a copy into it was cut short), DATA_UNUSABLE (it cannot be made or written, or
 * is damaged).
 */
export function openFolder(dir: string): Folder {
  const path = resolve(dir);
  const file = (name: string): string => join(path, name);
  prepare(path);
  const hide = (): void => {
    for (const name of ['server.json', 'ops.token']) rmSync(file(name), { force: true });
  };
  const unlock = usable(path, () => takeLock(file('lock')));
  if (!unlock) throw new FolderError('DATA_LOCKED', lockedBy(path, file('server.json')));
  try {
    // What a killed process left here says nothing about this one.
    hide();
    chmodSync(file('lock'), 0o600);
    checkFormat(path, file('format.json'));
  } catch (error) {
    unlock();
    throw error;
  }
  const token = randomBytes(32).toString('base64url');
  return {
    path,
    token,
    file,
    announce: (address) => {
      writeWhole(file('ops.token'), `${token}\n`);
      writeWhole(file('server.json'), `${JSON.stringify({ pid: process.pid, ...address })}\n`);
    },
    close: () => {
      hide();
      unlock();
    },
  };
}

/** Makes the folder, and refuses one that is somebody else's, or half of one. */
function prepare(path: string): void {
  usable(path, () => {
    if (existsSync(join(path, UNFINISHED))) {
      const message = `A copy into ${path} was cut short, so it holds half of what it should. Restore into it again, or remove it.`;
      throw new FolderError('DATA_UNFINISHED', message);
    }
    const others = strangersIn(path);
    if (others.length > 0 && !others.includes('format.json')) {
      const message = `${path} holds files that are not Verbatim's (${others.slice(0, 3).join(', ')}). Name an empty or a new folder.`;
      throw new FolderError('DATA_FOREIGN', message);
    }
    mkdirSync(path, { recursive: true, mode: 0o700 });
  });
}

/** What a folder holds that an empty one does not. */
export const strangersIn = (path: string): readonly string[] =>
  existsSync(path)
    ? readdirSync(path).filter((name) => !name.startsWith('.') && !/^lock|^lost\+found$/.test(name))
    : [];

/** Runs a first step in the folder; what the file system refuses is told in our words. */
function usable<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof FolderError || !(error instanceof Error)) throw error;
    const message = `The data folder ${path} cannot be used: ${error.message}. Name another with VERBATIM_DATA.`;
    throw new FolderError('DATA_UNUSABLE', message);
  }
}

/** Refuses what this code cannot read, and signs what it may now write, so that older code refuses it in its turn. */
function checkFormat(path: string, file: string): void {
  const found = existsSync(file) ? readFormat(path) : undefined;
  if (found?.format === FORMAT && found.version === manifest.version) return;
  writeWhole(file, `${JSON.stringify({ format: FORMAT, version: manifest.version })}\n`);
}

/**
 * Which version wrote a folder. Throws DATA_MISSING if it is none of ours, DATA_NEWER if this code cannot read it,
 * DATA_UNUSABLE if it is damaged.
 */
export function readFormat(path: string): { readonly format: number; readonly version: string } {
  const known = readObject(join(path, 'format.json'));
  if (!known) {
    throw new FolderError(
      'DATA_MISSING',
      `${path} holds no data of Verbatim's: there is no format.json in it. Name another folder.`,
    );
  }
  const { format, version } = known;
  if (typeof format === 'number' && format <= FORMAT) return { format, version: String(version) };
  const writer = typeof version === 'string' ? `Verbatim ${version}` : 'a newer Verbatim';
  const message = `The data in ${path} was written by ${writer}; this is ${manifest.version}, which cannot read it. Start that version or a newer one.`;
  throw new FolderError('DATA_NEWER', message);
}

function lockedBy(path: string, file: string): string {
  const { pid, url } = readObject(file) ?? {};
  const who = typeof pid === 'number' ? `process ${pid}` : 'another process, which is just starting or ending';
  const where = typeof url === 'string' ? `, at ${url}` : '';
  return `The data folder ${path} is in use by ${who}${where}. Stop that one first, or name another folder with VERBATIM_DATA.`;
}

/** A JSON object in a file, or undefined if there is no such file. Throws DATA_UNUSABLE where it holds something else. */
export function readObject(file: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch {
    // Told below, together with what is JSON, but no object.
  }
  throw new FolderError(
    'DATA_UNUSABLE',
    `${file} is damaged: it holds no JSON object. Restore the folder from a backup.`,
  );
}

/** Writes a file so that a reader, or a kill, never finds half of it. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
