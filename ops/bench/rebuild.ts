import { join } from 'node:path';
import type { Log } from '../../commands/log/log.js';
import { core } from '../../projections/readmodel/core/core.js';
import { messages } from '../../projections/readmodel/core/tables.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { type Table, createTable, fieldsOf, snake } from '../../projections/readmodel/table.js';
import { startRunner } from '../../projections/runner.js';
import { type Figure, median, scaled } from './figure.js';
import { fill } from './replay.js';
import { openLog, withFolder } from './writeside.js';

const ROUNDS = 5;
const CONVERSATIONS = 20_000;
/** As many rows in one statement as the runner reads records at once. */
const BATCH = 1_000;

/**
 * How fast the core view is filled from the log: reading, decoding, folding, and writing its rows with their checkpoints.
 * Beside it the least that anybody can do: the rows of its messages, inserted in batches of the same size into the same
 * table of the same kind of database, from memory. In interleaved rounds, each on a database of its own.
 */
export const rebuild = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const log = openLog(join(folder, 'log.db'));
    await fill(folder, log, scaled(CONVERSATIONS, scale));
    const [ours, theirs]: [number[], number[]] = [[], []];
    let batches: readonly Batch[] = [];
    // The first is a warm-up, and gives the rows.
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const db = await openPglite(join(folder, `view ${n}`));
      const took = await timed(() => project(db, log));
      if (n === 0) batches = await batchesIn(db);
      await db.close();
      const bare = await openPglite(join(folder, `bare ${n}`));
      for (const statement of ['CREATE SCHEMA bare', ...createTable('bare', messages)]) await bare.query(statement);
      const bareTook = await timed(() => insertAll(bare, batches));
      await bare.close();
      if (n === 0) continue;
      ours.push(took);
      theirs.push(bareTook);
    }
    await log.close();
    const rows = batches.reduce((sum, { count }) => sum + count, 0);
    return [
      { metric: 'rows of messages', value: rows, unit: '' },
      { metric: 'the view filled from the log', value: (rows * 1_000) / median(ours), unit: '/s' },
      { metric: 'inserted in bare batches', value: (rows * 1_000) / median(theirs), unit: '/s' },
      {
        metric: 'rate, against the bare batches',
        value: median(theirs.map((each, at) => each / (ours[at] ?? NaN))),
        unit: '×',
        goal: 0.65,
        better: 'higher',
      },
    ];
  });

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function project(db: Db, log: Log): Promise<void> {
  const runner = startRunner({ log, db, projection: core, onFailure: () => undefined });
  await runner.caughtUp;
  await runner.stop();
}

/** The parameters of one insert. */
type Batch = { readonly count: number; readonly columns: readonly (readonly unknown[])[] };

const fields = Object.entries<string>(messages.columns);

async function batchesIn(db: Db): Promise<readonly Batch[]> {
  const { rows } = await db.query<Record<string, unknown> & { home: number }>(
    `SELECT m.home, ${fieldsOf(messages, 'm')} FROM core.messages m ORDER BY m.home, m.id`,
  );
  const batches: Batch[] = [];
  for (let from = 0; from < rows.length; from += BATCH) {
    const page = rows.slice(from, from + BATCH);
    const columns = fields.map(([field, type]) =>
      page.map((row) => (type === 'jsonb' && row[field] !== null ? JSON.stringify(row[field]) : row[field])),
    );
    batches.push({ count: page.length, columns: [page.map(({ home }) => home), ...columns] });
  }
  return batches;
}

async function insertAll(db: Db, batches: readonly Batch[]): Promise<void> {
  const sql = insertInto('bare', messages);
  for (const { columns } of batches) await db.tx((tx) => tx.query(sql, columns));
}

function insertInto(schema: string, table: Table): string {
  const names = fields.map(([field]) => snake(field));
  const values = fields.map(([field, type]) => (type === 'jsonb' ? `u.${snake(field)}::jsonb` : `u.${snake(field)}`));
  const arrays = fields.map(([, type], at) => `$${at + 2}::${type === 'jsonb' ? 'text' : type}[]`);
  return `INSERT INTO ${schema}.${table.name} (home, ${names.join(', ')})
    SELECT u.home, ${values.join(', ')} FROM unnest($1::int[], ${arrays.join(', ')}) AS u(home, ${names.join(', ')})`;
}
