import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { onServer, ownDatabase } from '../ops/run/database.js';
import { describeWith } from '../ops/run/needs.js';
import type { Log } from '../commands/log/log.js';
import { type Uuid, homeOf } from '../domain/ids.js';
import { openFeed } from './feed.js';
import { openGeneration } from './generations.js';
import { core } from './readmodel/core/core.js';
import type { Copy, Db, Tx } from './readmodel/db.js';
import { type PostgresDb, openPostgres } from './readmodel/postgres.js';
import { startRunner } from './runner.js';
import { PARTITIONS, createHistory, idOf, inCuts, logWith, project, rowsOf } from './testing.js';

// Which rows are copied, and that it makes no difference: what is there is what inserts alone would have made of it.

const [chat, other] = [idOf(10), idOf(20)];
const home = homeOf(`conversation-${chat}`, PARTITIONS);
const MANY = 100;
const nth = (n: number): Uuid => idOf(1_000 + n);

/** A conversation in which much is asked at once. */
function begun(id = chat) {
  const history = createHistory();
  history.start(id);
  return history;
}
function askMuch(history: ReturnType<typeof createHistory>, from = 0, id = chat): void {
  for (let n = from; n < from + MANY; n++) {
    history.post(id, nth(2 * n), n === 0 ? null : nth(2 * n - 1), 2 * n + 1);
    history.request(id, nth(2 * n + 1), nth(2 * n), 2 * n + 2);
  }
}

type Asked = { readonly what: 'copied' | 'inserted'; readonly rows: number };

