import { crc32 } from 'node:zlib';
import type Database from 'libsql';
import type { Uuid } from '../../domain/ids.js';
import { type Cursor, type Entry, type Placed, CODE, LogError } from './log.js';
import type { Place } from './store.js';
import { insertion } from './writer.js';

/** A cursor kept beside the records, and the newest time before it ('' if none). */
export type Mark = { readonly cursor: Cursor; readonly at: string };

/** A log's tables in SQLite, spoken to in records. */
export type Tables = {
  readonly id: Uuid;
  /** The statement that adds records, as JSON, from an offset on. */
  insertion(partition: number, offset: number, texts: readonly string[]): string;
  /** The statement that adds a mark. */
  markInsertion(partition: number, mark: Mark): string;
  /** At most `limit` records from an offset on. Throws LOG_CORRUPT at a hole. */
  scan(partition: number, from: number, limit: number): readonly Placed[];
  /** The last mark at or before an offset, or before a time. */
  mark(partition: number, place: Place): Mark | undefined;
};

/**
 * Opens the tables of a log, or makes them and names the log. Throws LOG_PARTITIONS, LOG_CORRUPT.
 * Each partition has a table of its own, keyed by offset alone: SQLite then appends to the end of a tree and keeps a
 * record in one page. In one table for all, keyed by both, records above 1 KB took twice the time and three times the room.
 */
export function openTables(db: Database.Database, partitions: number, newId: () => Uuid): Tables {
  splitOldTable(db);
  addOldSums(db, partitions);
  const id = identityIn(db, partitions) ?? begin(db, partitions, newId());
  const each = Array.from({ length: partitions }, (_, partition) => ({
    // As bare values: to make an object of each row takes longer than to read it.
    scan: db
      .prepare(`SELECT "offset", entry, sum FROM records_${partition} WHERE "offset" >= ? ORDER BY "offset" LIMIT ?`)
      .raw(),
  }));
  const of = (partition: number) => {
    const found = each[partition];
    if (!found) throw new RangeError(`partition ${partition} of ${partitions}`);
    return found;
  };
  const lastMark = (which: string) =>
    db.prepare(
      `SELECT "offset", fence, at, sum FROM marks WHERE partition = ? AND ${which} ORDER BY "offset" DESC LIMIT 1`,
    );
  const markByOffset = lastMark('"offset" <= ?');
  const markByTime = lastMark('at < ?');

  return {
    id,
    insertion: (partition, offset, texts) =>
      insertion(
        'INSERT',
        `records_${partition}`,
        texts.map((text, at) => [offset + at, text, sumOf(partition, offset + at, text)]),
      ),
    markInsertion: (partition, { cursor: { offset, fence: state }, at }) => {
      const fence = JSON.stringify(state);
      return insertion('INSERT OR REPLACE', 'marks', [
        [partition, offset, fence, at, sumOf(partition, offset, fence + at)],
      ]);
    },
    scan: (partition, from, limit) =>
      of(partition)
        .scan.all(from, limit)
        .map((row, at) => placed(row, partition, from + at)),
    mark: (partition, place) => {
      const row: unknown =
        'offset' in place ? markByOffset.get(partition, place.offset) : markByTime.get(partition, place.time);
      return row === undefined ? undefined : marked(row, partition);
    },
  };
}

