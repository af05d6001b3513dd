import type { Cursor, Log } from '../commands/log/log.js';
import { openFence } from '../commands/log/fence.js';
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
type Checkpoint = { home: number; next_offset: number; fence: Cursor['fence'] };

/** Raised when what stands beside the tables of a view changes: every generation is filled again then. */
const LAYOUT = 2;
const shapeOf = ({ schema }: Pick<Projection<unknown>, 'schema'>): number => LAYOUT * 10_000 + schema;

export const schemaOf = (projection: string, generation: number): string => `rm_${projection}_g${generation}`;

/**
 * The live generation of a projection over this log. Begins a new one, empty, where there is none, where its tables have
 * another shape, or where a checkpoint belongs to another log: what hangs on a foreign cursor is worth nothing.
 */
export async function openGeneration<N>(db: Db, projection: Projection<N>, log: Log): Promise<Generation> {
  await db.query('CREATE SCHEMA IF NOT EXISTS rm');
  await db.query(`CREATE TABLE IF NOT EXISTS rm.generations (home int NOT NULL, projection text NOT NULL,
    generation int NOT NULL, shape int NOT NULL, log uuid NOT NULL, PRIMARY KEY (home, projection))`);
  await db.query(`CREATE TABLE IF NOT EXISTS rm.beside (home int NOT NULL, projection text NOT NULL, generation int NOT NULL,
    phase text NOT NULL, wish text NOT NULL, note text, since bigint NOT NULL, PRIMARY KEY (home, projection))`);
  const live = await readLive(db, projection.name);
  if (live && live.shape === shapeOf(projection) && live.log === log.id) {
    const generation = await readGeneration(db, projection.name, live.generation);
    if (await belongs(generation, log)) return generation;
  }
  return begin(db, projection, log, live?.generation ?? 0);
}

async function readLive(db: Queryable, projection: string): Promise<Live | undefined> {
  const { rows } = await db.query<Live>(
    'SELECT generation, shape, log FROM rm.generations WHERE home = 0 AND projection = $1',
    [projection],
  );
  return rows[0];
}

/** The live generation and the one beside it, if they are there; nothing where no runner has begun yet. */
export async function readGenerations(
  db: Queryable,
  projection: string,
): Promise<{ readonly live?: Generation; readonly beside?: Generation & Pick<Beside, 'phase' | 'note'> }> {
  const { rows } = await db.query<{ there: boolean }>(`SELECT to_regclass('rm.beside') IS NOT NULL AS there`);
  const live = rows[0]?.there ? await readLive(db, projection) : undefined;
  if (!live) return {};
  const beside = await readBeside(db, projection);
  const [shown, other] = [
    await orGone(readGeneration(db, projection, live.generation)),
    beside && (await orGone(readGeneration(db, projection, beside.generation))),
  ];
  if (!shown) return {};
  return { live: shown, ...(beside && other && { beside: { ...other, ...beside } }) };
}

/** What is asked of a generation that may be dropped meanwhile: undefined then. */
export async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof DbError && error.code === '42P01') return undefined;
    throw error;
  }
}

async function readGeneration(db: Queryable, projection: string, number: number): Promise<Generation> {
  const schema = schemaOf(projection, number);
  const { rows } = await db.query<Checkpoint>(
    `SELECT home, next_offset, fence FROM ${schema}.checkpoints ORDER BY home`,
  );
  return { number, schema, checkpoints: rows.map((row) => ({ offset: row.next_offset, fence: row.fence })) };
}

async function belongs({ checkpoints }: Generation, log: Log): Promise<boolean> {
  const held = await Promise.all(checkpoints.map((cursor, home) => log.holds(home, cursor)));
  return checkpoints.length === log.partitions && held.every(Boolean);
}

