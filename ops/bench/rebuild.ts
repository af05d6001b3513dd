import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../commands/log/log.js';
import { openGeneration } from '../../projections/generations.js';
import { core } from '../../projections/readmodel/core/core.js';
import { messages } from '../../projections/readmodel/core/tables.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { type Table, createTable, fieldsOf, snake } from '../../projections/readmodel/table.js';
import { type Runner, startRunner } from '../../projections/runner.js';
import { type Figure, median, scaled } from './figure.js';
import { converse } from './cold-load.js';
import { openLog, openWriteSide, withFolder } from './writeside.js';

const ROUNDS = 5;
export const CONVERSATIONS = 1_000;
/** Each a message, and a reply that is asked for, begun and completed: four events, two rows. */
const TURNS = 20;
/** So many people talk at the same time. */
const PEOPLE = 50;
/** So many rows in one statement: the runner reads 2,000 records at once, and about two of them make a row. */
const BATCH = 1_000;

/**
 * How fast the core view is first filled from the log: reading, decoding, folding, and writing all its rows with their
 * checkpoints. That has the goal. Beside it the rows of its messages alone, inserted in batches into the same table of the
 * same kind of database, from memory. In interleaved rounds, each on a database of its own. A rebuild of the live view is
 * shown too: filling a second generation beside it, comparing, and switching over.
 */
export const rebuild = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const log = openLog(join(folder, 'log.db'));
    await talk(folder, log, scaled(CONVERSATIONS, scale));
    const [ours, theirs, whole]: [Took[], Took[], Took[]] = [[], [], []];
    let batches: readonly Batch[] = [];
    // The first is a warm-up, and gives the rows.
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const db = await openPglite(join(folder, `view ${n}`));
      const runner = await begin(db, log);
      const took = await timed(() => runner.caughtUp);
      const wholeTook = await timed(() => switchOver(runner));
      await runner.stop();
      if (n === 0) batches = await batchesIn(db);
      await db.close();
      const bare = await openPglite(join(folder, `bare ${n}`));
      for (const statement of ['CREATE SCHEMA bare', ...createTable('bare', messages)]) await bare.query(statement);
      const bareTook = await timed(() => insertAll(bare, batches));
      await bare.close();
      if (n === 0) continue;
      ours.push(took);
      whole.push(wholeTook);
      theirs.push(bareTook);
    }
    await log.close();
    const rows = batches.reduce((sum, { count }) => sum + count, 0);
    const rate = (took: readonly Took[]): number => (rows * 1_000) / median(took.map(({ time }) => time));
    const against = (field: keyof Took): number =>
      median(theirs.map((each, at) => each[field] / (ours[at]?.[field] ?? NaN)));
    return [
      { metric: 'rows of messages', value: rows, unit: '' },
      { metric: 'the view filled from the log', value: rate(ours), unit: '/s' },
      { metric: 'filled beside a live one, compared and switched', value: rate(whole), unit: '/s' },
      { metric: 'inserted in bare batches', value: rate(theirs), unit: '/s' },
      { metric: 'rate, against the bare batches', value: against('time'), unit: '×', goal: 0.65, better: 'higher' },
      { metric: 'CPU time of the bare batches, against it', value: against('cpu'), unit: '×' },
    ];
  });

/** People and the assistant talk, many at the same time. */
export async function talk(folder: string, log: Log, conversations: number): Promise<void> {
  const side = await openWriteSide(folder, log);
  for (let begun = 0; begun < conversations; begun += PEOPLE) {
    const count = Math.min(PEOPLE, conversations - begun);
    await Promise.all(Array.from({ length: count }, (_, n) => converse(side, begun + n, TURNS * 4)));
  }
  await side.close();
}

/** A runner on an empty view whose tables are there already. */
export async function begin(db: Db, log: Log): Promise<Runner> {
  await openGeneration(db, core, log);
  return startRunner({ log, db, projection: core, onFailure: () => undefined });
}

export async function switchOver(runner: Runner): Promise<void> {
  await runner.rebuild();
  while ((await runner.rebuilding())?.phase !== 'kept') await sleep(20);
}

/** How long some work takes, in ms, and its CPU time in all threads, in µs. */
export type Took = { readonly time: number; readonly cpu: number };

export async function timed(work: () => Promise<unknown>): Promise<Took> {
  const [begun, idle] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(idle);
  return { time: performance.now() - begun, cpu: user + system };
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
