import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { type PostgresStack, startPostgres } from '../../ops/stack/postgres.js';
import { idOf, logWith, project, richHistory, rowsOf } from '../testing.js';
import { startRunner } from '../runner.js';
import { dbContract } from './contract.js';
import { copyingContract } from './copying-contract.js';
import { core } from './core/core.js';
import { passes } from './db.js';
import { type PostgresDb, openPostgres } from './postgres.js';
import type { Table } from './table.js';
import { onServer, ownDatabase } from '../../ops/run/database.js';

/** A way to a server. What is open on it can be made to hang: nothing that is asked there arrives any more. */
async function hangingWay(to: string) {
  const at = new URL(to);
  const open = new Set<readonly [Socket, Socket]>();
  const front = createServer((client) => {
    const behind = connect({ host: at.hostname, port: Number(at.port || 5432) });
    open.add([client, behind]);
    client.pipe(behind).pipe(client);
    for (const socket of [client, behind]) socket.on('error', () => undefined);
    client.once('close', () => behind.destroy());
    behind.once('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const address = front.address();
  const way = new URL(to);
  way.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url: way.href,
    hang: (): void => {
      for (const [client, behind] of open) client.unpipe(behind).resume();
    },
    close: () =>
      new Promise<void>((resolve) => {
        front.close(() => resolve());
        for (const [client] of open) client.destroy();
      }),
  };
}

describeWith('DATABASE_URL', 'Postgres', (server) => {
  let url: string;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ url, drop } = await ownDatabase(server));
  });
  afterAll(() => drop());
  const open = (): Promise<PostgresDb> => openPostgres({ url, pool: 4 });

  dbContract('Postgres', open, open);
  copyingContract('Postgres', open);

  describe('a connection', () => {
    let db: PostgresDb;
    let troubles: unknown[] = [];
    let told = 0;
    const begin = async (more: Partial<Parameters<typeof openPostgres>[0]> = {}): Promise<void> => {
      [troubles, told] = [[], 0];
      db = await openPostgres({ url, pool: 2, onTrouble: (error) => troubles.push(error), ...more });
      db.onRestart(() => (told += 1));
    };
    afterEach(() => db.close());

    const pidOf = async (): Promise<number | undefined> =>
      (await db.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
    const kill = (pid: number | undefined): Promise<unknown> =>
      onServer(url, (client) => client.query('SELECT pg_terminate_backend($1, 5000)', [pid]));

    it('that ends while nobody uses it ends nothing else, and is told once there is another one', async () => {
      await begin();
      await kill(await pidOf());
      await expect.poll(() => told).toBe(1);
      expect(troubles).not.toEqual([]);
      expect(await pidOf()).toBeGreaterThan(0);
    });

    it('that ends under a statement leaves it unknown, in a way that passes; the next one is answered', async () => {
      await begin();
      const pid = await pidOf();
      const asked = db.query('SELECT pg_sleep(60)');
      asked.catch(() => undefined);
      await onServer(url, async (client) => {
        const isAsleep = async () =>
          (await client.query('SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND wait_event = $2', [pid, 'PgSleep']))
            .rowCount;
        await expect.poll(isAsleep).toBe(1);
      });
      await kill(pid);
      await expect(asked).rejects.toMatchObject({ name: 'DbError', code: 'DB_RESTARTED' });
      await expect(asked).rejects.toSatisfy(passes);
      expect(await pidOf()).toBeGreaterThan(0);
      await expect.poll(() => told).toBe(1);
    });

    it('that ends in the middle of a transaction takes all of it along, even where nobody minds', async () => {
      await begin();
      await db.query('CREATE TABLE lost (n int)');
      const work = db.tx(async (tx) => {
        await tx.query('INSERT INTO lost VALUES (1)');
        const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        await kill(rows[0]?.pid);
        await tx.query('INSERT INTO lost VALUES (2)').catch(() => undefined);
      });
      await expect(work).rejects.toMatchObject({ code: 'DB_RESTARTED' });
      expect((await db.query('SELECT n FROM lost')).count).toBe(0);
    });

    it('that ends under a COPY leaves it unknown, in a way that passes, and nothing of it', async () => {
      await begin();
      const table: Table = { name: 'half', columns: { n: 'int' }, key: ['n'] };
      await db.query('CREATE TABLE half (home int, n int, PRIMARY KEY (home, n))');
      const rows = Array.from({ length: 100_000 }, (_, n) => ({ n }));
      const work = db.tx(async ({ query, copy }) => {
        const pid = (await query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid;
        await Promise.all([copy?.('public', table, 0, rows), kill(pid)]);
      });
      await expect(work).rejects.toMatchObject({ code: 'DB_RESTARTED' });
      expect((await db.query('SELECT n FROM half')).count).toBe(0);
    });

    it('on which a statement takes too long is free again, and what was asked passes', async () => {
      await begin({ patience: 100 });
      await expect(db.query('SELECT pg_sleep(60)')).rejects.toMatchObject({ code: '57014' });
      await expect(db.query('SELECT pg_sleep(60)')).rejects.toSatisfy(passes);
      expect(await pidOf()).toBeGreaterThan(0);
      expect(told).toBe(0);
    });

    /** Takes the only connection, until it is let go of. */
    const take = async (): Promise<() => Promise<void>> => {
      let go = (): void => undefined;
      const gone = new Promise<void>((resolve) => (go = resolve));
      let held: Promise<void> | undefined;
      await new Promise<void>((begun) => {
        held = db.tx(async () => {
          begun();
          await gone;
        });
      });
      return async () => {
        go();
        await held;
      };
    };

    it('that is not free for long is not waited for, in a way that passes; what is aside is answered meanwhile', async () => {
      await begin({ pool: 1, linePatience: 100 });
      const letGo = await take();
      const asked = db.query('SELECT 1 AS n');
      await expect(asked).rejects.toMatchObject({ name: 'DbError', code: 'DB_BUSY' });
      await expect(asked).rejects.toSatisfy(passes);
      expect((await db.aside.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
      await letGo();
      expect(await pidOf()).toBeGreaterThan(0);
    });

    it('that is lost is mended while all others are at work', async () => {
      await begin({ pool: 1 });
      const letGo = await take();
      await kill((await db.aside.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]?.pid);
      await expect.poll(() => told).toBe(1);
      await letGo();
    });

    it('that hangs while another one is mended is not asked again', async () => {
      const way = await hangingWay(url);
      await begin({ url: way.url, patience: 2_000 });
      const [first] = await Promise.all([pidOf(), pidOf()]);
      way.hang();
      await kill(first);
      await expect.poll(() => told, { timeout: 25_000 }).toBe(1);
      expect(await pidOf()).toBeGreaterThan(0);
      await db.close();
      await way.close();
    });

    it('prepares a bounded number of statements, and is let go when there were too many', async () => {
      await begin({ pool: 1 });
      const first = await pidOf();
      for (let n = 0; n < 300; n++) await db.query(`SELECT $1::int + ${n} AS n`, [n]);
      expect(await pidOf()).not.toBe(first);
      const prepared = 'SELECT 1 FROM pg_prepared_statements';
      expect((await db.query(prepared)).count).toBeLessThan(256);
    });

    it('forgets statements that were prepared for other tables than there are now', async () => {
      await begin({ pool: 1 });
      const read = (): Promise<unknown> => db.query('SELECT * FROM shaped WHERE n = $1', [1]);
      await db.query('CREATE TABLE shaped (n int)');
      await read();
      await db.query('ALTER TABLE shaped ADD COLUMN more text');
      await expect(read()).rejects.toMatchObject({ code: 'DB_RESTARTED' });
      expect(await read()).toEqual({ rows: [], count: 0 });
    });
  });

  it.each([
    ['is no URL', () => 'nowhere', /DATABASE_URL is not like/],
    ['names no database', (at: URL) => ((at.pathname = '/nothing_here'), at.href), /nothing_here.* does not exist/],
    ['leads nowhere', (at: URL) => ((at.port = '1'), at.href), /127\.0\.0\.1:1\/.*ECONNREFUSED/],
  ])('says what is wrong where the URL %s, without the password', async (_, change, told) => {
    const at = new URL(url);
    // Where it wants one, another would be what is wrong.
    at.password ||= 'secret';
    const opening = openPostgres({ url: change(at), pool: 1 });
    await expect(opening).rejects.toMatchObject({
      name: 'DbError',
      code: 'DB_UNUSABLE',
      message: expect.stringMatching(told),
    });
    await expect(opening).rejects.not.toThrow(at.password);
  });

  describe('a server', { timeout: 120_000 }, () => {
    let folder: string;
    let stack: PostgresStack;
    let db: PostgresDb;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'verbatim-postgres-'));
      stack = await startPostgres({ folder });
      db = await openPostgres({ url: stack.url, pool: 4 });
    }, 120_000);
    afterAll(async () => {
      await db.close();
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it('that is killed and started again is told of before anything else is asked of it, and has what was committed', async () => {
      await db.tx(async (tx) => {
        // A kill at once takes what nobody waited for.
        await tx.query('SET LOCAL synchronous_commit = on');
        await tx.query('CREATE TABLE kept AS SELECT 1 AS n');
      });
      const order: string[] = [];
      const unwatch = db.onRestart(() => order.push('told'));
      const restarting = stack.restart();
      const asking = async (): Promise<void> => {
        for (;;) {
          try {
            const { count } = await db.query('SELECT n FROM kept');
            if (order.includes('told')) return void order.push(`read ${count}`);
          } catch (error) {
            if (!passes(error)) throw error;
          }
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      await Promise.all([restarting, asking()]);
      expect(order).toEqual(['told', 'read 1']);
      unwatch();
    });

    it('that loses its last commits to a failover has every view go on from where it stands then', async () => {
      const { history } = richHistory();
      const half = Math.floor(history.events.length / 2);
      const { log, add } = await logWith(history.events.slice(0, half), idOf(98));
      const failures: unknown[] = [];
      const runner = startRunner({
        log,
        db,
        projection: core,
        onFailure: (error) => failures.push(error),
        onRestart: db.onRestart,
      });
      await runner.caughtUp;
      await stack.copy();
      await add(history.events.slice(half, -2));
      const offsets = await Promise.all([0, 1, 2, 3].map((home) => log.end(home)));
      for (const [partition, offset] of offsets.entries()) await runner.reached({ partition, offset }, 20_000);
      await stack.failOver();
      await add(history.events.slice(-2));
      const wanted = async (): Promise<unknown> => {
        const { log: whole } = await logWith(history.events, idOf(98));
        const own = await ownDatabase(server);
        const fresh = await openPostgres({ url: own.url, pool: 2 });
        await project(fresh, core, whole);
        const rows = await rowsOf(fresh, core);
        await fresh.close();
        await own.drop();
        return rows;
      };
      const whole = await wanted();
      await expect.poll(() => rowsOf(db, core).catch(() => undefined), { timeout: 30_000 }).toEqual(whole);
      await runner.stop();
      expect(failures).toEqual([]);
    });
  });
});
