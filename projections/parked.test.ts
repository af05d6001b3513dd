import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import type { Recorded } from '../domain/catalogue.js';
import { type Uuid, homeOf } from '../domain/ids.js';
import { createOperations } from './operations.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import type { Projection } from './projection.js';
import type { Db } from './readmodel/db.js';
import { type Runner, startRunner } from './runner.js';
import { PARTITIONS, createHistory, idOf, inCuts, logWith, openDatabase, project, rowsOf } from './testing.js';
import { createWishes } from './wishes.js';

// An event that a view refuses holds up its stream, and no other.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

let failures: unknown[] = [];
let notices: CoreNotice[] = [];
let runners: Runner[] = [];
const stopAll = async (): Promise<void> => {
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
};
beforeEach(async () => {
  [failures, notices] = [[], []];
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
});
afterEach(stopAll);

/** The core view with a fold that fails at some events, until it is mended. */
const failingAt = (refuses: (event: Recorded) => boolean): Projection<CoreNotice> => ({
  ...core,
  apply: async (events, stage) => {
    const bad = events.find(({ event }) => refuses(event));
    if (bad) throw new TypeError(`cannot fold ${bad.event.type}`);
    return core.apply(events, stage);
  },
});

const run = (log: Log, projection: Projection<CoreNotice> = core): Runner => {
  const runner = startRunner({
    log,
    db,
    projection,
    onCommit: (told) => notices.push(...told),
    onFailure: (error) => failures.push(error),
  });
  runners.push(runner);
  return runner;
};
const operations = (log: Log) => createOperations({ log, db, runners });

const [bad, good] = [idOf(10), idOf(20)];
const badStream = `conversation-${bad}`;

/** Two conversations of one home, each with a title that only the first one's view may refuse, and what comes after. */
function twoConversations() {
  const history = createHistory();
  history.start(bad);
  history.start(good);
  history.post(bad, idOf(11), null, 1);
  history.rename(bad, 'refused');
  history.post(good, idOf(21), null, 1);
  history.post(bad, idOf(12), idOf(11), 2);
  history.rename(good, 'taken');
  history.rename(bad, 'later');
  return history;
}
const refusesTitle = ({ type, data }: Recorded): boolean =>
  type === 'ConversationRenamed' && data.title.content === 'refused';

const versions = async (): Promise<Record<Uuid, number>> => {
  const { rows } = await db.query<{ id: Uuid; version: number }>('SELECT id, version FROM core.conversations');
  return Object.fromEntries(rows.map(({ id, version }) => [id, version]));
};

/** From where to where the notices of a conversation tell. */
const spans = (id: Uuid) =>
  notices.flatMap((notice) => ('from' in notice && notice.conversation.id === id ? [[notice.from, notice.to]] : []));

