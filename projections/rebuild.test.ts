import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import { core } from './readmodel/core/core.js';
import type { Db } from './readmodel/db.js';
import { openPglite } from './readmodel/pglite.js';
import { type Runner, startRunner } from './runner.js';
import { logWith, richHistory, rowsOf } from './testing.js';

let db: Db;
beforeAll(async () => {
  db = await openPglite();
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

const run = (log: Log): Runner => {
  const runner = startRunner({
    log,
    db,
    projection: core,
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => failures.push(error),
  });
  runners.push(runner);
  return runner;
};

describe('a rebuild', () => {
  it('fills, compares and switches; and switches back', async () => {
    const { history } = richHistory();
    const { log } = await logWith(history.events);
    const runner = run(log);
    await runner.caughtUp;
    const before = await rowsOf(db, core);
    await runner.rebuild();
    await expect
      .poll(() => runner.rebuilding(), { timeout: 10_000 })
      .toMatchObject({ phase: 'kept', live: 2, generation: 1 });
    expect(await rowsOf(db, core)).toEqual(before);
    await runner.switchTo('kept');
    expect(await runner.rebuilding()).toMatchObject({ phase: 'kept', live: 1, generation: 2 });
    await runner.cancel();
    expect(await runner.rebuilding()).toBeUndefined();
    expect(failures).toEqual([]);
  });
});
