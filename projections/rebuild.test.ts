import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import type { Recorded } from '../domain/catalogue.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import type { Db } from './readmodel/db.js';
import { type Runner, startRunner } from './runner.js';
import { PARTITIONS, createHistory, idOf, inCuts, logWith, openDatabase, richHistory, rowsOf } from './testing.js';

// A view that is filled anew beside the one that readers see, and what can become of it.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

let failures: unknown[] = [];
let now = 0;
let runners: Runner[] = [];
const stopAll = async (): Promise<void> => {
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
};
beforeEach(async () => {
  [failures, now] = [[], 0];
  for (const schema of ['rm', ...(await schemas())]) await db.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
});
afterEach(stopAll);

const run = (log: Log, projection: Projection<CoreNotice> = core): Runner => {
  const runner = startRunner({
    log,
    db,
    projection,
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => failures.push(error),
    clock: () => Date.now() + now,
  });
  runners.push(runner);
  return runner;
};

const schemas = async (): Promise<readonly string[]> =>
  (
    await db.query<{ name: string }>(`SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^rm_core' ORDER BY 1`)
  ).rows.map(({ name }) => name);

const phaseOf = async (runner: Runner) => (await runner.rebuilding())?.phase;
const becomes = async (runner: Runner, phase: string): Promise<void> => {
  await expect.poll(() => phaseOf(runner), { timeout: 20_000 }).toBe(phase);
};

/** The same log, but whoever reads it only up to its end gets it record by record, and slowly. Notes from where. */
function slowly(log: Log): { readonly log: Log; readonly starts: number[] } {
  const starts: number[] = [];
  const cut = inCuts(log, () => 1);
  const read: Log['read'] = async function* (partition, from, options = {}) {
    if (options.follow) return yield* log.read(partition, from, options);
    starts.push(from?.offset ?? 0);
    for await (const chunk of cut.read(partition, from, options)) {
      await sleep(20);
      yield chunk;
    }
  };
  return { log: { ...log, read }, starts };
}

describe('a rebuild', () => {
  it('fills, compares and switches; and switches back and forth', async () => {
    const { log } = await logWith(richHistory().history.events);
    const runner = run(log);
    await runner.caughtUp;
    const before = await rowsOf(db, core);
    await runner.rebuild();
    await becomes(runner, 'kept');
    expect(await runner.rebuilding()).toMatchObject({ live: 2, generation: 1 });
    expect(await rowsOf(db, core)).toEqual(before);
    await runner.switchTo('kept');
    expect(await runner.rebuilding()).toMatchObject({ phase: 'kept', live: 1, generation: 2 });
    await runner.switchTo('kept');
    expect(await runner.rebuilding()).toMatchObject({ phase: 'kept', live: 2, generation: 1 });
    expect(await rowsOf(db, core)).toEqual(before);
    expect(failures).toEqual([]);
  });

  it('leaves nothing behind when it is cancelled in the middle', async () => {
    const { log } = slowly((await logWith(richHistory().history.events)).log);
    const runner = run(log);
    await runner.caughtUp;
    await runner.rebuild();
    await expect.poll(async () => (await runner.rebuilding())?.done).toBeGreaterThan(4);
    expect(await phaseOf(runner)).toBe('filling');
    await expect(runner.rebuild()).rejects.toMatchObject({ code: 'REBUILD_RUNNING' });
    await runner.cancel();
    expect(await schemas()).toEqual(['rm_core_g1']);
    expect(await runner.rebuilding()).toBeUndefined();
    await expect(runner.cancel()).rejects.toMatchObject({ code: 'NO_REBUILD' });
    await expect(runner.switchTo('kept')).rejects.toMatchObject({ code: 'NO_REBUILD' });
    expect(failures).toEqual([]);
  });

  it('goes on where it was after its runner has ended, and tells how far it is', async () => {
    const { log } = await logWith(richHistory().history.events);
    const first = run(slowly(log).log);
    await first.caughtUp;
    await first.rebuild();
    await expect.poll(async () => (await first.rebuilding())?.done).toBeGreaterThan(12);
    expect(await first.rebuilding()).toMatchObject({ of: 24, rate: expect.any(Number), left: expect.any(Number) });
    await stopAll();
    const { log: again, starts } = slowly(log);
    const second = run(again);
    await becomes(second, 'kept');
    expect(starts.filter((offset) => offset === 0)).toEqual([]);
    expect(starts.length).toBeGreaterThan(0);
  });

  it('is dropped where it hangs on another log', async () => {
    const { log } = await logWith(richHistory().history.events);
    const first = run(slowly(log).log);
    await first.caughtUp;
    await first.rebuild();
    await stopAll();
    const other = run((await logWith([], idOf(77))).log);
    await other.caughtUp;
    expect(await schemas()).toEqual(['rm_core_g3']);
    expect(await other.rebuilding()).toBeUndefined();
  });

  it('keeps what was live before in step for a day, and drops it then, or when the next one begins', async () => {
    const { history, first } = richHistory();
    const { log, add } = await logWith(history.events);
    const runner = run(log);
    await runner.caughtUp;
    await runner.rebuild();
    await becomes(runner, 'kept');
    history.rename(first, 'after the switch');
    await add(history.events.slice(-1));
    await runner.switchTo('kept');
    expect(JSON.stringify(await rowsOf(db, core))).toContain('after the switch');
    await runner.rebuild();
    await expect.poll(schemas, { timeout: 20_000 }).toEqual(['rm_core_g1', 'rm_core_g3']);
    await becomes(runner, 'kept');
    await stopAll();
    now = 25 * 3_600_000;
    const later = run(log);
    await expect.poll(schemas).toEqual(['rm_core_g3']);
    expect(await later.rebuilding()).toBeUndefined();
  });
});

