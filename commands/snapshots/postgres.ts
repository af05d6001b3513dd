import { type Sql, type SqlQuery, makeOnce } from '../sql.js';
import {
  type Changes,
  type Checkpoint,
  type Known,
  type Loaded,
  type Snapshot,
  type Snapshots,
  type Wanted,
  sameCheckpoint,
} from './snapshots.js';

export type PostgresSnapshotsOptions = {
  readonly db: Sql;
  /** The version of the states. */
  readonly state: number;
  readonly schema?: string;
};

// JSON is kept as text, as it was written: as jsonb Postgres refuses a NUL in a string. What is compared or looked up goes
// by its bytes, whatever the language of the server.
const COLUMNS = {
  checkpoints: 'checkpoint text NOT NULL, PRIMARY KEY (home, state)',
  streams: `stream text COLLATE "C", version bigint NOT NULL, hash text NOT NULL, bare text NOT NULL,
    PRIMARY KEY (home, state, stream)`,
  chunks: 'stream text COLLATE "C", chunk int, body text NOT NULL, PRIMARY KEY (home, state, stream, chunk)',
  outcomes: `name text COLLATE "C", hash text NOT NULL, outcome text NOT NULL, log_offset bigint NOT NULL,
    at text COLLATE "C" NOT NULL, PRIMARY KEY (home, state, name)`,
};
type Name = keyof typeof COLUMNS;
/** What hangs on a checkpoint. */
const HELD: readonly Name[] = ['streams', 'chunks', 'outcomes'];
const TABLES: readonly Name[] = ['checkpoints', ...HELD];

function tablesIn(schema: string): readonly string[] {
  const create = (name: Name): string =>
    `CREATE TABLE ${schema}.${name} (home int NOT NULL, state int NOT NULL, ${COLUMNS[name]})`;
  const spread = (name: Name): string =>
    `PERFORM create_distributed_table('${schema}.${name}', 'home', colocate_with => '${name === 'checkpoints' ? 'none' : `${schema}.checkpoints`}');`;
  return [
    ...TABLES.map(create),
    // Without the state: an index that begins like the primary key is taken for it where nothing was counted yet.
    `CREATE INDEX outcomes_by_time ON ${schema}.outcomes (home, at)`,
    // On Citus all that is of one home lies on one node, so that a flush is a commit there and nowhere else.
    `DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN ${TABLES.map(spread).join(' ')} END IF; END $$`,
  ];
}

/**
 * One statement, so that what it finds and the checkpoint are of one moment. $1 is the home, $2 the version of the states;
 * then what is wanted: streams, the streams and numbers of chunks, names of outcomes. Each is looked up by its whole key,
 * whatever the planner believes: of a table that was never analyzed it believes that a home has one row, and reads them all.
 */
export const loadFrom = (schema: string): string => `
  SELECT 'checkpoint' AS kind, '' AS name, 0::bigint AS n, t.checkpoint AS a, '' AS b, '' AS c
    FROM ${schema}.checkpoints t WHERE t.home = $1 AND t.state = $2
  UNION ALL SELECT 'stream', t.stream, t.version, t.hash, t.bare, ''
    FROM unnest($3::text[]) AS w(stream) CROSS JOIN LATERAL (
      SELECT s.* FROM ${schema}.streams s WHERE s.home = $1 AND s.state = $2 AND s.stream = w.stream LIMIT 1) t
  UNION ALL SELECT 'chunk', t.stream, t.chunk, t.body, '', ''
    FROM unnest($4::text[], $5::int[]) AS w(stream, chunk) CROSS JOIN LATERAL (
      SELECT s.* FROM ${schema}.chunks s
      WHERE s.home = $1 AND s.state = $2 AND s.stream = w.stream AND s.chunk = w.chunk LIMIT 1) t
  UNION ALL SELECT 'outcome', t.name, t.log_offset, t.hash, t.outcome, t.at
    FROM unnest($6::text[]) AS w(name) CROSS JOIN LATERAL (
      SELECT s.* FROM ${schema}.outcomes s WHERE s.home = $1 AND s.state = $2 AND s.name = w.name LIMIT 1) t`;

/**
 * Snapshots in a schema of Postgres for one version of the states; what others have stored lies beside it. Each home's part
 * is fenced by its checkpoint: who flushes from another one than stands there has written nothing. Read from the primary
 * alone. Rejects with what `db` rejects with; makes its tables where they are not there.
 */
