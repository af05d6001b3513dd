import type { Cursor } from '../commands/log/log.js';
import { ProjectionError } from './projection.js';
import type { Queryable } from './readmodel/db.js';

/**
 * How far a generation is at one home. `term` counts who took the home over: only the last of them writes. `leading`: of a
 * generation beside the live one, that every batch of this home comes to it first.
 */
export type Checkpoint = { readonly cursor: Cursor; readonly term: number; readonly leading: boolean };

/** The columns of the table of checkpoints, as every generation has them. */
export const CHECKPOINT_COLUMNS =
  'home int NOT NULL, next_offset bigint NOT NULL, fence jsonb NOT NULL, term int NOT NULL, leads boolean NOT NULL';

type Row = { home: number; next_offset: number; fence: Cursor['fence']; term: number; leads: boolean };

const ofRow = ({ next_offset: offset, fence, term, leads }: Row): Checkpoint => ({
  cursor: { offset, fence },
  term,
  leading: leads,
});

/** Those of all homes, in their order. */
export async function readCheckpoints(db: Queryable, schema: string): Promise<readonly Checkpoint[]> {
  const { rows } = await db.query<Row>(
    `SELECT home, next_offset, fence, term, leads FROM ${schema}.checkpoints ORDER BY home`,
  );
  return rows.map(ofRow);
}

export async function readCheckpoint(db: Queryable, schema: string, home: number): Promise<Checkpoint> {
  const { rows } = await db.query<Row>(
    `SELECT cp.home, cp.next_offset, cp.fence, cp.term, cp.leads FROM ${schema}.checkpoints cp WHERE cp.home = $1`,
    [home],
  );
  const [row] = rows;
  if (!row) throw moved(schema, `There is no checkpoint of home ${home}.`);
  return ofRow(row);
}

/** How often it tries to take a home from one who is at work there, and may be quicker. */
const TRIES = 20;

/** Takes a home over: whoever had it before writes nothing more there. Returns where it is from now on. */
export async function takeHome(db: Queryable, schema: string, home: number): Promise<Checkpoint> {
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await readCheckpoint(db, schema, home);
    const term = found.term + 1;
    const { count } = await db.query(
      `UPDATE ${schema}.checkpoints SET term = $4 WHERE home = $1 AND next_offset = $2 AND term = $3`,
      [home, found.cursor.offset, found.term, term],
    );
    if (count === 1) return { ...found, term };
  }
  throw moved(schema, `Another runner is at work at home ${home}, and was quicker ${TRIES} times.`);
}

/** Where a batch began, and in which term. */
export type From = { readonly offset: number; readonly term: number };

/** Moves a home's checkpoint from the offset where a batch began. Throws if another runner has moved it: roll back. */
export async function moveCheckpoint(
  tx: Queryable,
  schema: string,
  home: number,
  from: From,
  to: Cursor,
): Promise<void> {
  const { count } = await tx.query(
    `UPDATE ${schema}.checkpoints SET next_offset = $4, fence = $5::jsonb WHERE home = $1 AND next_offset = $2 AND term = $3`,
    [home, from.offset, from.term, to.offset, JSON.stringify(to.fence)],
  );
  if (count !== 1) throw moved(schema, `Another runner has the checkpoint of home ${home} since ${from.offset}.`);
}

/** Notes whether every batch of a home comes to this generation first. Throws if another runner has the home. */
export async function markLeading(
  tx: Queryable,
  schema: string,
  home: number,
  { offset, term }: From,
  leading: boolean,
): Promise<void> {
  const { count } = await tx.query(
    `UPDATE ${schema}.checkpoints SET leads = $4 WHERE home = $1 AND next_offset = $2 AND term = $3`,
    [home, offset, term, leading],
  );
  if (count !== 1) throw moved(schema, `Another runner has the checkpoint of home ${home} since ${offset}.`);
}

/** What a runner stops with where another one is at work. */
export const moved = (schema: string, what: string): ProjectionError =>
  new ProjectionError('CHECKPOINT_MOVED', `${schema}: ${what} This one wrote nothing and stops.`);

export const isMoved = (error: unknown): boolean =>
  error instanceof ProjectionError && error.code === 'CHECKPOINT_MOVED';
