import { rmSync } from 'node:fs';
import Database from 'libsql';
import { makePrivate } from '../log/lock.js';
import { BUSY_MS, insertion, literal, openWriter } from '../log/writer.js';
import {
  type Changes,
  type Checkpoint,
  type Loaded,
  type Snapshots,
  type Wanted,
  sameCheckpoint,
} from './snapshots.js';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS checkpoints (state INTEGER, home INTEGER, log TEXT, "offset" INTEGER, fence TEXT, at TEXT,
    covered INTEGER, PRIMARY KEY (state, home)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS streams (state INTEGER, home INTEGER, stream TEXT, version INTEGER, hash TEXT, bare TEXT,
    PRIMARY KEY (state, home, stream)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS chunks (state INTEGER, home INTEGER, stream TEXT, chunk INTEGER, body TEXT,
    PRIMARY KEY (state, home, stream, chunk)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outcomes (state INTEGER, home INTEGER, name TEXT, hash TEXT, outcome TEXT, "offset" INTEGER,
    at TEXT, PRIMARY KEY (state, home, name)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS outcomes_by_time ON outcomes (state, home, at);`;

/**
 * One statement, so that what it finds and the checkpoint are of one moment. CROSS JOIN keeps SQLite from turning the
 * order round: it would read a whole home to find a few rows of it.
 */
export const LOAD = `
  SELECT 'checkpoint' AS kind, '' AS name, "offset" AS n, log AS a, fence AS b, at AS c, covered AS d
    FROM checkpoints WHERE state = ?1 AND home = ?2
  UNION ALL SELECT 'stream', s.stream, s.version, s.hash, s.bare, '', 0
    FROM json_each(?3) w CROSS JOIN streams s ON s.state = ?1 AND s.home = ?2 AND s.stream = w.value
  UNION ALL SELECT 'chunk', c.stream, c.chunk, c.body, '', '', 0
    FROM json_each(?4) w CROSS JOIN chunks c
    ON c.state = ?1 AND c.home = ?2 AND c.stream = w.value ->> 'stream' AND c.chunk = w.value ->> 'chunk'
  UNION ALL SELECT 'outcome', o.name, o."offset", o.hash, o.outcome, o.at, 0
    FROM json_each(?5) w CROSS JOIN outcomes o ON o.state = ?1 AND o.home = ?2 AND o.name = w.value`;

const TABLES = ['checkpoints', 'streams', 'chunks', 'outcomes'];

/** The number of the tables' shape. What a file holds in another one is dropped: that costs a fold of the log. */
const SHAPE = 2;

/**
 * Snapshots in one SQLite file (mode 0600) for one version of the states. It is not synced at every flush, and a file
 * that turns out to be damaged is thrown away, at once or while it is used: that costs a fold of the log.
 */
export function openSnapshots({ file, state }: { file: string; state: number }): Snapshots {
  const anew = (): Snapshots => {
    for (const part of ['', '-wal', '-shm']) rmSync(`${file}${part}`, { force: true });
    return snapshotsIn(file, state);
  };
  const open = (): Snapshots => {
    try {
      return snapshotsIn(file, state);
    } catch (error) {
      if (isDamage(error)) return anew();
      throw error;
    }
  };
  let store: Promise<Snapshots> | undefined = Promise.resolve(open());
  /**
   * Does a step. Where that finds damage it fails, with all that are under way, and the next finds an empty store. Where
   * none could be made, as on a full disk, the next tries again.
   */
  const on = async <T>(step: (store: Snapshots) => Promise<T>): Promise<T> => {
    const used = (store ??= Promise.resolve().then(anew));
    let each: Snapshots | undefined;
    try {
      each = await used;
      return await step(each);
    } catch (error) {
      if (store === used && (!each || isDamage(error))) {
        store = each?.close().then(anew);
        store?.catch(() => undefined);
      }
      throw error;
    }
  };
  return {
    load: (home, wanted) => on((each) => each.load(home, wanted)),
    flush: (home, from, to, changes) => on((each) => each.flush(home, from, to, changes)),
    clear: (home) => on((each) => each.clear(home)),
    retireOlder: (home) => on((each) => each.retireOlder(home)),
    close: async () => (await store)?.close(),
  };
}

/** What SQLite says is damaged, and what is no longer the JSON that was written. */
const isDamage = (error: unknown): boolean =>
  error instanceof SyntaxError ||
  (error instanceof Error && 'code' in error && /^SQLITE_(CORRUPT|NOTADB)/.test(String(error.code)));

function snapshotsIn(file: string, state: number): Snapshots {
  makePrivate(file);
  const db = new Database(file);
  try {
    // Somebody else may look into it at that moment: whoever closes it last, after a kill, tidies up and keeps all out.
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL`);
    const shape: unknown = db.prepare('PRAGMA user_version').get();
    const same = typeof shape === 'object' && shape !== null && 'user_version' in shape && shape.user_version === SHAPE;
    if (!same) db.exec(TABLES.map((table) => `DROP TABLE IF EXISTS ${table};`).join(''));
    db.exec(`${SCHEMA} PRAGMA user_version = ${SHAPE}`);
  } catch (error) {
    db.close();
    throw error;
  }
  const writer = openWriter(file, 'NORMAL');
  const select = db.prepare(LOAD);
  const load = (home: number, { streams = [], chunks = [], outcomes = [] }: Wanted): Loaded =>
    loadedFrom(select.all(state, home, ...[streams, chunks, outcomes].map((wanted) => JSON.stringify(wanted))));

  const writing = (home: number, { log, cursor, at, covered }: Checkpoint, changes: Changes): readonly string[] => {
    const into = (table: string, rows: readonly (readonly (string | number)[])[]): string =>
      insertion(
        'INSERT OR REPLACE',
        table,
        rows.map((row) => [state, home, ...row]),
      );
    const { streams, outcomes, forget } = changes;
    return [
      into('checkpoints', [[log, cursor.offset, JSON.stringify(cursor.fence), at, covered]]),
      into(
        'streams',
        streams.map(({ stream, version, hash, bare }) => [stream, version, hash, JSON.stringify(bare)]),
      ),
      into(
        'chunks',
        streams.flatMap(({ stream, chunks }) =>
          [...chunks].map(([chunk, body]) => [stream, chunk, JSON.stringify(body)]),
        ),
      ),
      into(
        'outcomes',
        outcomes.map(({ name, hash, outcome, offset, at: time }) => [
          name,
          hash,
          JSON.stringify(outcome),
          offset,
          time,
        ]),
      ),
      `DELETE FROM outcomes WHERE state = ${state} AND home = ${home} AND at < ${literal(forget)}`,
    ];
  };
  const remove = async (which: string): Promise<void> => {
    await writer.commit(TABLES.map((table) => `DELETE FROM ${table} WHERE ${which}`));
  };

  return {
    load: async (home, wanted) => load(home, wanted),
    flush: (home, from, to, changes) =>
      writer.commit(writing(home, to, changes), () => sameCheckpoint(load(home, {}).checkpoint, from)),
    clear: (home) => remove(`state = ${state} AND home = ${home}`),
    retireOlder: (home) => remove(`state < ${state} AND home = ${home}`),
    close: async () => {
      if (!db.open) return;
      await writer.close();
      try {
        // SQLite lets go of its files only when all statements are collected. So that the file is whole, it is told to.
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch (error) {
        if (!isDamage(error)) throw error;
      } finally {
        db.close();
      }
    },
  };
}

type Row = { kind: string; name: string; n: number; a: string; b: string; c: string; d: number };

/** Whether this is a row of LOAD: the database is ours, so its columns are what we declared. */
const isRow = (row: unknown): row is Row => typeof row === 'object' && row !== null && 'kind' in row && 'name' in row;

function loadedFrom(rows: readonly unknown[]): Loaded {
  const of = (kind: string): readonly Row[] => rows.filter(isRow).filter((row) => row.kind === kind);
  const [checkpoint] = of('checkpoint').map(({ n, a, b, c, d }) => ({
    log: a,
    cursor: { offset: n, fence: JSON.parse(b) },
    at: c,
    covered: d,
  }));
  return {
    checkpoint,
    streams: new Map(of('stream').map(({ name, n, a, b }) => [name, { version: n, hash: a, bare: JSON.parse(b) }])),
    chunks: of('chunk').map(({ name, n, a }) => ({ stream: name, chunk: n, body: JSON.parse(a) })),
    outcomes: new Map(
      of('outcome').map(({ name, n, a, b, c }) => [name, { hash: a, outcome: JSON.parse(b), offset: n, at: c }]),
    ),
  };
}
