import type { Log } from '../commands/log/log.js';
import { changing } from './changing.js';
import { type From, markLeading, moved, readCheckpoints } from './checkpoints.js';
import {
  type Beside,
  type Generation,
  belongs,
  createCatalogue,
  createTables,
  newNumber,
  readBeside,
  readGeneration,
  readLive,
  schemaOf,
  tablesOf,
  viewOf,
} from './generations.js';
import type { Projection } from './projection.js';
import type { Db, Queryable } from './readmodel/db.js';

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

/** Keeps everybody else from making, dropping or switching a generation of this view until the transaction ends. */
async function lockLive(tx: Queryable, projection: string): Promise<number | undefined> {
  const live = await readLive(tx, projection);
  if (!live) return undefined;
  const { count } = await tx.query(
    'UPDATE rm.generations SET generation = $2 WHERE home = 0 AND projection = $1 AND generation = $2',
    [projection, live.generation],
  );
  return count === 1 ? live.generation : undefined;
}

/** The same for the generation beside it. False where another one, or none, stands there. */
async function lockBeside(tx: Queryable, projection: string, generation: number): Promise<boolean> {
  const { count } = await tx.query(
    'UPDATE rm.beside SET generation = $2 WHERE home = 0 AND projection = $1 AND generation = $2',
    [projection, generation],
  );
  return count === 1;
}

/**
 * Begins a generation beside the live one, to be filled and to take its place; one that stood there is dropped, unless it
 * is being filled itself: false then.
 */
export async function beginBeside<N>(db: Db, projection: Projection<N>, log: Log, now: number): Promise<boolean> {
  const { name } = projection;
  await createCatalogue(db);
  return changing(db, async (tx) => {
    const live = await lockLive(tx, name);
    const beside = await readBeside(tx, name);
    if (live === undefined || beside?.phase === 'filling') return false;
    const number = await newNumber(tx, name, [live, beside?.generation ?? 0]);
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

/** Drops a generation beside the live one, if it still stands there. */
export async function dropBeside(db: Db, projection: string, generation: number): Promise<void> {
  await changing(db, async (tx) => {
    if (!(await lockBeside(tx, projection, generation))) return;
    await tx.query(`DROP SCHEMA IF EXISTS ${schemaOf(projection, generation)} CASCADE`);
    await tx.query('DELETE FROM rm.beside WHERE home = 0 AND projection = $1 AND generation = $2', [
      projection,
      generation,
    ]);
  });
}

/** At which homes every batch comes to a generation beside the live one first. */
export const readLeading = async (db: Queryable, projection: string, number: number): Promise<readonly boolean[]> =>
  (await readCheckpoints(db, schemaOf(projection, number))).map(({ leading }) => leading);

/**
 * From now on a batch of this home no longer has to come to the generation beside the live one first. False where that is
 * not beside the live one any more: it may be the live one itself.
 */
export const stopLeading = (db: Db, projection: string, number: number, home: number, from: From): Promise<boolean> =>
  db.tx(async (tx) => {
    // A switch that is under way ends first, or finds the mark gone.
    if (!(await lockBeside(tx, projection, number))) return false;
    await markLeading(tx, schemaOf(projection, number), home, from, false);
    return true;
  });

/**
 * Lets readers see another generation from one moment to the next, and keeps the one that they saw beside it. At every
 * home that other one is as far or further, as every batch comes to it first: no reader goes back. Both hold the same
 * tables, so that every view keeps its columns and no statement of a reader fails. False, and nothing is changed, where the
 * other one is not there any more, is to be dropped, has failed, or does not come first at every home.
 */
export async function switchViews<N>(
  db: Db,
  projection: Projection<N>,
  from: Generation,
  to: Generation,
  now: number,
): Promise<boolean> {
  const { name } = projection;
  return changing(db, async (tx) => {
    // First of all, as it holds up who would want that one dropped, and who would write to the live one alone.
    if (!(await lockBeside(tx, name, to.number))) return false;
    const beside = await readBeside(tx, name);
    if (!beside || beside.phase === 'failed' || beside.wish === 'drop') return false;
    if (!(await readLeading(tx, name, to.number)).every(Boolean)) return false;
    await noteBeside(tx, name, to.number, { generation: from.number, phase: 'kept', note: null, since: now });
    for (const home of to.checkpoints.keys()) {
      await tx.query(`UPDATE ${from.schema}.checkpoints SET leads = false WHERE home = $1`, [home]);
    }
    for (const { name: table } of tablesOf(projection)) await tx.query(viewOf(projection, table, to.schema));
    const { count } = await tx.query(
      'UPDATE rm.generations SET generation = $3 WHERE home = 0 AND projection = $1 AND generation = $2',
      [name, from.number, to.number],
    );
    if (count !== 1) throw moved(from.schema, 'It is not the live generation any more.');
    return true;
  });
}