describe('the comparison finds', () => {
  it.each([
    [
      'a row that was changed',
      `UPDATE rm_core_g1.messages SET seq = 77 WHERE home = 0 AND id = $1`,
      /table messages, home 0/,
    ],
    ['a row that is missing', `DELETE FROM rm_core_g1.messages WHERE home = 0 AND id = $1`, /6 rows in|5 rows in/],
    [
      'a row too many',
      `INSERT INTO rm_core_g1.users SELECT home, $1::uuid, version, name, registered_at, status, instructions, theme, language
       FROM rm_core_g1.users`,
      /table users, home 0: 2 rows|table users.*2 rows in rm_core_g1, 1 in rm_core_g2/,
    ],
  ])('%s, and nothing is switched until somebody insists', async (_, plant, what) => {
    const { log } = await logWith(richHistory().history.events);
    const runner = run(log);
    await runner.caughtUp;
    const right = await rowsOf(db, core);
    await db.query(plant, [idOf(11)]);
    const planted = await rowsOf(db, core);
    expect(planted).not.toEqual(right);
    await runner.rebuild();
    await becomes(runner, 'different');
    expect((await runner.rebuilding())?.note).toMatch(what);
    expect(await rowsOf(db, core)).toEqual(planted);
    await runner.switchTo('different');
    expect(await rowsOf(db, core)).toEqual(right);
    expect(failures).toEqual([]);
  });

  it('a row beyond its first page', async () => {
    const history = createHistory();
    const conversation = idOf(10);
    history.start(conversation);
    const ids = Array.from(
      { length: 4_100 },
      (_, n) => `${idOf(11).slice(0, 24)}${(n + 0x1000).toString(16)}${'0'.repeat(5)}123`,
    );
    ids.forEach((id, n) => history.post(conversation, id, null, n + 1));
    const { log } = await logWith(history.events);
    const runner = run(log);
    await runner.caughtUp;
    await db.query('UPDATE rm_core_g1.messages SET seq = 0 WHERE home = 0 AND id = $1', [ids[4_050]]);
    await runner.rebuild();
    await becomes(runner, 'different');
    expect((await runner.rebuilding())?.note).toMatch(/table messages, home 0, behind .*: 100 rows each/);
    await runner.cancel();
    await db.query('UPDATE rm_core_g1.messages SET seq = 4051 WHERE home = 0 AND id = $1', [ids[4_050]]);
    await runner.rebuild();
    await becomes(runner, 'kept');
  });
});

