/** What runs a statement. Parameters are $1, $2, …; JSON parameters are strings; int8 comes back as a number. */
export type Queryable = {
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<Row>>;
};

export type Rows<Row> = { readonly rows: readonly Row[]; readonly count: number };

/**
 * The read models' database: PGlite here, Postgres and Citus in the fleet. The SQL is the subset that runs unchanged on
 * all three. Code inside `tx` uses only the `Queryable` that it is given.
 */
export type Db = Queryable & {
  tx<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Runs several statements without parameters, as a migration does. */
  exec(sql: string): Promise<void>;
  close(): Promise<void>;
};
