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
    readonly code: 'DATA_LOCKED' | 'DATA_NEWER' | 'DATA_FOREIGN' | 'DATA_UNUSABLE',
    message: string,
  ) {
    super(message);
  }
}

/** How the files of the folder are laid out and named. Raised when older code could no longer read them. */
const FORMAT = 1;

/** Where the process that has the folder can be found. */
export type Address = { readonly url: string; readonly opsUrl: string };

export type Folder = {
  readonly path: string;
  /** The path of a file in it. */
  file(name: string): string;
  /** Tells others, once it listens, who has the folder and where (`server.json`). */
  announce(address: Address): void;
  close(): void;
};

/**
 * Opens the data folder for this process alone, or makes it (mode 0700). The lock is the kernel's: it ends with the
 * process, however that ends. Throws FolderError: DATA_LOCKED, DATA_NEWER (newer code wrote it), DATA_FOREIGN (it holds
 * somebody else's files), DATA_UNUSABLE (it cannot be made or written).
 */
export function openFolder(dir: string): Folder {
  const path = resolve(dir);
  const file = (name: string): string => join(path, name);
  prepare(path);
  const unlock = usable(path, () => takeLock(file('lock')));
  if (!unlock) throw new FolderError('DATA_LOCKED', lockedBy(path, file('server.json')));
  try {
    // What a killed process left here says nothing about this one.
    rmSync(file('server.json'), { force: true });
    chmodSync(file('lock'), 0o600);
    checkFormat(path, file('format.json'));
  } catch (error) {
    unlock();
    throw error;
  }
  return {
    path,
    file,
    announce: (address) => writeWhole(file('server.json'), { pid: process.pid, ...address }),
    close: () => {
      rmSync(file('server.json'), { force: true });
      unlock();
    },
  };
}

/** Makes the folder, and refuses one that is somebody else's. */
function prepare(path: string): void {
  usable(path, () => {
    if (existsSync(path)) {
      const others = readdirSync(path).filter((name) => !name.startsWith('.') && !/^lock|^lost\+found$/.test(name));
      if (others.length > 0 && !others.includes('format.json')) {
        const message = `${path} holds files that are not Verbatim's (${others.slice(0, 3).join(', ')}). Name an empty or a new folder.`;
        throw new FolderError('DATA_FOREIGN', message);
      }
    }
    mkdirSync(path, { recursive: true, mode: 0o700 });
  });
}

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

function checkFormat(path: string, file: string): void {
  const known = readObject(file);
  if (!known) {
    writeWhole(file, { format: FORMAT, version: manifest.version });
  } else if (typeof known['format'] !== 'number' || known['format'] > FORMAT) {
    const writer = typeof known['version'] === 'string' ? `Verbatim ${known['version']}` : 'a newer Verbatim';
    const message = `The data in ${path} was written by ${writer}; this is ${manifest.version}, which cannot read it. Start that version or a newer one.`;
    throw new FolderError('DATA_NEWER', message);
  }
}

function lockedBy(path: string, file: string): string {
  const { pid, url } = readObject(file) ?? {};
  const who = typeof pid === 'number' ? `process ${pid}` : 'another process, which is just starting or ending';
  const where = typeof url === 'string' ? `, at ${url}` : '';
  return `The data folder ${path} is in use by ${who}${where}. Stop that one first, or name another folder with VERBATIM_DATA.`;
}

/** A JSON object in a file, or undefined if there is none. */
function readObject(file: string): Readonly<Record<string, unknown>> | undefined {
  if (!existsSync(file)) return undefined;
  const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Writes a file so that a reader, or a kill, never finds half of it. */
function writeWhole(file: string, value: object): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