describe('a rebuild of a view that refuses events', () => {
  const [bad, stream] = [idOf(10), `conversation-${idOf(10)}`];
  const history = () => {
    const told = createHistory();
    told.start(bad);
    told.rename(bad, 'refused');
    told.rename(bad, 'later');
    told.start(idOf(20));
    told.rename(idOf(20), 'fine');
    return told;
  };
  const failing = (refuses: (event: Recorded) => boolean): Projection<CoreNotice> => ({
    ...core,
    apply: async (events, stage) => {
      const found = events.find(({ event }) => refuses(event));
      if (found) throw new TypeError(`cannot fold ${found.event.type}`);
      return core.apply(events, stage);
    },
  });
  const titled = (title: string, { type, data }: Recorded): boolean =>
    type === 'ConversationRenamed' && data.title.content === title;
  const parked = async (schema: string) =>
    (await db.query(`SELECT stream, event_offset, waiting, error_message FROM ${schema}.parked`)).rows;

  it.each([true, false])('parks what is parked live (mended: %s), and takes it with it', async (isMended) => {
    const { log } = await logWith(history().events);
    await run(
      log,
      failing((event) => titled('refused', event)),
    ).caughtUp;
    await stopAll();
    let refuses = (event: Recorded): boolean => !isMended && titled('refused', event);
    const runner = run(
      log,
      failing((event) => refuses(event)),
    );
    await runner.caughtUp;
    const live = await parked('core');
    expect(live).toMatchObject([{ stream, waiting: 1 }]);
    await runner.rebuild();
    await becomes(runner, 'kept');
    expect(await parked('core')).toEqual(live);
    refuses = () => false;
    await runner.retry(stream);
    const rows = await rowsOf(db, core);
    await runner.switchTo('kept');
    expect([await parked('core'), await rowsOf(db, core)]).toEqual([[], rows]);
    expect(failures).toEqual([]);
  });

  it('follows a stream that was taken and is parked again with a later event', async () => {
    const told = createHistory();
    told.start(bad);
    told.rename(bad, 'refused');
    const { log, add } = await logWith(told.events);
    let title = 'refused';
    const view = failing((event) => titled(title, event));
    const runner = run(log, view);
    await runner.caughtUp;
    await runner.rebuild();
    await becomes(runner, 'kept');
    title = 'later';
    await runner.retry(stream);
    told.rename(bad, 'later');
    told.rename(bad, 'last');
    await add(told.events.slice(-2));
    expect(await runner.reached({ partition: 0, offset: await log.end(0) }, 5_000)).toBe(true);
    const [live, rows] = [await parked('core'), await rowsOf(db, core)];
    expect(live).toMatchObject([{ stream, waiting: 1 }]);
    await runner.switchTo('kept');
    expect([await parked('core'), await rowsOf(db, core)]).toEqual([live, rows]);
    expect(failures).toEqual([]);
  });

  it('stops on what the live one took, says what, and leaves the live one alone', async () => {
    const told = history();
    const { log, add } = await logWith(told.events);
    let refuses: (event: Recorded) => boolean = () => false;
    const runner = run(
      log,
      failing((event) => refuses(event)),
    );
    await runner.caughtUp;
    refuses = (event) => titled('fine', event);
    await runner.rebuild();
    await becomes(runner, 'failed');
    expect((await runner.rebuilding())?.note).toMatch(
      /refuses the ConversationRenamed of conversation-\S+ at offset \d+, which/,
    );
    refuses = () => false;
    told.rename(bad, 'on');
    await add(told.events.slice(-1));
    const here = { partition: 0, offset: await log.end(0) };
    expect(await runner.reached(here, 5_000)).toBe(true);
    await runner.cancel();
    expect(await schemas()).toEqual(['rm_core_g1']);
    expect(failures).toEqual([]);
  });
});

it('fills up to where the live view is, however the log is cut', async () => {
  const { log } = await logWith(richHistory().history.events);
  const runner = run(inCuts(log, () => 5));
  await runner.caughtUp;
  await runner.rebuild();
  await becomes(runner, 'kept');
  const checkpoints = async (schema: string) =>
    (await db.query(`SELECT home, next_offset, fence FROM ${schema}.checkpoints ORDER BY home`)).rows;
  expect(await checkpoints('rm_core_g2')).toEqual(await checkpoints('rm_core_g1'));
  expect(await checkpoints('core')).toHaveLength(PARTITIONS);
});
