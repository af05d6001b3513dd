import { closeSync, openSync } from 'node:fs';
import Database from 'libsql';
import type { Uuid } from '../../domain/ids.js';
import { takeLock } from './lock.js';
import { type Cursor, type Entry, type Log, type Placed, CODE } from './log.js';
import { type Place, type Store, logOver, passAll, startOfLog, timeOf } from './store.js';

export class LogError extends Error {
  override name = 'LogError';
  constructor(
    readonly code: 'LOG_LOCKED' | 'LOG_PARTITIONS' | 'LOG_NEWER_CODE' | 'LOG_CORRUPT',
    message: string,
  ) {
    super(message);
  }
}

/** One mark in this many records keeps any cursor a short fold away. */
const MARK_EVERY = 1_000;

const tables = `
  CREATE TABLE IF NOT EXISTS records (
    partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (partition, "offset")) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS marks (
    partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, fence TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (partition, "offset")) WITHOUT ROWID;`;

type Waiting = {
  readonly partition: number;
  readonly batch: readonly Entry[];
  readonly resolve: (base: number) => void;
  readonly reject: (error: unknown) => void;
};

/** The end of a partition as the writer knows it: what comes next, and since when there was no mark. */
type Tail = { cursor: Cursor; marked: number; at: string };

/**
 * Opens the log in one SQLite file (mode 0600), or begins a new one. Every append is one commit, synced to the disk, and
 * appends that wait at the same moment share it. The file is locked for as long as it is open; the lock is the kernel's,
 * so a killed process leaves none behind.
 */