async function begin<N>(db: Db, projection: Projection<N>, log: Log, last: number): Promise<Generation> {
  const { name } = projection;
  const beside = await readBeside(db, name);
  const number = Math.max(last, beside?.generation ?? 0) + 1;
  const schema = schemaOf(name, number);
  await db.tx(async (tx) => {
    await tx.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
    for (const old of [last, beside?.generation ?? last]) {
      await tx.query(`DROP SCHEMA IF EXISTS ${schemaOf(name, old)} CASCADE`);
    }
    await createTables(tx, projection, schema, log.partitions);
    await tx.query(`CREATE SCHEMA ${name}`);
    for (const { name: table } of tablesOf(projection)) await tx.query(viewOf(projection, table, schema));
    await tx.query('DELETE FROM rm.beside WHERE home = 0 AND projection = $1', [name]);
    await tx.query(
      `INSERT INTO rm.generations VALUES (0, $1, $2, $3, $4)
       ON CONFLICT (home, projection) DO UPDATE SET generation = EXCLUDED.generation, shape = EXCLUDED.shape, log = EXCLUDED.log`,
      [name, number, shapeOf(projection), log.id],
    );
  });
  return { number, schema, checkpoints: Array.from({ length: log.partitions }, () => start) };
}

const start: Cursor = { offset: 0, fence: openFence };

/** What readers and runners alike see of a generation beside the view's own tables. */
const checkpoints = { name: 'checkpoints' } as const;
const tablesOf = ({ tables }: Pick<Projection<unknown>, 'tables'>): readonly Pick<Table, 'name'>[] => [
  checkpoints,
  parkedTable,
  ...tables,
];

const viewOf = ({ name }: Pick<Projection<unknown>, 'name'>, table: string, schema: string): string =>
  `CREATE OR REPLACE VIEW ${name}.${table} AS SELECT * FROM ${schema}.${table}`;

