/**
 * What runs one statement. Parameters are $1, $2, …; JSON goes in as text and comes back parsed; int8 comes back as a
 * number and timestamptz as ISO 8601. `count` is the number of rows that it returned or changed.
 */
export type Queryable = {
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<Row>>;
};

export type Rows<Row> = { readonly rows: readonly Row[]; readonly count: number };

/**
 * The read models' database: PGlite here, Postgres and Citus in the fleet. The SQL is the subset that runs unchanged on
 * all three. Code inside `tx` uses only the `Queryable` that it is given; a throw rolls back.
 */
export type Db = Queryable & {
  tx<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};
