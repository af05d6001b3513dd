import { afterAll, beforeAll, expect, it } from 'vitest';
import { core } from '../readmodel/core/core.js';
import type { Db } from '../readmodel/db.js';
import { openPglite } from '../readmodel/pglite.js';
import { logWith, project, richHistory } from '../testing.js';
import { announce } from './announce.js';
import { memorySessions } from './memory.js';

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

it('tells the watchers of a conversation and of the sidebar of who started it, and of a mark only the latter', async () => {
  const { history, first } = richHistory();
  const sessions = memorySessions({ now: Date.now });
  const heard = new Map<string, unknown[]>();
  for (const topic of [`conversation:${first}`, `inbox:${history.user}`, 'inbox:somebody else']) {
    heard.set(topic, []);
    await sessions.attach(topic, (notice) => heard.get(topic)?.push(notice));
  }
  const { log } = await logWith(history.events);
  await project(db, core, log, (notices) => announce(sessions, notices));
  await expect.poll(() => heard.get(`inbox:${history.user}`)).toHaveLength(3);

  const [row] = (await db.query('SELECT version, last_seq FROM core.conversations WHERE NOT deleted')).rows;
  expect(row).toEqual({ version: 9, last_seq: 4 });
  const whole = { from: 0, to: 9, conversation: { id: first, version: 9, lastSeq: 4 } };
  expect(heard.get(`conversation:${first}`)).toMatchObject([{ ...whole, messages: [{ seq: 1 }, { seq: 2 }, {}, {}] }]);
  expect(heard.get(`inbox:${history.user}`)).toMatchObject([
    whole,
    { conversation: { deleted: true }, people: [history.user] },
    { membership: { conversation: first, person: history.user, readSeq: 3 } },
  ]);
  expect(heard.get('inbox:somebody else')).toEqual([]);
});
