import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Envelope } from '../domain/event.js';
import type { Recorded } from '../domain/catalogue.js';
import { homeOf } from '../domain/ids.js';
import { type Feed, openFeed } from './feed.js';
import { openGeneration } from './generations.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import type { Db } from './readmodel/db.js';
import { PARTITIONS, createHistory, idOf, logWith, openDatabase } from './testing.js';

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());
beforeEach(() => db.query('DROP SCHEMA IF EXISTS rm CASCADE'));

const bad = idOf(10);
const stream = `conversation-${bad}`;
const home = homeOf(stream, PARTITIONS);

let refuses: (event: Recorded) => boolean = () => false;
const projection: Projection<CoreNotice> = {
  ...core,
  apply: async (events, stage) => {
    const found = events.find(({ event }) => refuses(event));
    if (found) throw new TypeError(`cannot fold ${found.event.type}`);
    return core.apply(events, stage);
  },
};

/** A log, and feeds that take what it holds at the home of it all. */
async function feedsOn(events: readonly Envelope[], used: Db = db) {
  const { log, add } = await logWith(events);
  const open = async () => {
    const feed = openFeed({ log, db: used, projection, generation: await openGeneration(db, projection, log) });
    await feed.enter(home);
    return feed;
  };
  const takeAll = async (feed: Feed<CoreNotice>): Promise<number> => {
    let taken = 0;
    for await (const chunk of log.read(home, feed.at(home))) taken += await feed.take(home, chunk);
    return taken;
  };
  return { add, open, takeAll };
}
const versions = async () =>
  (await db.query<{ version: number }>('SELECT version FROM core.conversations')).rows.map(({ version }) => version);

describe('two that fill one generation', () => {
  const parkedOne = async () => {
    refuses = ({ type }) => type === 'ConversationRenamed';
    const history = createHistory();
    history.start(bad);
    history.rename(bad);
    const feeds = await feedsOn(history.events);
    const one = await feeds.open();
    await feeds.takeAll(one);
    refuses = () => false;
    return { history, ...feeds, one };
  };

  it.each([
    ['an event that came after', true],
    ['the retry itself, a second time', false],
  ])(
    'lose nothing: who does not know that another one took over writes nothing of %s, and stops',
    async (_, isEvent) => {
      const { history, add, open, takeAll, one } = await parkedOne();
      const other = await open();
      if (!isEvent) await other.retry(home, stream);
      history.post(bad, idOf(11), null, 1);
      await add(history.events.slice(-1));
      const late = isEvent ? takeAll(one) : one.retry(home, stream);
      await expect(late).rejects.toMatchObject({ code: 'CHECKPOINT_MOVED' });
      await other.retry(home, stream);
      await takeAll(other);
      expect(await versions()).toEqual([history.events.length]);
    },
  );
});

/** A database that notes what is asked of it, and the parameters of the largest transaction. */
function noting() {
  const statements: string[] = [];
  let transactions = 0;
  const used: Db = {
    ...db,
    query: (sql, params) => {
      statements.push(sql);
      return db.query(sql, params);
    },
    tx: (work) => {
      transactions += 1;
      return db.tx(work);
    },
  };
  return { used, statements, transactions: () => transactions };
}

it('takes one after the other what brings two rows of one key, and parks neither', async () => {
  refuses = () => false;
  const [history, good] = [createHistory(), idOf(20)];
  for (const id of [bad, good]) {
    history.start(id);
    // Whoever writes two conversations may name a message in both alike.
    history.post(id, idOf(11), null, 1);
  }
  const { open, takeAll } = await feedsOn(history.events);
  const feed = await open();
  expect(await takeAll(feed)).toBe(4);
  expect(feed.parked(home)).toEqual(new Map());
  expect((await db.query('SELECT conversation FROM core.messages')).rows).toEqual([{ conversation: good }]);
});

describe('one that takes much', () => {
  it('writes what is large in several transactions, so that nobody waits for all of it', async () => {
    refuses = () => false;
    const history = createHistory();
    history.start(bad);
    for (let n = 0; n < 40; n++) history.rename(bad, 'x'.repeat(200_000));
    const { used, transactions } = noting();
    const { open, takeAll } = await feedsOn(history.events, used);
    // Each title stands there twice, as it is sealed for this test: 40 of them are about 19 MB.
    await takeAll(await open());
    expect(transactions()).toBe(3);
    expect(await versions()).toEqual([41]);
  });

  it('has statistics made as it grows, so that the database plans by what is there', async () => {
    refuses = () => false;
    const history = createHistory();
    history.start(bad);
    const { used, statements } = noting();
    const { add, open, takeAll } = await feedsOn(history.events, used);
    const feed = await open();
    const analyzed = () => statements.filter((sql) => /^ANALYZE \S+\.messages$/.test(sql)).length;
    expect(await takeAll(feed)).toBe(1);
    expect(analyzed()).toBe(0);
    for (let n = 0; n < 10_000; n++) history.rename(bad);
    await add(history.events.slice(1));
    expect(await takeAll(feed)).toBe(10_000);
    expect(analyzed()).toBe(1);
    expect(
      await db.query(`SELECT 1 FROM pg_stats WHERE schemaname ~ '^rm_core' AND tablename = 'conversations'`),
    ).not.toEqual({ rows: [], count: 0 });
  });
});