export async function openSnapshots({ db, state, schema = 'worker' }: PostgresSnapshotsOptions): Promise<Snapshots> {
  await makeOnce(db, schema, 'checkpoints', tablesIn(schema));
  const loading = loadFrom(schema);

  const load = async (home: number, { streams = [], chunks = [], outcomes = [] }: Wanted): Promise<Loaded> =>
    loadedFrom(
      (
        await db.query<Row>(loading, [
          home,
          state,
          [...new Set(streams)],
          chunks.map(({ stream }) => stream),
          chunks.map(({ chunk }) => chunk),
          [...new Set(outcomes)],
        ])
      ).rows,
    );

  /** Moves the checkpoint if it is still the one that the caller knows. */
  const move = async (tx: SqlQuery, home: number, from: Checkpoint | undefined, to: Checkpoint): Promise<boolean> => {
    const { rows } = await tx.query<{ checkpoint: string }>(
      `SELECT t.checkpoint FROM ${schema}.checkpoints t WHERE t.home = $1 AND t.state = $2`,
      [home, state],
    );
    const [found] = rows;
    if (!sameCheckpoint(found && JSON.parse(found.checkpoint), from)) return false;
    const next = JSON.stringify(to);
    const { count } = found
      ? await tx.query(
          `UPDATE ${schema}.checkpoints SET checkpoint = $4 WHERE home = $1 AND state = $2 AND checkpoint = $3`,
          [home, state, found.checkpoint, next],
        )
      : await tx.query(
          `INSERT INTO ${schema}.checkpoints (home, state, checkpoint) VALUES ($1, $2, $3)
           ON CONFLICT (home, state) DO NOTHING`,
          [home, state, next],
        );
    return count === 1;
  };

  const save = async (tx: SqlQuery, home: number, { table, key, columns, types, rows: all }: Saved): Promise<void> => {
    const rows = lastOf(key.length, all);
    if (rows.length === 0) return;
    const names = columns.join(', ');
    const lists = types.map((type, at) => `$${at + 3}::${type}[]`).join(', ');
    const changed = columns.filter((column) => !key.includes(column));
    // The checkpoint's row carries the home to the rows: so Citus has one statement of one node.
    await tx.query(
      `INSERT INTO ${schema}.${table} (home, state, ${names})
       SELECT cp.home, cp.state, u.* FROM ${schema}.checkpoints cp, unnest(${lists}) AS u(${names})
       WHERE cp.home = $1 AND cp.state = $2
       ON CONFLICT (home, state, ${key.join(', ')}) DO UPDATE SET ${changed.map((each) => `${each} = EXCLUDED.${each}`).join(', ')}`,
      [home, state, ...columns.map((_, at) => rows.map((row) => row[at]))],
    );
  };

  const flush: Snapshots['flush'] = (home, from, to, changes) =>
    db.tx(async (tx) => {
      if (!(await move(tx, home, from, to))) return false;
      for (const saved of savedOf(changes)) await save(tx, home, saved);
      await tx.query(`DELETE FROM ${schema}.outcomes WHERE home = $1 AND state = $2 AND at < $3`, [
        home,
        state,
        changes.forget,
      ]);
      return true;
    });

  /**
   * The checkpoints go first: until this ends, a flush waits at them or finds another one. Where there was none, there is
   * nothing else: rows that are there a moment later are those of a flush that came in between, and stay with it.
   */
  const remove = (home: number, states: '=' | '<'): Promise<void> =>
    db.tx(async (tx) => {
      const { rows } = await tx.query<{ state: number }>(
        `DELETE FROM ${schema}.checkpoints WHERE home = $1 AND state ${states} $2 RETURNING state`,
        [home, state],
      );
      if (rows.length === 0) return;
      const gone = rows.map((row) => row.state);
      for (const table of HELD) {
        await tx.query(`DELETE FROM ${schema}.${table} WHERE home = $1 AND state = ANY($2::int[])`, [home, gone]);
      }
    });

  return {
    load,
    flush,
    clear: (home) => remove(home, '='),
    retireOlder: (home) => remove(home, '<'),
    // The database is whoever's opened it.
    close: async () => undefined,
  };
}

/** Rows of one table, to be there in the place of those with the same key, whose columns come first. */
type Saved = {
  readonly table: Name;
  readonly key: readonly string[];
  readonly columns: readonly string[];
  readonly types: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
};

/** Each key once, as a statement writes no row twice: what came last counts. */
const lastOf = <R extends readonly (string | number)[]>(keys: number, rows: readonly R[]): readonly R[] => [
  ...new Map(rows.map((row) => [JSON.stringify(row.slice(0, keys)), row])).values(),
];

const savedOf = ({ streams, outcomes }: Changes): readonly Saved[] => [
  {
    table: 'streams',
    key: ['stream'],
    columns: ['stream', 'version', 'hash', 'bare'],
    types: ['text', 'bigint', 'text', 'text'],
    rows: streams.map(({ stream, version, hash, bare }) => [stream, version, hash, JSON.stringify(bare)]),
  },
  {
    table: 'chunks',
    key: ['stream', 'chunk'],
    columns: ['stream', 'chunk', 'body'],
    types: ['text', 'int', 'text'],
    rows: streams.flatMap(({ stream, chunks }) =>
      [...chunks].map(([chunk, body]) => [stream, chunk, JSON.stringify(body)]),
    ),
  },
  {
    table: 'outcomes',
    key: ['name'],
    columns: ['name', 'hash', 'outcome', 'log_offset', 'at'],
    types: ['text', 'text', 'text', 'bigint', 'text'],
    rows: outcomes.map(({ name, hash, outcome, offset, at }) => [name, hash, JSON.stringify(outcome), offset, at]),
  },
];

type Row = { kind: string; name: string; n: number; a: string; b: string; c: string };

function loadedFrom(rows: readonly Row[]): Loaded {
  const of = (kind: string): readonly Row[] => rows.filter((row) => row.kind === kind);
  const [checkpoint] = of('checkpoint').map(({ a }): Checkpoint => JSON.parse(a));
  return {
    checkpoint,
    streams: new Map(
      of('stream').map(({ name, n, a, b }): [string, Snapshot] => [name, { version: n, hash: a, bare: JSON.parse(b) }]),
    ),
    chunks: of('chunk').map(({ name, n, a }) => ({ stream: name, chunk: n, body: JSON.parse(a) })),
    outcomes: new Map(
      of('outcome').map(({ name, n, a, b, c }): [string, Known] => [
        name,
        { hash: a, outcome: JSON.parse(b), offset: n, at: c },
      ]),
    ),
  };
}
