import type { Projection } from './projection.js';
import { parkedTable } from './parked.js';
import type { Queryable } from './readmodel/db.js';
import { type Table, snake } from './readmodel/table.js';

/** How many rows are compared at once: few enough that whoever waits for a home meanwhile does not notice. */
const PAGE = 2_000;

/** The tables whose rows must be the same in two generations at one position, and the columns by which they are. */
export const comparedTables = ({ tables }: Pick<Projection<unknown>, 'tables'>): readonly Table[] => [
  // What a stream was refused with may read differently each time; that it is parked, and where, may not.
  { ...parkedTable, columns: { stream: 'text', eventOffset: 'bigint', waiting: 'int' } },
  ...tables,
];

/** The key of a row, as the texts of its fields. */
type Key = readonly string[];

/** What came of a page: the last key of it, if there are more; and in what the two differ, if they do. */
export type Compared = { readonly last?: Key; readonly difference?: string };

/**
 * Compares the rows of a table at one home in two schemas, behind `after`, a page of the first one's: by their number and
 * by a hash over all their columns in the order of their keys. Neither may change meanwhile.
 */
export async function comparePage(
  db: Queryable,
  [one, other]: readonly [string, string],
  table: Table,
  home: number,
  after: Key | undefined,
): Promise<Compared> {
  const last = await endOfPage(db, one, table, home, after);
  const digests = [
    await digestOf(db, one, table, home, after, last),
    await digestOf(db, other, table, home, after, last),
  ] as const;
  const [a, b] = digests;
  if (a.count === b.count && a.hash === b.hash) return last ? { last } : {};
  const where = `table ${table.name}, home ${home}, ${after ? `behind ${after.join(', ')}` : 'from the first row'}`;
  const rows =
    a.count === b.count
      ? `${a.count} rows each, not all of them the same`
      : `${a.count} rows in ${one}, ${b.count} in ${other}`;
  return { difference: `${where}${last ? ` up to ${last.join(', ')}` : ''}: ${rows}` };
}

const keyOf = ({ key }: Table): string => key.map((field) => `t.${snake(field)}`).join(', ');

/** A key as parameters of its types, from the n-th on. */
const parameters = ({ key, columns }: Table, from: number): string =>
  key.map((field, at) => `$${from + at}::text::${columns[field]}`).join(', ');

async function endOfPage(db: Queryable, schema: string, table: Table, home: number, after: Key | undefined) {
  const fields = table.key.map((field) => `t.${snake(field)}::text AS "${field}"`).join(', ');
  const beyond = after ? `AND (${keyOf(table)}) > (${parameters(table, 2)})` : '';
  const { rows } = await db.query<Record<string, string>>(
    `SELECT ${fields} FROM ${schema}.${table.name} t WHERE t.home = $1 ${beyond}
     ORDER BY ${keyOf(table)} LIMIT 1 OFFSET ${PAGE - 1}`,
    [home, ...(after ?? [])],
  );
  const [row] = rows;
  return row && table.key.map((field) => row[field] ?? '');
}

async function digestOf(
  db: Queryable,
  schema: string,
  table: Table,
  home: number,
  after: Key | undefined,
  last: Key | undefined,
): Promise<{ readonly count: number; readonly hash: string | null }> {
  const columns = Object.keys(table.columns)
    .map((field) => `t.${snake(field)}`)
    .join(', ');
  const beyond = after ? `AND (${keyOf(table)}) > (${parameters(table, 2)})` : '';
  const upTo = last ? `AND (${keyOf(table)}) <= (${parameters(table, 2 + (after?.length ?? 0))})` : '';
  const { rows } = await db.query<{ count: number; hash: string | null }>(
    `SELECT count(*) AS count, md5(string_agg(md5(ROW(${columns})::text), '' ORDER BY ${keyOf(table)})) AS hash
     FROM ${schema}.${table.name} t WHERE t.home = $1 ${beyond} ${upTo}`,
    [home, ...(after ?? []), ...(last ?? [])],
  );
  return rows[0] ?? { count: 0, hash: null };
}
