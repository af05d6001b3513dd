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
  const groups = Array.from({ length: partitions }, (_, partition) => groupIn(db, partition));
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
    scan: (partition, from, limit) => {
      const group = groups[partition];
      if (!group) throw new RangeError(`partition ${partition} of ${partitions}`);
      const records: Placed[] = [];
      let asked = 0;
      do {
        const more = Math.min(GROUP, limit - asked);
        addGroup(records, group, partition, from + asked, more);
        asked += more;
      } while (records.length === asked && asked < limit);
      return records;
    },
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

/** So many records come over as one value: to take values over one by one takes longer than to read them. */
const GROUP = 100;

/**
 * The next records as one JSON array, each on a line of its own (JSON has no line break within), and their sums. Where a
 * record has no sum, being of an older version, its offset stands there as a negative number.
 */
const groupIn = (db: Database.Database, partition: number): Database.Statement =>
  db
    .prepare(
      `SELECT '[' || group_concat(entry, '${BETWEEN}') || ']', group_concat(coalesce(sum, -1 - "offset"))
        FROM (SELECT "offset", entry, sum FROM records_${partition} WHERE "offset" >= ? ORDER BY "offset" LIMIT ?)`,
    )
    .raw();

/** The line break is first, for it is found at once: there are commas all over. */
const BETWEEN = '\n,';

/** Adds the next records, at most `limit`. Throws LOG_CORRUPT where one is not in its place, or not as it was written. */
function addGroup(records: Placed[], group: Database.Statement, partition: number, from: number, limit: number): void {
  const row: unknown = group.get(from, limit);
  const [found, sums]: readonly unknown[] = Array.isArray(row) ? row : [];
  if (typeof sums !== 'string') return;
  const array = typeof found === 'string' ? found : '';
  const lines = array.slice(1, -1).split(BETWEEN);
  const texts = sums.split(',').map((sum, at) => checked(lines[at], Number(sum), partition, from + at));
  let offset = from;
  for (const entry of entriesIn(array, texts, partition, from)) records.push({ offset: offset++, entry });
}

/** What the texts of an array say. They are parsed at once, or one by one where a text without a sum is none. */
function entriesIn(array: string, texts: readonly string[], partition: number, from: number): readonly Entry[] {
  try {
    const entries: readonly Entry[] = JSON.parse(array);
    if (entries.length === texts.length) return entries;
  } catch {
    // Which one it is, is told below.
  }
  return texts.map((text, at) => parsed(text, partition, from + at));
}

/** The log id in the first record of every partition; undefined where no log was begun yet. */
function identityIn(db: Database.Database, partitions: number): Uuid | undefined {
  if (!hasTable(db, 'records_0')) return undefined;
  const first = (partition: number): Extract<Entry, { kind: 'log' }> => {
    const found: Placed[] = [];
    addGroup(found, groupIn(db, partition), partition, 0, 1);
    const entry = found[0]?.entry;
    if (entry?.kind !== 'log')
      throw corrupt(`The first record of partition ${partition} is not the identity of a log.`);
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

/** The text that has to be at an offset. Its sum tells its place as well. */
function checked(text: string | undefined, sum: number, partition: number, offset: number): string {
  if (text === undefined) throw corruptAt(partition, offset, 'is missing');
  if (sum !== sumOf(partition, offset, text) && sum !== -1 - offset) {
    throw corruptAt(partition, offset, 'is missing, or not as it was written');
  }
  return text;
}

function parsed(text: string, partition: number, offset: number): Entry {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corruptAt(partition, offset, 'cannot be read', error);
  }
}

const corruptAt = (partition: number, offset: number, what: string, cause?: unknown): LogError =>
  corrupt(`Record ${offset} of partition ${partition} ${what}.`, cause);

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
