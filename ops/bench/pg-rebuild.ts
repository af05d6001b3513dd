import { join } from 'node:path';
import type pg from 'pg';
import { core } from '../../projections/readmodel/core/core.js';
import { messages } from '../../projections/readmodel/core/tables.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPostgres } from '../../projections/readmodel/postgres.js';
import { onServer, ownDatabase } from '../run/database.js';
import { copyRows } from '../../projections/readmodel/postgres-copy.js';
import { type Row, createStage, createTable, fieldsOf } from '../../projections/readmodel/table.js';
import { type Figure, median, scaled } from './figure.js';
import { CONVERSATIONS, type Took, begin, switchOver, talk, timed } from './rebuild.js';
import { openLog, withFolder } from './writeside.js';

const ROUNDS = 3;
/** As many rows at once as the runner writes of 2,000 records, about. */
const BATCH = 1_000;

/** The rows of the messages of one home. */
type Rows = { readonly home: number; readonly batches: readonly (readonly Row[])[] };

/**
 * The core view filled from the log, on the Postgres of DATABASE_URL, in databases of its own: reading, decoding, folding,
 * and writing all its rows. Beside it the rows of its messages alone, from memory, into a table of the same form: by binary
 * COPY, and by the insert of a runner; both on a connection for each home, in transactions of the same size. How much of
 * the work is this process's own, and not the database's, is told by its CPU time.
 */
export async function pgRebuild(scale: number): Promise<readonly Figure[]> {
  const server = process.env['DATABASE_URL'];
  if (!server) {
    console.error('pg-rebuild is left out: it needs the URL of a Postgres server in DATABASE_URL.');
    return [];
  }
  return withFolder(async (folder) => {
    const log = openLog(join(folder, 'log.db'));
    await talk(folder, log, scaled(CONVERSATIONS, scale));
    const [view, whole, copied, inserted]: Took[][] = [[], [], [], []];
    let rows: readonly Rows[] = [];
    // The first is a warm-up, and gives the rows.
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const own = await ownDatabase(server);
      const db = await openPostgres({ url: own.url, pool: log.partitions });
      const runner = await begin(db, log);
      const viewTook = await timed(() => runner.caughtUp);
      const wholeTook = await timed(() => switchOver(runner));
      await runner.stop();
      if (n === 0) rows = await rowsIn(db);
      for (const schema of ['copied', 'inserted']) await makeBare(db, schema, log.partitions);
      const insertTook = await timed(() => insertAll(db, rows));
      const copyTook = await timed(() => copyAll(own.url, rows));
      await db.close();
      await own.drop();
      if (n === 0) continue;
      view?.push(viewTook);
      whole?.push(wholeTook);
      inserted?.push(insertTook);
      copied?.push(copyTook);
    }
    await log.close();
    const count = rows.reduce((sum, { batches }) => sum + batches.flat().length, 0);
    const rate = (took: readonly Took[] = []): number => (count * 1_000) / median(took.map(({ time }) => time));
    const cpu = (took: readonly Took[] = []): number => median(took.map((each) => each.cpu)) / count;
    const against = median((copied ?? []).map(({ time }, at) => time / (view?.[at]?.time ?? NaN)));
    return [
      { metric: 'rows of messages', value: count, unit: '' },
      { metric: 'the view filled from the log', value: rate(view), unit: '/s' },
      { metric: 'filled beside a live one, compared and switched', value: rate(whole), unit: '/s' },
      { metric: 'its messages inserted as a runner does, bare', value: rate(inserted), unit: '/s' },
      { metric: 'its messages by binary COPY, bare', value: rate(copied), unit: '/s' },
      { metric: 'rate, against the bare COPY', value: against, unit: '×', goal: 0.65, better: 'higher' },
      { metric: 'CPU time of this process for a row of the view', value: cpu(view), unit: 'µs' },
      { metric: 'CPU time of this process for a row, inserted', value: cpu(inserted), unit: 'µs' },
      { metric: 'CPU time of this process for a row by COPY', value: cpu(copied), unit: 'µs' },
    ];
  });
}

async function rowsIn(db: Db): Promise<readonly Rows[]> {
  const { rows } = await db.query<{ home: number }>(
    `SELECT m.home, ${fieldsOf(messages, 'm')} FROM ${core.name}.messages m ORDER BY m.home, m.id`,
  );
  return [...new Set(rows.map(({ home }) => home))].map((home) => {
    const here = rows.filter((row) => row.home === home);
    const pages = Math.ceil(here.length / BATCH);
    return { home, batches: Array.from({ length: pages }, (_, n) => here.slice(n * BATCH, (n + 1) * BATCH)) };
  });
}

/** A table of messages, and checkpoints that fence it, as a generation has them. */
async function makeBare(db: Db, schema: string, homes: number): Promise<void> {
  await db.query(`CREATE SCHEMA ${schema}`);
  await db.query(`CREATE TABLE ${schema}.checkpoints (home int PRIMARY KEY, next_offset bigint NOT NULL)`);
  for (const statement of createTable(schema, messages)) await db.query(statement);
  for (let home = 0; home < homes; home++) await db.query(`INSERT INTO ${schema}.checkpoints VALUES ($1, 0)`, [home]);
}

const insertAll = (db: Db, rows: readonly Rows[]): Promise<unknown> =>
  Promise.all(
    rows.map(async ({ home, batches }) => {
      for (const batch of batches) {
        await db.tx((tx) => createStage({ read: tx, write: tx }, 'inserted', home, 0).save(messages, batch));
      }
    }),
  );

const copyAll = (url: string, rows: readonly Rows[]): Promise<unknown> =>
  Promise.all(
    rows.map(({ home, batches }) =>
      onServer(url, async (client: pg.Client) => {
        for (const batch of batches) {
          await client.query('BEGIN');
          await copyRows(client, 'copied', messages, home, batch);
          await client.query('COMMIT');
        }
      }),
    ),
  );
