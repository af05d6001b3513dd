import type { Cursor, Log } from '../commands/log/log.js';
import { openFence } from '../commands/log/fence.js';
import { type Projection, ProjectionError } from './projection.js';
import type { Db, Queryable } from './readmodel/db.js';
import { createTable } from './readmodel/table.js';

/**
 * One filling of a read model, in a schema of its own, `rm_<projection>_g<N>`. Readers go through stable views, so that
 * another generation can be filled beside the live one and take its place.
 */
export type Generation = { readonly schema: string; readonly checkpoints: readonly Cursor[] };

type Live = { generation: number; shape: number; log: string };
type Checkpoint = { home: number; next_offset: number; fence: Cursor['fence'] };

/**
 * The live generation of a projection over this log. Begins a new one, empty, where there is none, where its tables have
 * another shape, or where a checkpoint belongs to another log: what hangs on a foreign cursor is worth nothing.
 */
export async function openGeneration<N>(db: Db, projection: Projection<N>, log: Log): Promise<Generation> {
  await db.query('CREATE SCHEMA IF NOT EXISTS rm');
  await db.query(`CREATE TABLE IF NOT EXISTS rm.generations (home int NOT NULL, projection text NOT NULL,
    generation int NOT NULL, shape int NOT NULL, log uuid NOT NULL, PRIMARY KEY (home, projection))`);
  const { rows } = await db.query<Live>(
    'SELECT generation, shape, log FROM rm.generations WHERE home = 0 AND projection = $1',
    [projection.name],
  );
  const [live] = rows;
  if (live && live.shape === projection.schema && live.log === log.id) {
    const schema = schemaOf(projection.name, live.generation);
    const checkpoints = await readCheckpoints(db, schema);
    const held = await Promise.all(checkpoints.map((cursor, home) => log.holds(home, cursor)));
    if (checkpoints.length === log.partitions && held.every(Boolean)) return { schema, checkpoints };
  }
  return begin(db, projection, log, live?.generation ?? 0);
}

const schemaOf = (projection: string, generation: number): string => `rm_${projection}_g${generation}`;

async function readCheckpoints(db: Queryable, schema: string): Promise<readonly Cursor[]> {
  const { rows } = await db.query<Checkpoint>(
    `SELECT home, next_offset, fence FROM ${schema}.checkpoints ORDER BY home`,
  );
  return rows.map((row) => ({ offset: row.next_offset, fence: row.fence }));
}

async function begin<N>(db: Db, projection: Projection<N>, log: Log, last: number): Promise<Generation> {
  const { name, tables } = projection;
  const schema = schemaOf(name, last + 1);
  const homes = Array.from({ length: log.partitions }, (_, home) => home);
  await db.tx(async (tx) => {
    const statements = [
      `DROP SCHEMA IF EXISTS ${name} CASCADE`,
      `DROP SCHEMA IF EXISTS ${schemaOf(name, last)} CASCADE`,
      `DROP SCHEMA IF EXISTS ${schema} CASCADE`,
      `CREATE SCHEMA ${schema}`,
      `CREATE SCHEMA ${name}`,
      `CREATE TABLE ${schema}.checkpoints (home int NOT NULL, next_offset bigint NOT NULL, fence jsonb NOT NULL, PRIMARY KEY (home))`,
      ...tables.flatMap((table) => createTable(schema, table)),
      ...['checkpoints', ...tables.map((table) => table.name)].map(
        (table) => `CREATE VIEW ${name}.${table} AS SELECT * FROM ${schema}.${table}`,
      ),
    ];
    for (const statement of statements) await tx.query(statement);
    for (const home of homes) {
      await tx.query(`INSERT INTO ${schema}.checkpoints VALUES ($1, 0, $2::jsonb)`, [home, JSON.stringify(openFence)]);
    }
    await tx.query(
      `INSERT INTO rm.generations VALUES (0, $1, $2, $3, $4)
       ON CONFLICT (home, projection) DO UPDATE SET generation = EXCLUDED.generation, shape = EXCLUDED.shape, log = EXCLUDED.log`,
      [name, last + 1, projection.schema, log.id],
    );
  });
  return { schema, checkpoints: homes.map(() => ({ offset: 0, fence: openFence })) };
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
  if (count !== 1) {
    const what = `Another runner has moved the checkpoint of ${schema}, home ${home}, on from ${from}.`;
    throw new ProjectionError('CHECKPOINT_MOVED', `${what} This one wrote nothing and stops.`);
  }
}
