import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Envelope } from '../../domain/event.js';
import { core } from '../readmodel/core/core.js';
import type { Db } from '../readmodel/db.js';
import { openPglite } from '../readmodel/pglite.js';
import { createHistory, idOf, logWith, project, richHistory } from '../testing.js';
import { announce } from './announce.js';
import { memorySessions } from './memory.js';

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

/** What is heard on some topics while a log is projected. */
async function hear(events: readonly Envelope[], topics: readonly string[]) {
  const sessions = memorySessions({ now: Date.now });
  const heard = new Map(topics.map((topic): [string, unknown[]] => [topic, []]));
  for (const topic of topics) await sessions.attach(topic, (notice) => heard.get(topic)?.push(notice));
  const { log, add } = await logWith(events);
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  const run = async (): Promise<void> => {
    await project(db, core, log, (notices) => announce(sessions, notices));
    // What was published is heard one turn later.
    await new Promise((resolve) => setImmediate(resolve));
  };
  await run();
  return {
    heard,
    /** The same once more has happened. */
    more: async (later: readonly Envelope[]): Promise<void> => {
      for (const notices of heard.values()) notices.length = 0;
      await add(later);
      await run();
    },
  };
}

it('tells the watchers of a conversation and the sidebars of its people, of a mark only the latter, of a person their own', async () => {
  const { history, first } = richHistory();
  const [conversation, inbox, person, stranger] = [
    `conversation:${first}`,
    `inbox:${history.user}`,
    `user:${history.user}`,
    'inbox:somebody else',
  ];
  const { heard } = await hear(history.events, [conversation, inbox, person, stranger]);

  const [row] = (await db.query('SELECT version, last_seq FROM core.conversations WHERE NOT deleted')).rows;
  expect(row).toEqual({ version: 9, last_seq: 4 });
  const whole = { from: 0, to: 9, conversation: { id: first, version: 9, lastSeq: 4 }, people: [history.user] };
  expect(heard.get(conversation)).toMatchObject([{ ...whole, messages: [{ seq: 1 }, { seq: 2 }, {}, {}] }]);
  expect(heard.get(inbox)).toMatchObject([
    whole,
    { conversation: { deleted: true }, people: [history.user] },
    { membership: { conversation: first, person: history.user, readSeq: 3 } },
  ]);
  expect(heard.get(person)).toMatchObject([{ user: { id: history.user, status: 'active', version: 1 } }]);
  expect(heard.get(stranger)).toEqual([]);
});

it('tells who is let in, and who is put out as the last that they hear', async () => {
  const history = createHistory();
  const [id, bob, cyd] = [idOf(10), idOf(2, 0xfff), idOf(3, 0xfff)];
  history.start(id);
  history.post(id, idOf(11), null, 1);
  history.addMember(id, bob, 'reader');
  const topics = [history.user, bob, cyd].map((person) => `inbox:${person}`);
  const [, bobs = '', cyds = ''] = topics;
  const { heard, more } = await hear(history.events, topics);
  expect([...heard.values()].map((notices) => notices.length)).toEqual([1, 1, 0]);

  const from = (n: number) => history.events.slice(n);
  history.addMember(id, cyd, 'writer');
  history.removeMember(id, bob);
  await more(from(3));
  expect([...heard.values()].map((notices) => notices.length)).toEqual([1, 1, 1]);
  expect(heard.get(bobs)).toMatchObject([
    { to: 5, people: [history.user, bob, cyd], members: [{ person: bob, removed: true }, { person: cyd }] },
  ]);

  history.post(id, idOf(12), idOf(11), 2, cyd);
  await more(from(5));
  expect(heard.get(bobs)).toEqual([]);
  expect(heard.get(cyds)).toMatchObject([{ people: [history.user, cyd], members: [{ person: cyd, postedSeq: 2 }] }]);
});