/** Runs a step whole or not at all; when it returns, it is on the disk. */
export function transaction<T>(db: Database.Database, step: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = step();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    if (db.inTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

/** Makes the tables, and writes the identity of the new log into every partition. */
function begin(db: Database.Database, partitions: number, id: Uuid): Uuid {
  const header = { owner: id, term: 0, batch: 0, index: 0, count: 1, code: CODE };
  const identity: Entry = { kind: 'log', header, log: id, partitions };
  transaction(db, () => {
    db.exec(`CREATE TABLE marks (
      partition INTEGER NOT NULL, "offset" INTEGER NOT NULL, fence TEXT NOT NULL, at TEXT NOT NULL,
      sum INTEGER, PRIMARY KEY (partition, "offset")) WITHOUT ROWID`);
    for (let partition = 0; partition < partitions; partition++) {
      createRecords(db, partition);
      const text = JSON.stringify(identity);
      db.prepare(`INSERT INTO records_${partition} VALUES (0, ?, ?)`).run(text, sumOf(partition, 0, text));
    }
  });
  return id;
}

/** The first version kept all partitions in one table. Its records go on in tables of their own. */
function splitOldTable(db: Database.Database): void {
  if (!hasTable(db, 'records')) return;
  transaction(db, () => {
    for (const row of db.prepare('SELECT DISTINCT partition FROM records').all()) {
      const partition = typeof row === 'object' && row && 'partition' in row ? Number(row.partition) : NaN;
      createRecords(db, partition);
      db.prepare(
        `INSERT INTO records_${partition} SELECT "offset", entry, NULL FROM records WHERE partition = ? ORDER BY "offset"`,
      ).run(partition);
    }
    db.exec('DROP TABLE records');
  });
}

/** Records had no sums at first: those that are there stay without. */
function addOldSums(db: Database.Database, partitions: number): void {
  const names = ['marks', ...Array.from({ length: partitions }, (_, partition) => `records_${partition}`)];
  const without = names.filter(
    (name) => hasTable(db, name) && !db.prepare(`SELECT 1 FROM pragma_table_info('${name}') WHERE name = 'sum'`).get(),
  );
  if (without.length === 0) return;
  transaction(db, () => {
    for (const name of without) db.exec(`ALTER TABLE ${name} ADD COLUMN sum INTEGER`);
  });
}

const hasTable = (db: Database.Database, name: string): boolean =>
  db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(name) !== undefined;

const createRecords = (db: Database.Database, partition: number): void => {
  db.exec(`CREATE TABLE records_${partition} ("offset" INTEGER PRIMARY KEY, entry TEXT NOT NULL, sum INTEGER)`);
};

/** The log id in the first record of every partition; undefined where no log was begun yet. */
function identityIn(db: Database.Database, partitions: number): Uuid | undefined {
  if (!hasTable(db, 'records_0')) return undefined;
  const first = (partition: number): Extract<Entry, { kind: 'log' }> => {
    const row: unknown = db
      .prepare(`SELECT "offset", entry, sum FROM records_${partition} ORDER BY "offset" LIMIT 1`)
      .raw()
      .get();
    const { entry } = placed(row, partition, 0);
    if (entry.kind !== 'log') throw corrupt(`The first record of partition ${partition} is not the identity of a log.`);
    return entry;
  };
  const { log, partitions: made } = first(0);
  if (made !== partitions) {
    throw new LogError('LOG_PARTITIONS', `This log has ${made} partitions, not ${partitions}: fixed when it was made.`);
  }
  for (let partition = 1; partition < partitions; partition++) {
    if (first(partition).log !== log) throw corrupt(`Partition ${partition} belongs to another log.`);
  }
  return log;
}

/** Says what is wrong, and what to do. */
export const corrupt = (what: string, cause?: unknown): LogError =>
  new LogError('LOG_CORRUPT', `${what} The log is damaged: restore it from a backup.`, { cause });

/**
 * SQLite has checksums for its write-ahead log and none for the file itself. This one tells a record that was changed in
 * its place, or has got into another.
 */
const sumOf = (partition: number, offset: number, text: string): number =>
  crc32(text, (partition * 2 ** 24 + offset) % 2 ** 32);

function placed(row: unknown, partition: number, expected: number): Placed {
  const fault = (what: string, cause?: unknown): LogError =>
    corrupt(`Record ${expected} of partition ${partition} ${what}.`, cause);
  const [offset, entry, sum]: readonly unknown[] = Array.isArray(row) ? row : [];
  if (offset !== expected || typeof entry !== 'string') throw fault('is missing');
  if (sum !== null && sum !== sumOf(partition, expected, entry)) throw fault('is not as it was written');
  try {
    return { offset: expected, entry: JSON.parse(entry) };
  } catch (error) {
    throw fault('cannot be read', error);
  }
}

function marked(row: unknown, partition: number): Mark {
  if (typeof row === 'object' && row && 'offset' in row && 'fence' in row && 'at' in row && 'sum' in row) {
    const { offset, fence, at, sum } = row;
    if (typeof offset === 'number' && typeof fence === 'string' && typeof at === 'string') {
      if (sum !== null && sum !== sumOf(partition, offset, fence + at))
        throw corrupt('A mark is not as it was written.');
      return { cursor: { offset, fence: JSON.parse(fence) }, at };
    }
  }
  throw corrupt('A mark of the log cannot be read.');
}
