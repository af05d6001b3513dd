import Database from 'libsql';
import type { Uuid } from '../../domain/ids.js';
import { makePrivate, takeLock } from './lock.js';
import { type Cursor, type Entry, type Log, type Placed, LogError, encode } from './log.js';
import { type Store, known, logOver, passAll, startOfLog, timeOf } from './store.js';
import { corrupt, openTables, transaction } from './tables.js';

/** One mark in this many records keeps any cursor a short fold away. */
const MARK_EVERY = 1_000;

export type SqliteLogOptions = {
  readonly file: string;
  readonly partitions: number;
  /** Names a new log. */
  readonly newId: () => Uuid;
};

/**
 * Opens the log in one SQLite file (mode 0600), or begins a new one. Every append is one commit, synced to the disk, and
 * appends that wait at the same moment share it. The file is locked for as long as it is open; the lock is the kernel's,
 * so a killed process leaves none behind. Throws LogError.
 */
export function openSqliteLog({ file, partitions, newId }: SqliteLogOptions): Log {
  makePrivate(`${file}.lock`);
  const unlock = takeLock(`${file}.lock`);
  if (!unlock) {
    throw new LogError('LOG_LOCKED', `Another process has the log ${file} open. Stop it first, or use another folder.`);
  }
  try {
    makePrivate(file);
    const db = new Database(file);
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
      return logOver(storeIn(db, { file, partitions, newId }, unlock));
    } catch (error) {
      db.close();
      throw told(file, error);
    }
  } catch (error) {
    unlock();
    throw error;
  }
}

type Waiting = {
  readonly partition: number;
  readonly batch: readonly Entry[];
  /** The records as they will be stored. */
  readonly texts: readonly string[];
  readonly resolve: (base: number) => void;
  readonly reject: (error: unknown) => void;
};

/** The end of a partition as the writer knows it: what comes next, the last mark before it, the newest time. */
type Tail = { cursor: Cursor; marked: number; at: string };

function storeIn(db: Database.Database, { file, partitions, newId }: SqliteLogOptions, unlock: () => void): Store {
  const tables = openTables(db, partitions, newId);
  const tails = new Map<number, Tail>();
  const tailAt = (partition: number): Tail => {
    const tail = tails.get(partition) ?? readTail(partition);
    tails.set(partition, tail);
    return tail;
  };

  function readTail(partition: number): Tail {
    const { cursor, at } = tables.mark(partition, { offset: Number.MAX_SAFE_INTEGER }) ?? {
      cursor: startOfLog,
      at: '',
    };
    // The record before the mark is looked at too: newer code may have stopped exactly there.
    const before = known(tables.scan(partition, Math.max(cursor.offset - 1, 0), 1));
    if (before.length === 0) throw corrupt(`Partition ${partition} ends before its last mark.`);
    const tail: Tail = { cursor, marked: cursor.offset, at };
    for (let page = tables.scan(partition, cursor.offset, MARK_EVERY); page.length > 0;) {
      advance(tail, known(page));
      page = tables.scan(partition, tail.cursor.offset, MARK_EVERY);
    }
    return tail;
  }

  let queue: Waiting[] = [];

  /** Commits everything that waits at this moment. An error means "unknown" to each of them. */
  function flush(): void {
    const waiting = queue;
    queue = [];
    // Closing flushes too, and this may come after it.
    if (waiting.length === 0) return;
    try {
      const landed = transaction(db, () => waiting.map(write));
      for (const tell of landed) tell();
    } catch (error) {
      // Where the log ends now is for the file to say.
      tails.clear();
      for (const { reject } of waiting) reject(told(file, error));
    }
  }

  function write({ partition, batch, texts, resolve }: Waiting): () => void {
    const tail = tailAt(partition);
    const base = tail.cursor.offset;
    for (const [at, text] of texts.entries()) tables.insert(partition, base + at, text);
    advance(
      tail,
      batch.map((entry, at) => ({ offset: base + at, entry })),
    );
    if (tail.cursor.offset - tail.marked >= MARK_EVERY) {
      tables.insertMark(partition, tail);
      tail.marked = tail.cursor.offset;
    }
    return () => resolve(base);
  }

  const reading = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw told(file, error);
    }
  };

  for (let partition = 0; partition < partitions; partition++) tailAt(partition);
  return {
    id: tables.id,
    partitions,
    append: (partition, batch) =>
      new Promise((resolve, reject) => {
        reading(() => tailAt(partition));
        const texts = batch.map(encode);
        if (queue.length === 0) setImmediate(flush);
        queue.push({ partition, batch, texts, resolve, reject });
      }),
    scan: (partition, from, limit) => reading(() => tables.scan(partition, from, limit)),
    end: (partition) => reading(() => tailAt(partition)).cursor.offset,
    mark: (partition, place) => reading(() => tables.mark(partition, place))?.cursor,
    close: () => {
      flush();
      try {
        // SQLite lets go of its files only when all statements are collected. So that a copy is whole, it is told to.
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } finally {
        db.close();
        unlock();
      }
    },
  };
}

/** Moves a tail over records. The times of void records say nothing: a zombie's clock may be anywhere. */
function advance(tail: Tail, records: readonly Placed[]): void {
  const { records: valid, next } = passAll(tail.cursor, records);
  tail.cursor = next;
  for (const { entry } of valid) tail.at = timeOf(entry) ?? tail.at;
}

/** An error in our words, where it says that the file is damaged, or that there is no room for it. */
function told(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('SQLITE_FULL')) {
    const message = `The disk is full: ${file} can take nothing more. Make room, and it goes on by itself.`;
    return new LogError('LOG_FULL', message, { cause: error });
  }
  if (!/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return error;
  return corrupt(`The file ${file} is not as SQLite left it.`, error);
}