describe('an event that the fold refuses', () => {
  it('parks its stream alone: what comes there waits and is counted, everything else flows', async () => {
    const { log, add } = await logWith([]);
    const runner = run(log, failingAt(refusesTitle));
    await runner.caughtUp;
    const { events } = twoConversations();
    await add(events);
    const home = homeOf(badStream, PARTITIONS);
    expect(await runner.reached({ partition: home, offset: await log.end(home) }, 5_000)).toBe(true);
    expect(await versions()).toEqual({ [bad]: 2, [good]: 3 });
    const refused = events.find(({ data }) => JSON.stringify(data).includes('refused'));
    expect(await operations(log).parked()).toEqual([
      {
        view: 'core',
        home,
        stream: badStream,
        offset: expect.any(Number),
        event: refused?.id,
        type: 'ConversationRenamed',
        at: refused?.at,
        waiting: 2,
        error: { name: 'TypeError', message: 'cannot fold ConversationRenamed' },
      },
    ]);
    const lags = await operations(log).lag();
    expect(lags.map(({ parked, behind }) => [parked, behind])).toEqual(
      [0, 1, 2, 3].map((n) => [n === home ? 1 : 0, 0]),
    );
    expect(failures).toEqual([]);
  });

  it('is taken with all that waits, in order, once the fold is mended and somebody wants it tried', async () => {
    const { log, add } = await logWith(twoConversations().events);
    let isMended = false;
    const runner = run(
      log,
      failingAt((event) => !isMended && refusesTitle(event)),
    );
    await runner.caughtUp;
    await expect(runner.retry(badStream)).rejects.toMatchObject({
      code: 'RETRY_REFUSED',
      message: expect.stringMatching(/TypeError/),
    });
    expect((await operations(log).parked()).map(({ waiting }) => waiting)).toEqual([2]);
    isMended = true;
    await runner.retry(badStream);
    expect(await operations(log).parked()).toEqual([]);
    // The stream flows again.
    const more = createHistory();
    more.start(bad);
    const next = twoConversations();
    next.rename(bad, 'after');
    await add(next.events.slice(-1));
    await expect.poll(versions).toEqual({ [bad]: 6, [good]: 3 });
    const told = spans(bad);
    expect(told.map(([from]) => from)).toEqual([0, ...told.slice(0, -1).map(([, to]) => to)]);
    const rows = await rowsOf(db, core);
    await stopAll();
    await db.query('DROP SCHEMA rm CASCADE');
    await project(db, core, log);
    expect(rows).toEqual(await rowsOf(db, core));
  });

  it('stays parked over a restart, and what came before and after it waits alike', async () => {
    const { events } = twoConversations();
    const { log, add } = await logWith(events.slice(0, 6));
    await run(log, failingAt(refusesTitle)).caughtUp;
    await stopAll();
    // The mended code takes nothing of its own accord: what waits is taken in order, or not at all.
    const runner = run(log);
    await runner.caughtUp;
    await add(events.slice(6));
    await expect.poll(versions).toEqual({ [bad]: 2, [good]: 3 });
    expect((await operations(log).parked()).map(({ waiting }) => waiting)).toEqual([2]);
    await runner.retry(badStream);
    expect(await versions()).toEqual({ [bad]: 5, [good]: 3 });
  });

  it('keeps the error of the last try, and its place', async () => {
    const { log } = await logWith(twoConversations().events);
    let refuses = refusesTitle;
    const runner = run(
      log,
      failingAt((event) => refuses(event)),
    );
    await runner.caughtUp;
    const [before] = await operations(log).parked();
    refuses = ({ type, data }) => type === 'ConversationRenamed' && data.title.content === 'later';
    await expect(runner.retry(badStream)).rejects.toMatchObject({ code: 'RETRY_REFUSED' });
    const [after] = await operations(log).parked();
    expect(after).toEqual(before);
    expect(await versions()).toEqual({ [bad]: 2, [good]: 3 });
  });

  it('is tried by whoever runs the home, though the wish comes from elsewhere', async () => {
    const { log } = await logWith(twoConversations().events);
    let isMended = false;
    await run(
      log,
      failingAt((event) => !isMended && refusesTitle(event)),
    ).caughtUp;
    isMended = true;
    const elsewhere = createWishes({ log, db, projection: core, look: () => undefined, clock: Date.now });
    await elsewhere.retry(badStream);
    expect(await versions()).toEqual({ [bad]: 5, [good]: 3 });
    await expect(elsewhere.retry(badStream)).rejects.toMatchObject({ code: 'NOT_PARKED' });
  });

  it('is one of each home where two of them have one, and each is tried by itself', async () => {
    const [here, there] = [createHistory(0x123), createHistory(0xfff)];
    const far = idOf(10, 0xfff);
    for (const [history, id] of [
      [here, bad],
      [there, far],
    ] as const) {
      history.start(id);
      history.rename(id, 'refused');
      history.rename(id, 'later');
    }
    const { log } = await logWith([...here.events, ...there.events]);
    let isMended = false;
    const runner = run(
      log,
      failingAt((event) => !isMended && refusesTitle(event)),
    );
    await runner.caughtUp;
    const homes = (await operations(log).parked()).map(({ home, waiting }) => [home, waiting]);
    expect(homes).toEqual(
      [homeOf(badStream, PARTITIONS), homeOf(`conversation-${far}`, PARTITIONS)].map((home) => [home, 1]),
    );
    isMended = true;
    await runner.retry(badStream);
    expect(await versions()).toEqual({ [bad]: 3, [far]: 1 });
  });

  it('stops the view where so many streams have one that it must be the view', async () => {
    const history = createHistory();
    for (let n = 1; n <= 101; n++) history.start(idOf(n));
    const { log } = await logWith(history.events);
    const runner = run(
      log,
      failingAt(({ type }) => type === 'ConversationStarted'),
    );
    await expect(runner.caughtUp).rejects.toMatchObject({
      code: 'TOO_MANY_PARKED',
      message: expect.stringMatching(/100 streams are parked/),
    });
    expect(await operations(log).parked()).toHaveLength(100);
  });
});

