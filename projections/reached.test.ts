import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caughtUpBy, reachedBy } from './reached.js';
import { core } from './readmodel/core/core.js';
import type { Db } from './readmodel/db.js';
import { startRunner } from './runner.js';
import { memorySessions } from './sessions/memory.js';
import type { Sessions } from './sessions/sessions.js';
import { PARTITIONS, logWith, openDatabase, richHistory, rowsOf } from './testing.js';
import { wait } from './wait.js';

// Whether a view shows a position, asked in a process that does not run it.

let db: Db;
let sessions: Sessions;
const runners: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  sessions = memorySessions({ now: Date.now });
  for (const schema of ['rm', 'core', 'rm_core_g1', 'rm_core_g2']) {
    await db.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  }
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  sessions.close();
});

/** A database that counts what is asked of it. */
function counting(): { readonly looks: () => number; readonly used: Pick<Db, 'query'> } {
  let looks = 0;
  return { looks: () => looks, used: { query: (sql, params) => (looks++, db.query(sql, params)) } };
}
const run = (log: Parameters<typeof startRunner>[0]['log'], told: Pick<Sessions, 'publish' | 'attach'> | undefined) => {
  const runner = startRunner({
    log,
    db,
    projection: core,
    ...(told && { sessions: told }),
    onFailure: (error) => {
      throw error;
    },
  });
  runners.push(runner);
  return runner;
};

describe('a position', () => {
  it.each([
    ['a notice says so', true],
    ['a look finds it, where no notice comes', false],
  ])('is reached once the view shows it: %s', async (_, isTold) => {
    const { history, first } = richHistory();
    const { log, add } = await logWith(history.events);
    const reached = reachedBy({ db, view: 'core', sessions, wait });
    const early = reached({ partition: 0, offset: 1 }, 60_000);
    const runner = run(log, isTold ? sessions : undefined);
    expect(await early).toBe(true);
    await caughtUpBy({ log, reached });
    await runner.caughtUp;
    history.rename(first, 'later');
    const position = { partition: 0, offset: (await log.end(0)) + 1 };
    const late = Promise.all([reached(position, 60_000), reached(position, 60_000)]);
    await add(history.events.slice(-1));
    expect(await late).toEqual([true, true]);
    expect(JSON.stringify(await rowsOf(db, core))).toContain('later');
  });

  it('is not reached when patience runs out or nobody is to wait any more, nor when a notice lies', async () => {
    const { log } = await logWith(richHistory().history.events);
    const runner = run(log, sessions);
    await runner.caughtUp;
    const over = new AbortController();
    const reached = reachedBy({ db, view: 'core', sessions, wait, signal: over.signal });
    const end = await log.end(0);
    expect(await reached({ partition: 0, offset: end }, 0)).toBe(true);
    expect(await reached({ partition: 0, offset: end + 1 }, 0)).toBe(false);
    const lied = reached({ partition: 0, offset: end + 1 }, 300);
    sessions.publish('shown:core:0', { offset: end + 1 });
    sessions.publish('shown:core:0', { nonsense: true });
    expect(await lied).toBe(false);
    const waiting = reached({ partition: 0, offset: end + 1 }, 600_000);
    over.abort();
    expect(await waiting).toBe(false);
    expect(await reached({ partition: 0, offset: end }, 600_000)).toBe(false);
  });

  it('is not reached any more where the view is dropped and filled again, until it is', async () => {
    const { log } = await logWith(richHistory().history.events);
    const runner = run(log, sessions);
    await runner.caughtUp;
    const reached = reachedBy({ db, view: 'core', sessions, wait });
    const position = { partition: 0, offset: await log.end(0) };
    expect(await reached(position, 0)).toBe(true);
    await runner.stop();
    await db.query('DROP SCHEMA rm, core, rm_core_g1 CASCADE');
    expect(await reached(position, 50)).toBe(false);
    run(log, sessions);
    expect(await reached(position, 60_000)).toBe(true);
  });

  it('is asked for by one look for all who wait at a home', async () => {
    const { log } = await logWith(richHistory().history.events);
    await run(log, sessions).caughtUp;
    const { looks, used } = counting();
    const reached = reachedBy({ db: used, view: 'core', sessions, wait });
    const position = { partition: PARTITIONS - 1, offset: await log.end(PARTITIONS - 1) };
    const all = await Promise.all(Array.from({ length: 100 }, () => reached(position, 60_000)));
    expect(all.every(Boolean)).toBe(true);
    expect(looks()).toBeLessThanOrEqual(2);
  });
});
