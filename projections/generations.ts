import type { Cursor, Log } from '../commands/log/log.js';
import { openFence } from '../commands/log/fence.js';
import { again, changing } from './changing.js';
import { CHECKPOINT_COLUMNS, readCheckpoints } from './checkpoints.js';
import { parkedTable } from './parked.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, DbError, type Queryable } from './readmodel/db.js';
import { type Table, createTable, distribute } from './readmodel/table.js';

/**
 * One filling of a read model, in a schema of its own, `rm_<projection>_g<N>`. Readers go through stable views, so that
 * another generation can be filled beside the live one and take its place.
 */
export type Generation = {
  readonly number: number;
  readonly schema: string;
  readonly checkpoints: readonly Cursor[];
};

/**
 * The generation beside the live one, and what it is there for. `filling`: it is to take the live one's place; `kept`: it
 * was live before, and can be again; `different`: it was filled, and does not hold what the live one holds; `failed`: it
 * refuses what the live one took. `wish` is what an operator wants of it. `since` is ms since 1970.
 */
export type Beside = {
  readonly generation: number;
  readonly phase: 'filling' | 'kept' | 'different' | 'failed';
  readonly wish: 'none' | 'switch' | 'drop';
  readonly note: string | null;
  readonly since: number;
};

type Live = { generation: number; shape: number; log: string };

/** Raised when what stands beside the tables of a view changes: every generation is filled again then. */
const LAYOUT = 3;
const shapeOf = ({ schema }: Pick<Projection<unknown>, 'schema'>): number => LAYOUT * 10_000 + schema;

export const schemaOf = (projection: string, generation: number): string => `rm_${projection}_g${generation}`;

/** No generation: the row of a view that is only just being made. */
const NONE: Live = { generation: 0, shape: 0, log: '00000000-0000-0000-0000-000000000000' };

/** Whether what is there belongs to a log that others are at work on: who would drop it is refused then. */
export type Others = { onAnotherLog(): Promise<boolean> };

/**
 * The live generation of a projection over this log. Begins a new one, empty, where there is none, where its tables have
 * another shape, or where a checkpoint belongs to another log: what hangs on a foreign cursor is worth nothing. Any number
 * of processes may ask at once: one of them makes it. Where there are `others`, none drops what belongs to newer code
 * (throws NEWER_VIEW), or what others keep over another log (ANOTHER_LOG).
 */
export async function openGeneration<N>(
  db: Db,
  projection: Projection<N>,
  log: Log,
  others?: Others,
): Promise<Generation> {
  await createCatalogue(db);
  for (;;) {
    const live = await readLive(db, projection.name);
    if (live && live.shape === shapeOf(projection) && live.log === log.id) {
      const generation = await orGone(readGeneration(db, projection.name, live.generation));
      if (generation && (await belongs(generation, log))) return generation;
    }
    if (live && others) await refuseToReplace(projection, live, log, others);
    const begun = await begin(db, projection, log, live ?? NONE);
    if (begun) return begun;
  }
}

/** What is asked of all views alike. Where older code has made it, what is new is added. */
export const createCatalogue = (db: Db): Promise<void> =>
  again(async () => {
    await db.query('CREATE SCHEMA IF NOT EXISTS rm');
    await db.query(`CREATE TABLE IF NOT EXISTS rm.generations (home int NOT NULL, projection text NOT NULL,
      generation int NOT NULL, shape int NOT NULL, log uuid NOT NULL, PRIMARY KEY (home, projection))`);
    await db.query(`CREATE TABLE IF NOT EXISTS rm.beside (home int NOT NULL, projection text NOT NULL, generation int NOT NULL,
      phase text NOT NULL, wish text NOT NULL, note text, since bigint NOT NULL, PRIMARY KEY (home, projection))`);
    await db.query(`CREATE TABLE IF NOT EXISTS rm.numbers (home int NOT NULL, projection text NOT NULL, last int NOT NULL,
      PRIMARY KEY (home, projection))`);
  });

