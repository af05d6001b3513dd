import type { Queryable, Tx } from './db.js';

/**
 * A table of a read model. Each has `home` as the first column of its primary key, which is also how Citus spreads it.
 * `columns` maps the fields of a row to Postgres types; in SQL they are written in snake case.
 */
export type Table = {
  readonly name: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  /** The fields of the primary key after `home`. */
  readonly key: readonly string[];
  /** The columns of further indexes, as SQL, after `home`. */
  readonly indexes?: readonly string[];
};

/** A row by the fields of its table. */
export type Row = Readonly<Record<string, unknown>>;

export type ColumnType = 'uuid' | 'int' | 'bigint' | 'text' | 'boolean' | 'timestamptz' | 'jsonb';

export const snake = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * Has Citus spread a table by its homes: beside another one, so that all that is written of one home lies in one place, or
 * as the first of its kind. Any other Postgres does nothing.
 */
export const distribute = (table: string, beside = 'none'): string => `DO $$ BEGIN
  IF to_regproc('create_distributed_table') IS NOT NULL AND EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
    PERFORM create_distributed_table('${table}', 'home', colocate_with => '${beside}');
  END IF; END $$`;

/** The statements that make a table and its indexes in a schema, beside the checkpoints there. */
export function createTable(schema: string, { name, columns, key, indexes = [] }: Table): readonly string[] {
  const fields = Object.entries(columns).map(([field, type]) => `${snake(field)} ${type}`);
  return [
    `CREATE TABLE ${schema}.${name} (home int NOT NULL, ${fields.join(', ')}, PRIMARY KEY (home, ${key.map(snake).join(', ')}))`,
    distribute(`${schema}.${name}`, `${schema}.checkpoints`),
    ...indexes.map((index, at) => `CREATE INDEX ${name}_${at} ON ${schema}.${name} (home, ${index})`),
  ];
}

/** The select list of a table's rows under their field names, each with a prefix where two tables are joined. */
export const fieldsOf = ({ columns }: Table, alias: string, prefix = ''): string =>
  Object.keys(columns)
    .map((field) => `${alias}.${snake(field)} AS "${prefix}${field}"`)
    .join(', ');

/** How a projection reads and writes its own rows: at one home, in one generation, for one batch. */
export type Stage = {
  /** The rows whose first key field is among `ids`, as they were before the batch. */
  load<R extends object>(table: Table, ids: Iterable<string>): Promise<readonly R[]>;
  /**
   * Writes one row per key, whole; a row that is there is replaced. `isNew`: by all that the fold knows there was none
   * before the batch, so that many of them can be added at once. Where that turns out to be wrong, they are replaced as well.
   */
  save<R extends Row>(table: Table, rows: readonly R[], isNew?: (row: R) => boolean): Promise<void>;
  remove(table: Table, ids: Iterable<string>): Promise<void>;
};

/** Where a stage reads, and where it writes. */
export type Ways = { readonly read: Queryable; readonly write: Tx };

/** For so few new rows a COPY, which is one turn more, costs more than it saves. */
const FEW = 50;

/**
 * A stage whose inserts write nothing once another runner has moved the checkpoint on from `from`. What it copies has no
 * such fence: `write` leads into a transaction that moves the checkpoint, and before anything else.
 */
export function createStage({ read, write }: Ways, schema: string, home: number, from: number): Stage {
  const upsert = async (table: Table, rows: readonly Row[]): Promise<void> => {
    if (rows.length === 0) return;
    await write.query(fencedInsert(schema, table), [
      home,
      from,
      ...Object.entries(table.columns).map(([field, type]) => rows.map((row) => parameter(row[field], type))),
    ]);
  };
  return {
    load: async <R extends object>(table: Table, ids: Iterable<string>) => {
      const wanted = [...ids];
      if (wanted.length === 0) return [];
      const [first = ''] = table.key;
      const sql = `SELECT ${fieldsOf(table, 't')} FROM ${schema}.${table.name} t WHERE t.home = $1 AND t.${snake(first)} = ANY($2::uuid[])`;
      return (await read.query<R>(sql, [home, wanted])).rows;
    },
    save: async (table, rows, isNew = () => false) => {
      const added = write.copy ? rows.filter(isNew) : [];
      if (!write.copy || added.length <= FEW) return upsert(table, rows);
      const others = added.length === rows.length ? [] : rows.filter((row) => !isNew(row));
      await Promise.all([write.copy(schema, table, home, added), upsert(table, others)]);
    },
    remove: async (table, ids) => {
      const gone = [...ids];
      if (gone.length === 0) return;
      const [first = ''] = table.key;
      await write.query(`DELETE FROM ${schema}.${table.name} WHERE home = $1 AND ${snake(first)} = ANY($2::uuid[])`, [
        home,
        gone,
      ]);
    },
  };
}

/** One statement of one shard on Citus: the checkpoint is the fence, and its row carries the home to the insert. */
function fencedInsert(schema: string, { name, columns, key }: Table): string {
  const fields = Object.entries(columns);
  const names = fields.map(([field]) => snake(field));
  const values = fields.map(([field, type]) => (type === 'jsonb' ? `u.${snake(field)}::jsonb` : `u.${snake(field)}`));
  const arrays = fields.map(([, type], at) => `$${at + 3}::${type === 'jsonb' ? 'text' : type}[]`);
  const changed = names.filter((column) => !key.map(snake).includes(column));
  return `INSERT INTO ${schema}.${name} (home, ${names.join(', ')})
    SELECT cp.home, ${values.join(', ')} FROM ${schema}.checkpoints cp, unnest(${arrays.join(', ')}) AS u(${names.join(', ')})
    WHERE cp.home = $1 AND cp.next_offset = $2
    ON CONFLICT (home, ${key.map(snake).join(', ')}) DO UPDATE SET ${changed.map((column) => `${column} = EXCLUDED.${column}`).join(', ')}`;
}

function parameter(value: unknown, type: ColumnType): unknown {
  if (value === undefined || value === null) return null;
  return type === 'jsonb' ? JSON.stringify(value) : value;
}
