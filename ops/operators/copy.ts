import { closeSync, existsSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { makePrivate } from '../../commands/log/lock.js';
import type { Uuid } from '../../domain/ids.js';
import { CliError } from '../run/errors.js';
import { FolderError, UNFINISHED, readFormat } from '../run/folder.js';

/** What is kept and not derived, in the order in which it is copied: a key that the copied log needs is older than it. */
const kept = ['log.db', 'keys.db', 'identity.db'] as const;

/** What a copy holds. */
export type Copied = {
  readonly log: Uuid;
  readonly partitions: number;
  readonly records: number;
  readonly bytes: number;
  /** The version of Verbatim that wrote the data. */
  readonly version: string;
};

type Ends = readonly {
  readonly partition: number;
  readonly log: Uuid;
  readonly records: number;
  readonly last: number;
}[];
type Report = { readonly to: string; readonly before: Ends; readonly after: Ends; readonly faults: readonly string[] };
type Failed = {
  readonly from: string;
  readonly to: string;
  readonly error: { readonly code: string | undefined; readonly message: string };
};

/** Looks whether a folder is a whole data folder of ours. Says which version wrote it; throws FolderError. */
export function checkSource(from: string): string {
  const { version } = readFormat(from);
  if (existsSync(join(from, UNFINISHED))) {
    throw new FolderError(
      'DATA_UNFINISHED',
      `${from} is itself the rest of a copy that was cut short. Name another folder.`,
    );
  }
  for (const name of kept) {
    if (existsSync(join(from, name))) continue;
    throw new FolderError(
      'DATA_MISSING',
      `${from} holds no ${name}: it is not a whole data folder. Name another folder.`,
    );
  }
  return version;
}

/**
 * Copies the files of a data folder into an empty one: the log, then the keys, then the accounts, each as it is at one
 * moment, then `format.json`, without which no folder is one. The source may be in use, by this process too. What was
 * copied is read again, and on the disk before this resolves. Throws FolderError, and CliError COPY_FAILED, COPY_BROKEN,
 * TARGET_UNUSABLE.
 */
export async function copyData(from: string, to: string): Promise<Copied> {
  const version = checkSource(from);
  // SQLite fills the file that it finds, and keeps its mode.
  inTarget(to, () => {
    for (const name of kept) makePrivate(join(to, name));
  });
  const reports = await copyFiles(kept.map((name) => ({ from: join(from, name), to: join(to, name) })));
  for (const report of reports) check(report);
  const format = readFileSync(join(from, 'format.json'));
  const files = [...kept, 'format.json'].map((name) => join(to, name));
  inTarget(to, () => {
    writeFileSync(join(to, 'format.json'), format, { mode: 0o600 });
    for (const path of [...files, to]) sync(path);
  });

  const ends = reports[0]?.after ?? [];
  return {
    log: ends[0]?.log ?? '',
    partitions: ends.length,
    records: ends.reduce((sum, { records }) => sum + records, 0),
    bytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
    version,
  };
}

/** Settles when the thread has ended, and so has let go of all files. */
function copyFiles(files: readonly { readonly from: string; readonly to: string }[]): Promise<readonly Report[]> {
  const thread = new Worker(new URL('./copy-worker.mjs', import.meta.url), { workerData: files, execArgv: [] });
  const reports: Report[] = [];
  let failure: CliError | undefined;
  return new Promise((resolve, reject) => {
    thread.on('message', (report: Report | Failed) => {
      if ('error' in report) failure = failed(report);
      else reports.push(report);
    });
    thread.once('error', (error) => {
      failure = new CliError('COPY_FAILED', `The copy failed: ${String(error)}`, { cause: error });
    });
    thread.once('exit', () => {
      if (failure) reject(failure);
      else resolve(reports);
    });
  });
}

function failed({ from, to, error: { code, message } }: Failed): CliError {
  const what = `${from} could not be copied to ${to}: ${message}${code === undefined ? '' : ` (${code})`}.`;
  const hint = 'If the disk is full, make room and try again; if the file is damaged, take it from an earlier backup.';
  return new CliError('COPY_FAILED', `${what} ${hint}`);
}

/** A copy is whole if SQLite finds nothing wrong with it, and the log in it is the same and reaches as far, without holes. */
function check({ to, before, after, faults }: Report): void {
  const found = faults.filter((fault) => fault !== 'ok');
  const wrong = after.filter(({ partition, log, records, last }, at) => {
    const source = before[at];
    return source?.partition !== partition || source.log !== log || last < source.last || records !== last + 1;
  });
  if (found.length === 0 && wrong.length === 0 && before.length === after.length) return;
  const what = [...found, ...wrong.map(({ partition }) => `partition ${partition} is not whole`)].join('; ');
  throw new CliError(
    'COPY_BROKEN',
    `The copy ${to} is not what was to be copied: ${what}. Look after the disk, and try again.`,
  );
}

/** Runs a step in the folder that is being made; what the file system refuses is told in our words. */
export function inTarget<T>(path: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof CliError || !(error instanceof Error)) throw error;
    const message = `The folder ${path} cannot be made or written: ${error.message}. Name another folder.`;
    throw new CliError('TARGET_UNUSABLE', message, { cause: error });
  }
}

/** Throws TARGET_NOT_EMPTY where something was found in a folder that is to be made. */
export function checkEmpty(path: string, found: readonly string[]): void {
  if (found.length === 0) return;
  throw new CliError('TARGET_NOT_EMPTY', `${path} is not empty, and nothing is ever overwritten. Name a new folder.`);
}

/** Puts a file or folder on the disk. Windows has no way to say so for folders. */
export function sync(path: string): void {
  const folder = statSync(path).isDirectory();
  if (folder && process.platform === 'win32') return;
  const file = openSync(path, folder ? 'r' : 'r+');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