/**
 * A number for a new generation, beyond those that are there. None is given twice, so that nobody who still holds one that
 * was dropped takes another one for it. Whoever asks keeps everybody else from it until the transaction ends.
 */
export async function newNumber(tx: Queryable, projection: string, there: readonly number[]): Promise<number> {
  const { rows } = await tx.query<{ last: number }>('SELECT last FROM rm.numbers WHERE home = 0 AND projection = $1', [
    projection,
  ]);
  const number = Math.max(...there, ...rows.map(({ last }) => last)) + 1;
  await tx.query(
    `INSERT INTO rm.numbers VALUES (0, $1, $2) ON CONFLICT (home, projection) DO UPDATE SET last = EXCLUDED.last`,
    [projection, number],
  );
  return number;
}

async function refuseToReplace<N>(projection: Projection<N>, live: Live, log: Log, others: Others): Promise<void> {
  const { name } = projection;
  if (live.shape > shapeOf(projection)) {
    const what = `The tables of ${name} are those of newer code. Start the version that made them, or a newer one.`;
    throw new ProjectionError('NEWER_VIEW', what);
  }
  if (live.log !== log.id && (await others.onAnotherLog())) {
    const what = `The view ${name} is over the log ${live.log}, and processes keep it so: this one reads ${log.id}.`;
    throw new ProjectionError('ANOTHER_LOG', `${what} Stop those, or use another database.`);
  }
}

/** The number of the live generation, if there is one. */
export async function readLive(db: Queryable, projection: string): Promise<Live | undefined> {
  const { rows } = await db.query<Live>(
    'SELECT generation, shape, log FROM rm.generations WHERE home = 0 AND projection = $1',
    [projection],
  );
  const [row] = rows;
  return row && row.generation > 0 ? row : undefined;
}

export async function readBeside(db: Queryable, projection: string): Promise<Beside | undefined> {
  const { rows } = await db.query<Beside>(
    'SELECT generation, phase, wish, note, since FROM rm.beside WHERE home = 0 AND projection = $1',
    [projection],
  );
  return rows[0];
}

type Pair = { generation: number; other: number | null } & Omit<Beside, 'generation'>;

/**
 * The numbers of the live generation and of the one beside it. By one statement, for both change places at once: in two,
 * one could seem to be live and beside itself. Undefined where no runner has begun yet.
 */
export async function readPair(
  db: Queryable,
  projection: string,
): Promise<{ readonly live: number; readonly beside?: Beside } | undefined> {
  const found = await orGone(
    db.query<Pair>(
      `SELECT g.generation, b.generation AS other, b.phase, b.wish, b.note, b.since
       FROM rm.generations g LEFT JOIN rm.beside b ON b.home = g.home AND b.projection = g.projection
       WHERE g.home = 0 AND g.projection = $1 AND g.generation > 0`,
      [projection],
    ),
  );
  const [row] = found?.rows ?? [];
  if (!row) return undefined;
  const { generation: live, other: generation, ...beside } = row;
  return generation === null ? { live } : { live, beside: { generation, ...beside } };
}

/** The live generation and the one beside it, if they are there; nothing where no runner has begun yet. */
export async function readGenerations(
  db: Queryable,
  projection: string,
): Promise<{ readonly live?: Generation; readonly beside?: Generation & Pick<Beside, 'phase' | 'note' | 'since'> }> {
  const pair = await readPair(db, projection);
  if (!pair) return {};
  const { live, beside } = pair;
  const [shown, other] = [
    await orGone(readGeneration(db, projection, live)),
    beside && (await orGone(readGeneration(db, projection, beside.generation))),
  ];
  if (!shown) return {};
  return { live: shown, ...(beside && other && { beside: { ...other, ...beside } }) };
}

/** Whether an error says that a table or its schema is not there: it was dropped, as others may do. */
export const isGone = (error: unknown): boolean =>
  error instanceof DbError && (error.code === '42P01' || error.code === '3F000');

