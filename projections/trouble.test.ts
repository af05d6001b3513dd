import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { core } from './readmodel/core/core.js';
import { type Db, DbError, type Queryable } from './readmodel/db.js';
import { type Runner, startRunner } from './runner.js';
import { readStanding } from './standing.js';
import { PARTITIONS, logWith, openDatabase, project, richHistory, rowsOf } from './testing.js';

// What a runner does about a database that is in trouble and comes out of it.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

let failures: unknown[] = [];
let runners: Runner[] = [];
beforeEach(async () => {
  failures = [];
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
});

it('waits out a database without room, and goes on from what that has then', async () => {
  const { history } = richHistory();
  const { log } = await logWith(history.events);
  const full = new DbError('53100', 'no space left');
  let refused = 0;
  const trouble: unknown[] = [];
  const runner = startRunner({
    log,
    db: { ...db, tx: async (work) => (++refused % 4 === 2 ? Promise.reject(full) : db.tx(work)) },
    projection: core,
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => trouble.push(error),
  });
  runners.push(runner);
  await runner.caughtUp;
  expect(trouble).toContain(full);
  expect(failures).toEqual([]);
  expect(await db.query('SELECT id FROM core.messages')).toMatchObject({ count: 6 });
});

it('fills a database that came back empty though nobody writes, and shows nothing until then', async () => {
  const { history } = richHistory();
  const { log } = await logWith(history.events);
  const listeners = new Set<() => void>();
  const runner = startRunner({
    log,
    db,
    projection: core,
    onFailure: (error) => failures.push(error),
    onRestart: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
  });
  runners.push(runner);
  await runner.caughtUp;
  const position = { partition: 0, offset: await log.end(0) };
  expect(await runner.reached(position, 0)).toBe(true);
  await db.query('DROP SCHEMA rm, core CASCADE');
  for (const listener of listeners) listener();
  expect(await runner.reached(position, 1)).toBe(false);
  expect(await runner.reached(position, 5_000)).toBe(true);
  expect(await db.query('SELECT id FROM core.messages')).toMatchObject({ count: 6 });
  expect(failures).toEqual([]);
  await runner.stop();
  expect(listeners).toEqual(new Set());
});

it('notices a restart between its opening and its beginning', async () => {
  const { history } = richHistory();
  const { log } = await logWith(history.events);
  await project(db, core, log);
  let restart: (() => void) | undefined;
  const runner = startRunner({
    log: {
      ...log,
      end: async (partition) => {
        const tell = restart;
        restart = undefined;
        if (tell) await db.query('DROP SCHEMA rm, core CASCADE');
        tell?.();
        return log.end(partition);
      },
    },
    db,
    projection: core,
    onFailure: (error) => failures.push(error),
    onRestart: (listener) => {
      restart = listener;
      return () => undefined;
    },
  });
  runners.push(runner);
  await runner.caughtUp;
  expect(failures).toEqual([]);
  expect(await db.query('SELECT id FROM core.messages')).toMatchObject({ count: 6 });
});

it('gives up a rebuild for which there is no room, and goes on with the live view', async () => {
  const { history, first } = richHistory();
  const { log, add } = await logWith(history.events);
  const full = new DbError('53100', 'no space left');
  const trouble: unknown[] = [];
  const without = ({ query }: Queryable): Queryable => ({
    query: (sql, params) =>
      sql.startsWith('INSERT INTO rm_core_g2.messages') ? Promise.reject(full) : query(sql, params),
  });
  const runner = startRunner({
    log,
    db: { ...db, tx: (work) => db.tx((tx) => work(without(tx))) },
    projection: core,
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => trouble.push(error),
  });
  runners.push(runner);
  await runner.caughtUp;
  await runner.rebuild();
  await expect.poll(async () => (await runner.rebuilding())?.phase, { timeout: 5_000 }).toBe('failed');
  expect((await runner.rebuilding())?.note).toBe('no space left');
  history.rename(first, 'after');
  await add(history.events.slice(-1));
  const position = { partition: 0, offset: await log.end(0) };
  expect(await runner.reached(position, 5_000)).toBe(true);
  await runner.cancel();
  expect(await runner.rebuilding()).toBeUndefined();
  expect([trouble, failures]).toEqual([[], []]);
});

it.each([
  ['for which there is no room any more', '53100', 'no space left'],
  ['that refuses what the live view takes', '22001', /home 0 refuses conversation-\S+ at offset \d+, which the live/],
])('gives up a rebuild %s when it comes first already, and goes on with the live view', async (_, code, note) => {
  const { history, first } = richHistory();
  const { log, add } = await logWith(history.events);
  const trouble: unknown[] = [];
  let isBroken = false;
  let compare: () => void = () => undefined;
  /** The last home is compared when the test says so: until then the other ones come first in the new generation. */
  const mayCompare = new Promise<void>((resolve) => (compare = resolve));
  const broken = ({ query }: Queryable): Queryable => ({
    query: (sql, params) =>
      isBroken && sql.startsWith('INSERT INTO rm_core_g2.conversations')
        ? Promise.reject(new DbError(code, 'no space left'))
        : query(sql, params),
  });
  const query: Db['query'] = async (sql, params) => {
    if (sql.includes('md5(') && sql.includes('rm_core_g2.') && params?.[0] === PARTITIONS - 1) await mayCompare;
    return db.query(sql, params);
  };
  const runner = startRunner({
    log,
    db: { ...db, query, tx: (work) => db.tx((tx) => work(broken(tx))) },
    projection: core,
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => trouble.push(error),
  });
  runners.push(runner);
  await runner.caughtUp;
  await runner.rebuild();
  const leading = async () => (await readStanding(db, 'core'))?.beside?.leading;
  await expect.poll(leading, { timeout: 20_000 }).toEqual([true, true, true, false]);
  isBroken = true;
  history.rename(first, 'after');
  await add(history.events.slice(-1));
  expect(await runner.reached({ partition: 0, offset: await log.end(0) }, 20_000)).toBe(true);
  await expect.poll(async () => (await runner.rebuilding())?.phase, { timeout: 20_000 }).toBe('failed');
  expect((await runner.rebuilding())?.note).toMatch(note);
  compare();
  await runner.cancel();
  expect(await runner.rebuilding()).toBeUndefined();
  expect(JSON.stringify(await rowsOf(db, core))).toContain('after');
  expect([trouble, failures]).toEqual([[], []]);
});
