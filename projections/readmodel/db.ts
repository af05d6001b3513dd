/**
 * What runs one statement. Parameters are $1, $2, …; JSON goes in as text and comes back parsed; int8 comes back as a
 * number and timestamptz as ISO 8601. `count` is the number of rows that it returned or changed.
 */
export type Queryable = {
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<Row>>;
};

export type Rows<Row> = { readonly rows: readonly Row[]; readonly count: number };

/**
 * The read models' database: PGlite on one machine, Postgres and Citus in the fleet. The SQL is the subset that runs unchanged on
 * all three. Code inside `tx` uses only the `Queryable` that it is given, and awaits what it asks of it. A throw rolls
 * back, and so does a statement that failed, whether or not anybody minded.
 */
export type Db = Queryable & {
  tx<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
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