async function createTables<N>(tx: Queryable, { tables }: Projection<N>, schema: string, homes: number) {
  const statements = [
    `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
    `CREATE SCHEMA ${schema}`,
    `CREATE TABLE ${schema}.checkpoints (home int NOT NULL, next_offset bigint NOT NULL, fence jsonb NOT NULL, PRIMARY KEY (home))`,
    distribute(`${schema}.checkpoints`),
    ...[parkedTable, ...tables].flatMap((table) => createTable(schema, table)),
  ];
  for (const statement of statements) await tx.query(statement);
  for (let home = 0; home < homes; home++) {
    await tx.query(`INSERT INTO ${schema}.checkpoints VALUES ($1, 0, $2::jsonb)`, [home, JSON.stringify(openFence)]);
  }
}

export async function readBeside(db: Queryable, projection: string): Promise<Beside | undefined> {
  const { rows } = await db.query<Beside>(
    'SELECT generation, phase, wish, note, since FROM rm.beside WHERE home = 0 AND projection = $1',
    [projection],
  );
  return rows[0];
}

/** The generation beside the live one, as far as it got; undefined where it hangs on another log. */
export async function openBeside(
  db: Db,
  { name }: Pick<Projection<unknown>, 'name'>,
  log: Log,
  number: number,
): Promise<Generation | undefined> {
  const generation = await readGeneration(db, name, number);
  return (await belongs(generation, log)) ? generation : undefined;
}

/**
 * Begins a generation beside the live one, to be filled and to take its place; one that stood there is dropped, unless it
 * is being filled itself: false then.
 */
export async function beginBeside<N>(db: Db, projection: Projection<N>, log: Log, now: number): Promise<boolean> {
  const { name } = projection;
  return db.tx(async (tx) => {
    const live = await readLive(tx, name);
    const beside = await readBeside(tx, name);
    if (!live || beside?.phase === 'filling') return false;
    const number = Math.max(live.generation, beside?.generation ?? 0) + 1;
    if (beside) await tx.query(`DROP SCHEMA IF EXISTS ${schemaOf(name, beside.generation)} CASCADE`);
    await createTables(tx, projection, schemaOf(name, number), log.partitions);
    await tx.query(
      `INSERT INTO rm.beside VALUES (0, $1, $2, 'filling', 'none', NULL, $3)
       ON CONFLICT (home, projection) DO UPDATE SET generation = EXCLUDED.generation, phase = EXCLUDED.phase,
         wish = EXCLUDED.wish, note = EXCLUDED.note, since = EXCLUDED.since`,
      [name, number, now],
    );
    return true;
  });
}

/**
 * Notes what became of a generation beside the live one, or which one stands there in its place. False, and nothing is
 * noted, where it is not there any more, or is to be dropped: an operator was told so.
 */
export async function noteBeside(
  db: Queryable,
  projection: string,
  number: number,
  { generation, phase, note, since }: Omit<Beside, 'wish'>,
): Promise<boolean> {
  const { count } = await db.query(
    `UPDATE rm.beside SET generation = $3, phase = $4, wish = $5, note = $6, since = $7
     WHERE home = 0 AND projection = $1 AND generation = $2 AND wish <> 'drop'`,
    [projection, number, generation, phase, 'none', note, since],
  );
  return count === 1;
}

/** Notes what an operator wants of a generation beside the live one. False where it is not there in such a phase. */
export async function wishBeside(
  db: Queryable,
  projection: string,
  generation: number,
  wish: Beside['wish'],
  phases: readonly Beside['phase'][],
): Promise<boolean> {
  const { count } = await db.query(
    `UPDATE rm.beside SET wish = $3
     WHERE home = 0 AND projection = $1 AND generation = $2 AND phase = ANY($4::text[])`,
    [projection, generation, wish, phases],
  );
  return count === 1;
}

export async function dropBeside(db: Db, projection: string, generation: number): Promise<void> {
  await db.tx(async (tx) => {
    await tx.query(`DROP SCHEMA IF EXISTS ${schemaOf(projection, generation)} CASCADE`);
    await tx.query('DELETE FROM rm.beside WHERE home = 0 AND projection = $1 AND generation = $2', [
      projection,
      generation,
    ]);
  });
}

/**
 * Lets readers see another generation from one moment to the next, and keeps the one that they saw beside it. Both hold
 * the same tables, so that every view keeps its columns and no statement of a reader fails. False, and nothing is changed,
 * where the other one is not there any more, or is to be dropped.
 */
export async function switchViews<N>(
  db: Db,
  projection: Projection<N>,
  from: Generation,
  to: Generation,
  now: number,
): Promise<boolean> {
  return db.tx(async (tx) => {
    // First of all, as it holds up who would want that one dropped.
    const kept = { generation: from.number, phase: 'kept', note: null, since: now } as const;
    if (!(await noteBeside(tx, projection.name, to.number, kept))) return false;
    for (const { name } of tablesOf(projection)) await tx.query(viewOf(projection, name, to.schema));
    const { count } = await tx.query(
      'UPDATE rm.generations SET generation = $3 WHERE home = 0 AND projection = $1 AND generation = $2',
      [projection.name, from.number, to.number],
    );
    if (count !== 1) throw moved(from.schema, 'It is not the live generation any more.');
    return true;
  });
}

/** Moves a home's checkpoint from the offset where a batch began. Throws if another runner has moved it: roll back. */
export async function moveCheckpoint(
  tx: Queryable,
  schema: string,
  home: number,
  from: number,
  to: Cursor,
): Promise<void> {
  const { count } = await tx.query(
    `UPDATE ${schema}.checkpoints SET next_offset = $3, fence = $4::jsonb WHERE home = $1 AND next_offset = $2`,
    [home, from, to.offset, JSON.stringify(to.fence)],
  );
  if (count !== 1) throw moved(schema, `Another runner has moved the checkpoint of home ${home} on from ${from}.`);
}

/** What a runner stops with where another one is at work. */
export const moved = (schema: string, what: string): ProjectionError =>
  new ProjectionError('CHECKPOINT_MOVED', `${schema}: ${what} This one wrote nothing and stops.`);
