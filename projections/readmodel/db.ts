import type { Row, Table } from './table.js';

/**
 * What runs one statement. Parameters are $1, $2, …; JSON goes in as text and comes back parsed; int8 comes back as a
 * number and timestamptz as ISO 8601. `count` is the number of rows that it returned or changed.
 */
export type Queryable = {
  query<R extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<R>>;
};

export type Rows<R> = { readonly rows: readonly R[]; readonly count: number };

/** What a transaction is asked through. */
export type Tx = Queryable & {
  /**
   * Adds rows of one home to a table of a schema, faster than an insert does, where the database `copies`. A row that is
   * there already fails it with 23505; what is not written as it would be, with DB_STATEMENT. It has no fence of its own.
   */
  readonly copy?: Copy;
};

export type Copy = (schema: string, table: Table, home: number, rows: readonly Row[]) => Promise<void>;

/**
 * The read models' database: PGlite on one machine, Postgres and Citus in the fleet. The SQL is the subset that runs unchanged on
 * all three. Code inside `tx` uses only what it is given, and awaits what it asks of it. A throw rolls
 * back, and so does a statement that failed, whether or not anybody minded.
 */
export type Db = Queryable & {
  tx<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Whether its transactions can `copy`. */
  readonly copies?: true;
  close(): Promise<void>;
};

/**
 * `code` is the SQLSTATE of a statement that failed, or: DB_UNUSABLE, the database broke or does not open; DB_CLOSED;
 * DB_RESTARTED, it was made or opened anew since, and may be emptier, or a connection was lost; DB_BUSY, no turn came in time,
 * and nothing was asked; DB_ROLLED_BACK, a statement of the transaction had failed; DB_TX_OVER, the transaction had ended;
 * DB_STATEMENT, the statement never got as far as Postgres.
 */
export class DbError extends Error {
  override name = 'DbError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Whether an error passes by itself: there was no room (class 53), it gave way to another transaction (class 40), it had
 * waited for too long (57014, 55P03, DB_BUSY), or the database has started again. What was asked can be asked again, by
 * whoever first reads what is there: of a commit whose answer was lost nothing is known.
 */
export const passes = (error: unknown): boolean =>
  error instanceof DbError && /^(40...|53...|55P03|57014|DB_BUSY|DB_RESTARTED)$/.test(error.code);

/** There is no room. What is built beside a live view is given up then, so that the live one has some. */
export const isFull = (error: unknown): error is DbError => error instanceof DbError && error.code.startsWith('53');
