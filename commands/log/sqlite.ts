import { existsSync, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import Database from 'libsql';
import type { Uuid } from '../../domain/ids.js';
import { makePrivate, takeLock } from './lock.js';
import { type Cursor, type Entry, type Log, type Placed, LogError, encode } from './log.js';
import { type Store, known, logOver, passAll, startOfLog, timeOf } from './store.js';
import { corrupt, openTables } from './tables.js';
import { openWriter } from './writer.js';

/** One mark in this many records keeps any cursor a short fold away. */
const MARK_EVERY = 1_000;

export type SqliteLogOptions = {
  readonly file: string;
  readonly partitions: number;
  /** Names a new log. */
  readonly newId: () => Uuid;
};

/**
 * Opens the log in one SQLite file (mode 0600), or begins a new one. Every append is one commit, synced to the disk by
 * a thread of its own, and appends that come while one is under way share the next. The file is locked for as long as
 * it is open; the lock is the kernel's, so a killed process leaves none behind. Throws LogError.
 */
export function openSqliteLog({ file, partitions, newId }: SqliteLogOptions): Log {
  makePrivate(`${file}.lock`);
  const unlock = takeLock(`${file}.lock`);
  if (!unlock) {
    throw new LogError('LOG_LOCKED', `Another process has the log ${file} open. Stop it first, or use another folder.`);
  }
  try {
    makePrivate(file);
    if (isStump(file)) throw corrupt(`The file ${file} ends before it begins.`);
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

/** Whether a file is shorter than any database, and yet not new: SQLite would begin it anew without a word. */
function isStump(file: string): boolean {
  const { size } = statSync(file);
  return size > 0 && size < 512 && !existsSync(`${file}-journal`);
}

type Waiting = {
  readonly partition: number;
  readonly batch: readonly Entry[];
  /** The records as they will be stored. */
  readonly texts: readonly string[];
  readonly resolve: (base: number) => void;
  readonly reject: (error: unknown) => void;
};

/** The end of a partition: what comes next, the last mark before it, the newest time. */
type Tail = { readonly cursor: Cursor; readonly marked: number; readonly at: string };

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
    let tail: Tail = { cursor, marked: cursor.offset, at };
    for (let page = tables.scan(partition, cursor.offset, MARK_EVERY); page.length > 0;) {
      tail = advanced(tail, known(page));
      page = tables.scan(partition, tail.cursor.offset, MARK_EVERY);
    }
    return tail;
  }

  let queue: Waiting[] = [];
  /** The commits, one after the other: the last of them is not begun yet while something waits. */
  let commits: Promise<void> = Promise.resolve();

  /** Commits everything that waits at this moment. An error means "unknown" to each of them. */
  async function commit(): Promise<void> {
    const waiting = queue;
    queue = [];
    try {
      // What is not on the disk is not the end yet, to nobody.
      const ends = new Map<number, Tail>();
      const statements: string[] = [];
      const bases = waiting.map((each) => write(each, ends, statements));
      await writer.commit(statements);
      for (const [partition, tail] of ends) tails.set(partition, tail);
      for (const [at, { resolve }] of waiting.entries()) resolve(bases[at] ?? NaN);
    } catch (error) {
      // Where the log ends now is for the file to say.
      tails.clear();
      for (const { reject } of waiting) reject(told(file, error));
    }
  }

  /** Adds what writes a batch behind the ends that those before it will have made. Returns where it will begin. */
  function write({ partition, batch, texts }: Waiting, ends: Map<number, Tail>, statements: string[]): number {
    const before = ends.get(partition) ?? tailAt(partition);
    const base = before.cursor.offset;
    statements.push(tables.insertion(partition, base, texts));
    const tail = advanced(
      before,
      batch.map((entry, at) => ({ offset: base + at, entry })),
    );
    const marks = tail.cursor.offset - tail.marked >= MARK_EVERY;
    if (marks) statements.push(tables.markInsertion(partition, tail));
    ends.set(partition, marks ? { ...tail, marked: tail.cursor.offset } : tail);
    return base;
  }

  const reading = <T>(step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw told(file, error);
    }
  };

  for (let partition = 0; partition < partitions; partition++) tailAt(partition);
  const writer = openWriter(file, 'FULL');
  return {
    id: tables.id,
    partitions,
    append: (partition, batch) =>
      new Promise((resolve, reject) => {
        reading(() => tailAt(partition));
        const texts = batch.map(encode);
        if (queue.length === 0) commits = commits.then(() => turn()).then(commit);
        queue.push({ partition, batch, texts, resolve, reject });
      }),
    scan: (partition, from, limit) => reading(() => tables.scan(partition, from, limit)),
    end: (partition) => reading(() => tailAt(partition)).cursor.offset,
    mark: (partition, place) => reading(() => tables.mark(partition, place))?.cursor,
    close: async () => {
      await commits;
      try {
        await writer.close();
        // SQLite lets go of its files only when all statements are collected. So that a copy is whole, it is told to.
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } finally {
        db.close();
        unlock();
      }
    },
  };
}

/** The end behind more records. The times of void records say nothing: a zombie's clock may be anywhere. */
function advanced({ cursor, marked, at }: Tail, records: readonly Placed[]): Tail {
  const { records: valid, next } = passAll(cursor, records);
  return { cursor: next, marked, at: valid.reduce((newest, { entry }) => timeOf(entry) ?? newest, at) };
}

/** An error in our words, where it says that the file is damaged, or that there is no room for it. */
function told(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code.startsWith('SQLITE_FULL')) {
    const message = `The disk is full: ${file} can take nothing more. Make room, and it goes on by itself.`;
    return new LogError('LOG_FULL', message, { cause: error });
  }
  // ERROR: a statement of ours that does not fit to the tables; TOOBIG: a length that nothing of ours has.
  if (!/^SQLITE_(CORRUPT|NOTADB|ERROR|TOOBIG)/.test(code)) return error;
  return corrupt(`The file ${file} is not as SQLite left it.`, error);
}