describeWith('DATABASE_URL', 'rows that are new', (server) => {
  let url: string;
  let drop: () => Promise<void>;
  let db: PostgresDb;
  let asked: Asked[] = [];
  beforeAll(async () => {
    ({ url, drop } = await ownDatabase(server));
  });
  afterAll(() => drop());
  beforeEach(async () => {
    asked = [];
    db = await openPostgres({ url, pool: 8 });
    for (const schema of ['rm', 'core', 'rm_core_g1', 'rm_core_g2'])
      await db.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  });
  afterEach(() => db.close());

  /** Notes what becomes of the rows of messages; `during` is told of each COPY of them that was done. */
  const noting = (during: (schema: string, tx: Tx) => Promise<void> = async () => undefined): Db => ({
    ...db,
    tx: (work) =>
      db.tx((tx) => {
        const query: Tx['query'] = (sql, params) => {
          if (/^INSERT INTO \S+\.messages /.test(sql) && Array.isArray(params?.[2]))
            asked.push({ what: 'inserted', rows: params[2].length });
          return tx.query(sql, params);
        };
        const copy: Copy = async (schema, table, ...rows) => {
          await tx.copy?.(schema, table, ...rows);
          if (table.name !== 'messages') return;
          asked.push({ what: 'copied', rows: rows[1].length });
          await during(schema, tx);
        };
        return work({ query, copy });
      }),
  });
  const inserting = (): Db => {
    const { copies: _, ...others } = db;
    return others;
  };

  /** What is there is what it is where nothing is copied. */
  const expectSame = async (log: Log): Promise<void> => {
    const rows = await rowsOf(db, core);
    expect(rows['messages']).not.toEqual([]);
    await db.query('DROP SCHEMA rm, core CASCADE');
    await project(inserting(), core, log);
    expect(rows).toEqual(await rowsOf(db, core));
  };

  const feedOn = async (log: Log, used: Db) => {
    const feed = openFeed({ log, db: used, projection: core, generation: await openGeneration(db, core, log) });
    await feed.enter(home);
    return {
      feed,
      takeAll: async (): Promise<void> => {
        for await (const chunk of log.read(home, feed.at(home))) await feed.take(home, chunk);
      },
    };
  };

  it('are copied where there are many of them, and those that were there are inserted beside them', async () => {
    const history = begun();
    askMuch(history);
    const { log, add } = await logWith(history.events);
    const { takeAll } = await feedOn(log, noting());
    await takeAll();
    expect(asked).toEqual([{ what: 'copied', rows: 2 * MANY }]);
    const before = history.events.length;
    for (let n = 0; n < MANY / 2; n++) history.begin(chat, nth(2 * n + 1), 1);
    for (let n = 0; n < MANY / 2; n++) history.complete(chat, nth(2 * n + 1), 1);
    askMuch(history, MANY);
    await add(history.events.slice(before));
    await takeAll();
    expect(asked.slice(1).toSorted((a, b) => a.rows - b.rows)).toEqual([
      { what: 'inserted', rows: MANY / 2 },
      { what: 'copied', rows: 2 * MANY },
    ]);
    await expectSame(log);
  });

  it('are inserted where there are few of them', async () => {
    const history = begun();
    history.post(chat, idOf(11), null, 1);
    const { log } = await logWith(history.events);
    await (await feedOn(log, noting())).takeAll();
    expect(asked).toEqual([{ what: 'inserted', rows: 1 }]);
  });

  it('are inserted with all others of the batch where one of them was there all the same', async () => {
    const history = begun();
    history.start(other);
    history.post(other, nth(3), null, 1);
    const { log, add } = await logWith(history.events);
    const { feed, takeAll } = await feedOn(log, noting());
    await takeAll();
    const before = history.events.length;
    askMuch(history);
    await add(history.events.slice(before));
    await takeAll();
    // The COPY was refused.
    expect(asked).toEqual([
      { what: 'inserted', rows: 1 },
      { what: 'inserted', rows: 2 * MANY },
    ]);
    expect(feed.parked(home)).toEqual(new Map());
    await expectSame(log);
  });

  it('that hold what the database does not take park their stream alone, and the rest of the batch is copied', async () => {
    const history = begun();
    history.start(other);
    askMuch(history);
    history.rename(other, 'no \0 in Postgres');
    history.post(other, idOf(21), null, 1);
    askMuch(history, MANY);
    const { log } = await logWith(history.events);
    const { feed, takeAll } = await feedOn(log, noting());
    await takeAll();
    expect([...feed.parked(home).values()]).toMatchObject([
      { stream: `conversation-${other}`, errorName: '22P05', waiting: 1 },
    ]);
    expect(asked.some(({ what }) => what === 'copied')).toBe(true);
    expect((await db.query('SELECT m.id FROM core.messages m WHERE m.home = $1', [home])).count).toBe(4 * MANY);
    await expectSame(log);
  });

  it('with a text that the database does not take are refused as an insert refuses them', async () => {
    const history = begun();
    history.start(other);
    askMuch(history);
    history.post(other, 'no uuid', null, 1);
    const { log } = await logWith(history.events);
    const { feed, takeAll } = await feedOn(log, noting());
    await takeAll();
    expect([...feed.parked(home).values()]).toMatchObject([
      { stream: `conversation-${other}`, errorName: '22P02', waiting: 0 },
    ]);
    await expectSame(log);
  });

  it('are not added by who has lost the home', async () => {
    const history = begun();
    const { log, add } = await logWith(history.events);
    const late = await feedOn(log, noting());
    const { takeAll } = await feedOn(log, noting());
    askMuch(history);
    await add(history.events.slice(1));
    await expect(late.takeAll()).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED' });
    expect((await db.query('SELECT m.id FROM core.messages m WHERE m.home = $1', [home])).count).toBe(0);
    await takeAll();
    await expectSame(log);
  });

  it('are there once where a connection ends in the middle of a rebuild, behind a COPY and before its commit', async () => {
    const history = begun();
    for (let n = 0; n < 5; n++) askMuch(history, n * MANY);
    const { log } = await logWith(history.events);
    let kills = 0;
    const copied: string[] = [];
    const used = noting(async (schema, { query }) => {
      copied.push(schema);
      if (schema !== 'rm_core_g2' || copied.filter((each) => each === schema).length !== 3) return;
      kills += 1;
      const { rows } = await query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await onServer(url, (client) => client.query('SELECT pg_terminate_backend($1, 5000)', [rows[0]?.pid]));
    });
    const failures: unknown[] = [];
    const runner = startRunner({
      log: inCuts(log, () => 2 * MANY),
      db: used,
      projection: core,
      onFailure: (error) => failures.push(error),
      onTrouble: () => undefined,
      onRestart: db.onRestart,
    });
    await runner.caughtUp;
    const before = await rowsOf(db, core);
    await runner.rebuild();
    await expect.poll(async () => (await runner.rebuilding())?.phase, { timeout: 30_000 }).toBe('kept');
    expect(await runner.rebuilding()).toMatchObject({ live: 2, generation: 1 });
    await runner.stop();
    expect([kills, failures]).toEqual([1, []]);
    // Each batch once, and the one whose commit never was a second time.
    expect(copied.filter((schema) => schema === 'rm_core_g2')).toHaveLength(6);
    expect(await rowsOf(db, core)).toEqual(before);
    await expectSame(log);
  }, 60_000);
});
