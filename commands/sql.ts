import { setTimeout as sleep } from 'node:timers/promises';

export type SqlRows<Row> = { readonly rows: readonly Row[]; readonly count: number };

/** What runs one statement, with $1, $2, … as parameters. `count` is the number of rows that it returned or changed. */
export type SqlQuery = {
  query<Row extends object>(sql: string, params?: readonly unknown[]): Promise<SqlRows<Row>>;
};

/** The Postgres of the fleet, as the write side needs it: by structure, for it comes from the read side's port. */
export type Sql = SqlQuery & { tx<T>(work: (tx: SqlQuery) => Promise<T>): Promise<T> };

/** A schema or a table that another process makes at the same moment: then it is there. */
const MADE_MEANWHILE = /^(23505|40P01|42P0[67]|42710)$/;
const TRIES = 20;
const PAUSE_MS = 100;

/** The code of an error of the database: the SQLSTATE of a statement, or one of ours; '' of any other error. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Makes a schema with what is in it, all at once, where `table` is not there. Any number of processes may do so at once. */
export async function makeOnce(db: Sql, schema: string, table: string, statements: readonly string[]): Promise<void> {
  if (!/^[a-z][a-z0-9_]*$/.test(schema)) throw new RangeError(`a schema that is named ${schema}`);
  const make = async (tx: SqlQuery): Promise<void> => {
    const { rows } = await tx.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [
      `${schema}.${table}`,
    ]);
    if (rows[0]?.there) return;
    for (const statement of [`CREATE SCHEMA IF NOT EXISTS ${schema}`, ...statements]) await tx.query(statement);
  };
  for (let tries = 1; ; tries++) {
    try {
      return await db.tx(make);
    } catch (error) {
      if (tries >= TRIES || !MADE_MEANWHILE.test(codeOf(error))) throw error;
      await sleep(PAUSE_MS);
    }
  }
}