/** What is asked of a generation that may be dropped meanwhile: undefined then. */
export async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export async function readGeneration(db: Queryable, projection: string, number: number): Promise<Generation> {
  const schema = schemaOf(projection, number);
  return { number, schema, checkpoints: (await readCheckpoints(db, schema)).map(({ cursor }) => cursor) };
}

export async function belongs({ checkpoints }: Generation, log: Log): Promise<boolean> {
  const held = await Promise.all(checkpoints.map((cursor, home) => log.holds(home, cursor)));
  return checkpoints.length === log.partitions && held.every(Boolean);
}

/** Puts a new generation in the place of what was found. Undefined where another process was quicker: look again. */
async function begin<N>(db: Db, projection: Projection<N>, log: Log, found: Live): Promise<Generation | undefined> {
  const { name } = projection;
  await db.query('INSERT INTO rm.generations VALUES (0, $1, $2, $3, $4) ON CONFLICT (home, projection) DO NOTHING', [
    name,
    NONE.generation,
    NONE.shape,
    NONE.log,
  ]);
  return changing(db, async (tx) => {
    // First of all: whoever else would make one waits for this, and finds that it is made.
    const { count } = await tx.query(
      `UPDATE rm.generations SET shape = $3, log = $4
       WHERE home = 0 AND projection = $1 AND generation = $2 AND shape = $5 AND log = $6`,
      [name, found.generation, shapeOf(projection), log.id, found.shape, found.log],
    );
    if (count !== 1) return undefined;
    const beside = await readBeside(tx, name);
    const number = await newNumber(tx, name, [found.generation, beside?.generation ?? 0]);
    await tx.query('UPDATE rm.generations SET generation = $2 WHERE home = 0 AND projection = $1', [name, number]);
    const schema = schemaOf(name, number);
    await tx.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
    for (const old of [found.generation, beside?.generation ?? found.generation]) {
      await tx.query(`DROP SCHEMA IF EXISTS ${schemaOf(name, old)} CASCADE`);
    }
    await createTables(tx, projection, schema, log.partitions);
    await tx.query(`CREATE SCHEMA ${name}`);
    for (const { name: table } of tablesOf(projection)) await tx.query(viewOf(projection, table, schema));
    await tx.query('DELETE FROM rm.beside WHERE home = 0 AND projection = $1', [name]);
    return { number, schema, checkpoints: Array.from({ length: log.partitions }, () => start) };
  });
}

const start: Cursor = { offset: 0, fence: openFence };

/** What readers and runners alike see of a generation beside the view's own tables. */
const checkpoints = { name: 'checkpoints' } as const;
export const tablesOf = ({ tables }: Pick<Projection<unknown>, 'tables'>): readonly Pick<Table, 'name'>[] => [
  checkpoints,
  parkedTable,
  ...tables,
];

export const viewOf = ({ name }: Pick<Projection<unknown>, 'name'>, table: string, schema: string): string =>
  `CREATE OR REPLACE VIEW ${name}.${table} AS SELECT * FROM ${schema}.${table}`;

export async function createTables<N>(tx: Queryable, { tables }: Projection<N>, schema: string, homes: number) {
  const statements = [
    `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
    `CREATE SCHEMA ${schema}`,
    `CREATE TABLE ${schema}.checkpoints (${CHECKPOINT_COLUMNS}, PRIMARY KEY (home))`,
    distribute(`${schema}.checkpoints`),
    ...[parkedTable, ...tables].flatMap((table) => createTable(schema, table)),
  ];
  for (const statement of statements) await tx.query(statement);
  for (let home = 0; home < homes; home++) {
    await tx.query(`INSERT INTO ${schema}.checkpoints VALUES ($1, 0, $2::jsonb, 0, false)`, [
      home,
      JSON.stringify(openFence),
    ]);
  }
}
