import { homeOf, type Uuid } from '../domain/ids.js';
import { type Located, ProjectionError } from './projection.js';
import { type Db, DbError, type Queryable, type Tx } from './readmodel/db.js';
import { type Table, fieldsOf } from './readmodel/table.js';

/**
 * An event that a view refuses, and so holds up its stream there, and no other: `waiting` events of the stream have come
 * since. `error` is what it was refused with, at the last try.
 */
export type Parked = {
  readonly view: string;
  readonly home: number;
  readonly stream: string;
  readonly offset: number;
  readonly event: Uuid;
  readonly type: string;
  readonly at: string;
  readonly waiting: number;
  readonly error: { readonly name: string; readonly message: string };
};

/** The same as a row beside the tables of a generation. `wanted`: somebody wants it tried again. */
export type ParkedRow = {
  readonly stream: string;
  readonly eventOffset: number;
  readonly event: string;
  readonly type: string;
  readonly at: string;
  readonly waiting: number;
  readonly errorName: string;
  readonly errorMessage: string;
  readonly wanted: boolean;
};

// What an event says of itself is text here: whatever is wrong with it, it can be parked.
export const parkedTable = {
  name: 'parked',
  columns: {
    stream: 'text',
    eventOffset: 'bigint',
    event: 'text',
    type: 'text',
    at: 'text',
    waiting: 'int',
    errorName: 'text',
    errorMessage: 'text',
    wanted: 'boolean',
  },
  key: ['stream'],
} as const satisfies Table & { readonly columns: Readonly<Record<keyof ParkedRow, string>> };

const LONGEST_MESSAGE = 500;

export function parkedRow({ event, offset }: Located, error: unknown): ParkedRow {
  const { stream, id, type, at } = event;
  return { stream, eventOffset: offset, event: id, type, at, waiting: 0, ...errorOf(error), wanted: false };
}

/** What is kept of an error. Postgres takes no text with a NUL in it. */
export function errorOf(error: unknown): Pick<ParkedRow, 'errorName' | 'errorMessage'> {
  const name = error instanceof DbError ? error.code : error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  return { errorName: name, errorMessage: message.replaceAll('\0', '').slice(0, LONGEST_MESSAGE).toWellFormed() };
}

/** An event, or some of them, that a view refuses. `cause` says why. */
export class Poison extends Error {
  override name = 'Poison';
}

/**
 * Does what applies events through a transaction, or reads for that, and throws Poison where it is the events that are
 * refused: by the fold, or as data that the database does not take (SQLSTATE classes 22 and 23, or none because it never got
 * that far; 21000, of two rows of one key, which are taken one after the other). What else goes wrong in the database is
 * thrown as it is.
 */
export async function refusing<T>(tx: Tx, apply: (tx: Tx) => Promise<T>): Promise<T> {
  let fault: unknown;
  const noted = async <A>(asking: Promise<A>): Promise<A> => {
    try {
      return await asking;
    } catch (error) {
      fault ??= error;
      throw error;
    }
  };
  const { query, copy } = tx;
  const noting: Tx = {
    query: (sql, params) => noted(query(sql, params)),
    ...(copy && { copy: (...asked) => noted(copy(...asked)) }),
  };
  try {
    return await apply(noting);
  } catch (error) {
    if (fault === undefined ? error instanceof ProjectionError : !isRefused(fault)) throw fault ?? error;
    throw new Poison('an event is refused', { cause: fault ?? error });
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof DbError && /^(21000|22...|23...|DB_STATEMENT)$/.test(error.code);

const fields = fieldsOf(parkedTable, 'r');

/** What a schema's readers see as parked: that of a generation, or of the live one through its view. */
export async function readParked(db: Queryable, schema: string): Promise<readonly (ParkedRow & { home: number })[]> {
  const { rows } = await db.query<ParkedRow & { home: number }>(
    `SELECT r.home, ${fields} FROM ${schema}.parked r ORDER BY r.home, r.stream`,
  );
  return rows;
}

/** The same for one home. */
export async function readParkedAt(db: Queryable, schema: string, home: number): Promise<readonly ParkedRow[]> {
  const { rows } = await db.query<ParkedRow>(
    `SELECT ${fields} FROM ${schema}.parked r WHERE r.home = $1 ORDER BY r.stream`,
    [home],
  );
  return rows;
}

/** The streams of a home that somebody wants tried again. */
export async function readWanted(db: Queryable, schema: string, home: number): Promise<readonly string[]> {
  const { rows } = await db.query<Pick<ParkedRow, 'stream'>>(
    `SELECT r.stream FROM ${schema}.parked r WHERE r.home = $1 AND r.wanted ORDER BY r.stream`,
    [home],
  );
  return rows.map(({ stream }) => stream);
}

/** Notes the wish to have a stream tried again; whoever runs its home will find it. False if it is not parked there. */
export async function wantRetry(db: Db, schema: string, stream: string, partitions: number): Promise<boolean> {
  const { count } = await db.query(`UPDATE ${schema}.parked SET wanted = true WHERE home = $1 AND stream = $2`, [
    homeOf(stream, partitions),
    stream,
  ]);
  return count > 0;
}

/** What a stream is parked with now; undefined if it is not. */
export async function findParked(
  db: Db,
  schema: string,
  stream: string,
  partitions: number,
): Promise<ParkedRow | undefined> {
  const { rows } = await db.query<ParkedRow>(
    `SELECT ${fields} FROM ${schema}.parked r WHERE r.home = $1 AND r.stream = $2`,
    [homeOf(stream, partitions), stream],
  );
  return rows[0];
}