it('parks what the database does not take, as text with a NUL in it', async () => {
  const history = createHistory();
  history.start(bad);
  history.start(good);
  history.rename(bad, 'no \0 in Postgres');
  history.rename(good, 'fine');
  const { log } = await logWith(history.events);
  await run(log).caughtUp;
  expect(await versions()).toEqual({ [bad]: 1, [good]: 2 });
  expect(await operations(log).parked()).toMatchObject([{ stream: badStream, error: { name: '22P05' } }]);
});

it('never skips an event of newer code, not even of a stream that waits', async () => {
  const history = twoConversations();
  const { log, add } = await logWith(history.events);
  const runner = run(log, failingAt(refusesTitle));
  await runner.caughtUp;
  const [newer] = history.events.slice(-1);
  if (newer) await add([{ ...newer, type: 'ConversationFolded' }]);
  await expect.poll(() => failures).toMatchObject([{ code: 'UNKNOWN_EVENT' }]);
});

it('asks nothing of what is parked for a batch that is good', async () => {
  const { log, add } = await logWith([]);
  const asked: string[] = [];
  const noting: Db = {
    ...db,
    tx: (work) => db.tx((tx) => work({ query: (sql, params) => (asked.push(sql), tx.query(sql, params)) })),
  };
  const runner = startRunner({ log, db: noting, projection: core, onFailure: (error) => failures.push(error) });
  runners.push(runner);
  await runner.caughtUp;
  asked.length = 0;
  await add(twoConversations().events);
  await expect.poll(versions).toEqual({ [bad]: 5, [good]: 3 });
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((sql) => sql.includes('.parked'))).toEqual([]);
});

describe('whatever events are refused, and however the log is cut', () => {
  const conversations = [0x001, 0x002, 0x123, 0xfff].flatMap((bucket) => [idOf(10, bucket), idOf(20, bucket)]);
  const walk = fc.array(fc.record({ which: fc.nat({ max: 7 }), isBad: fc.boolean() }), { minLength: 1, maxLength: 40 });

  it('the view holds what came before them in their streams, and after a retry all', async () => {
    await fc.assert(
      fc.asyncProperty(walk, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), async (steps, cuts) => {
        const history = createHistory();
        conversations.forEach((id) => history.start(id));
        for (const { which, isBad } of steps) history.rename(conversations[which] ?? '', isBad ? 'refused' : 'fine');
        const first = new Map<string, number>();
        for (const event of history.events) {
          const isBad = JSON.stringify(event.data).includes('refused');
          if (isBad && !first.has(event.stream)) first.set(event.stream, event.version);
        }
        const { log } = await logWith(history.events);
        await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
        notices = [];
        let cut = 0;
        let isMended = false;
        const inPieces = inCuts(log, () => cuts[cut++ % cuts.length] ?? 1);
        const runner = run(
          inPieces,
          failingAt((event) => !isMended && refusesTitle(event)),
        );
        await runner.caughtUp;
        const all = Object.fromEntries(
          conversations.map((id) => [id, history.events.filter(({ stream }) => stream.endsWith(id)).length]),
        );
        const before = conversations.map((id) => [id, (first.get(`conversation-${id}`) ?? (all[id] ?? 0) + 1) - 1]);
        expect(await versions()).toEqual(Object.fromEntries(before));
        isMended = true;
        for (const stream of first.keys()) await runner.retry(stream);
        expect(await versions()).toEqual(all);
        for (const id of conversations) {
          const told = spans(id);
          expect(told.map(([from]) => from)).toEqual([0, ...told.slice(0, -1).map(([, to]) => to)]);
        }
        await stopAll();
      }),
      { numRuns: 15 },
    );
    expect(failures).toEqual([]);
  });
});