export function openSqliteLog({ file, partitions, newId }: SqliteLogOptions): Log {
  const unlock = takeLock(`${file}.lock`);
  if (!unlock) {
    throw new LogError('LOG_LOCKED', `Another process has the log ${file} open. Stop it first, or use another folder.`);
  }
  // Made here, for the files beside it take their mode from it.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file);
  const close = (): void => {
    db.close();
    unlock();
  };
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${tables}`);
    return logOver(storeIn(db, partitions, newId, close));
  } catch (error) {
    close();
    if (error instanceof Error && /malformed|not a database/i.test(error.message)) {
      throw new LogError('LOG_CORRUPT', `The log ${file} is damaged (${error.message}). Restore it from a backup.`);
    }
    throw error;
  }
}

function storeIn(db: Database.Database, partitions: number, newId: () => Uuid, close: () => void): Store {
  const insert = db.prepare('INSERT INTO records VALUES (?, ?, ?)');
  const insertMark = db.prepare('INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)');
  const select = db.prepare(
    'SELECT "offset", entry FROM records WHERE partition = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?',
  );
  const markByOffset = db.prepare(
    'SELECT "offset", fence FROM marks WHERE partition = ? AND "offset" <= ? ORDER BY "offset" DESC LIMIT 1',
  );
  const markByTime = db.prepare(
    'SELECT "offset", fence FROM marks WHERE partition = ? AND at < ? ORDER BY "offset" DESC LIMIT 1',
  );

  const scan = (partition: number, from: number, limit: number): readonly Placed[] =>
    select.all(partition, from, limit).map(placed);
  const mark = (partition: number, place: Place): Cursor | undefined => {
    const row: unknown =
      'offset' in place ? markByOffset.get(partition, place.offset) : markByTime.get(partition, place.time);
    return row === undefined ? undefined : marked(row);
  };

  const id = identity(scan, partitions) ?? begin();
  const tails = Array.from({ length: partitions }, (_, partition) => tailOf(partition));

  /** Writes the identity into every partition of a new log. */
  function begin(): Uuid {
    const made = newId();
    const header = { owner: made, term: 0, batch: 0, index: 0, count: 1, code: CODE };
    const entry: Entry = { kind: 'log', header, log: made, partitions };
    db.exec('BEGIN IMMEDIATE');
    for (let partition = 0; partition < partitions; partition++) insert.run(partition, 0, JSON.stringify(entry));
    db.exec('COMMIT');
    return made;
  }

  function tailOf(partition: number): Tail {
    const last = mark(partition, { offset: Number.MAX_SAFE_INTEGER }) ?? startOfLog;
    const tail: Tail = { cursor: last, marked: last.offset, at: '' };
    for (let page = scan(partition, last.offset, MARK_EVERY); page.length > 0;) {
      advance(tail, page);
      page = scan(partition, tail.cursor.offset, MARK_EVERY);
    }
    return tail;
  }

  let queue: Waiting[] = [];

  /** Commits everything that waits at this moment. An error means "unknown" to each of them. */
  function flush(): void {
    const waiting = queue;
    queue = [];
    const before = tails.map((tail) => ({ ...tail }));
    try {
      db.exec('BEGIN IMMEDIATE');
      const bases = waiting.map(({ partition, batch }) => write(partition, batch));
      db.exec('COMMIT');
      for (const [at, { resolve }] of waiting.entries()) resolve(bases[at] ?? NaN);
    } catch (error) {
      if (db.inTransaction) db.exec('ROLLBACK');
      for (const [partition, tail] of before.entries()) tails[partition] = tail;
      for (const { reject } of waiting) reject(error);
    }
  }

  function write(partition: number, batch: readonly Entry[]): number {
    const tail = tails[partition];
    if (!tail) throw new RangeError(`partition ${partition} of ${partitions}`);
    const base = tail.cursor.offset;
    const records = batch.map((entry, at) => ({ offset: base + at, entry }));
    for (const { offset, entry } of records) insert.run(partition, offset, JSON.stringify(entry));
    advance(tail, records);
    if (tail.cursor.offset - tail.marked >= MARK_EVERY) {
      insertMark.run(partition, tail.cursor.offset, JSON.stringify(tail.cursor.fence), tail.at);
      tail.marked = tail.cursor.offset;
    }
    return base;
  }

  return {
    id,
    partitions,
    append: (partition, batch) =>
      new Promise((resolve, reject) => {
        if (queue.length === 0) setImmediate(flush);
        queue.push({ partition, batch, resolve, reject });
      }),
    scan,
    end: (partition) => tails[partition]?.cursor.offset ?? 0,
    mark,
    close: () => {
      if (queue.length > 0) flush();
      close();
    },
  };
}

export type SqliteLogOptions = { readonly file: string; readonly partitions: number; readonly newId: () => Uuid };

/** Moves a tail over records. Refuses what newer code has written. */
function advance(tail: Tail, records: readonly Placed[]): void {
  for (const { entry } of records) {
    if (entry.header.code > CODE) {
      throw new LogError('LOG_NEWER_CODE', `Newer code (${entry.header.code}) has written this log. Start that one.`);
    }
    tail.at = timeOf(entry) ?? tail.at;
  }
  tail.cursor = passAll(tail.cursor, records).next;
}

/** The log id in the first record, if there is one. Refuses another number of partitions. */
function identity(scan: Store['scan'], partitions: number): Uuid | undefined {
  const first = scan(0, 0, 1)[0]?.entry;
  if (!first) return undefined;
  if (first.kind !== 'log') throw new LogError('LOG_CORRUPT', 'The first record is not the identity of a log.');
  if (first.partitions !== partitions) {
    const message = `This log has ${first.partitions} partitions, not ${partitions}: that number is fixed for life.`;
    throw new LogError('LOG_PARTITIONS', message);
  }
  return first.log;
}

function placed(row: unknown): Placed {
  if (typeof row === 'object' && row && 'offset' in row && 'entry' in row && typeof row.entry === 'string') {
    return { offset: Number(row.offset), entry: JSON.parse(row.entry) };
  }
  throw new LogError('LOG_CORRUPT', 'A record of the log cannot be read.');
}

function marked(row: unknown): Cursor {
  if (typeof row === 'object' && row && 'offset' in row && 'fence' in row && typeof row.fence === 'string') {
    return { offset: Number(row.offset), fence: JSON.parse(row.fence) };
  }
  throw new LogError('LOG_CORRUPT', 'A mark of the log cannot be read.');
}
