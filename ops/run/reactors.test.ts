import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryChannel } from '../../commands/channel/memory.js';
import { type Draft, createClient } from '../../commands/client/client.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { createOpener } from '../../commands/keys/opener.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import { memorySnapshots } from '../../commands/snapshots/memory.js';
import type { Wait } from '../../commands/wait.js';
import { PARTITIONS, ada, history, nextId, openLog, random, waitTurns } from '../../commands/worker/testing.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE } from '../../domain/catalogue.js';
import { contentOf, conversationKey, personKey } from '../../domain/content.js';
import { type Uuid, bucketOf, streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { core } from '../../projections/readmodel/core/core.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import type { Db } from '../../projections/readmodel/db.js';
import { caughtUpBy, reachedBy } from '../../projections/reached.js';
import { followObligations } from '../../projections/readmodel/obligations/follow.js';
import { obligations, relationsReader, watchObligations } from '../../projections/readmodel/obligations/obligations.js';
import { announceObligations } from '../../projections/sessions/announce.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { startRunner } from '../../projections/runner.js';
import { memorySessions } from '../../projections/sessions/memory.js';
import { branchReader } from './branch.js';
import { startReactors } from './reactors.js';

// Everything that the log promises, kept over the real views, as a process wires them.

const bob = clientId(2, 0x900);
const folder = mkdtempSync(join(tmpdir(), 'verbatim-promises-'));
const keys = cacheKeys({ keys: openKeys({ file: join(folder, 'keys.db'), random }), now: Date.now });
const opener = createOpener({ keys });
const log = openLog();
const channel = memoryChannel({ partitions: PARTITIONS });
const failures: unknown[] = [];
const onFailure = (error: unknown): void => {
  failures.push(error);
};
const wait: Wait = (ms, signal) => sleep(ms < 1_000 ? 1 : ms, undefined, { signal }).catch(() => undefined);
const client = createClient({ channel, keys, partitions: PARTITIONS, now: Date.now, random, wait });
const snapshots = memorySnapshots(STATE);
const worker = startWorker({ log, snapshots, source: channel, now: Date.now, random, wait: waitTurns, onFailure });

let db: Db;
beforeAll(async () => {
  db = await openPglite();
  await worker.ready;
});
afterAll(async () => {
  await worker.stop();
  await db.close();
  await log.close();
  await keys.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The read side of one process, and its reactors, which begin when it is ready: unless told otherwise, caught up. */
function startProcess(name: number, ready?: Promise<unknown>) {
  const coreRunner = startRunner({ log, db, projection: core, onFailure });
  const watch = watchObligations(db);
  const runner = startRunner({ log, db, projection: obligations, onCommit: watch.told, onFailure });
  const queries = coreQueries({ db, partitions: PARTITIONS, reached: coreRunner.reached });
  const reactors = startReactors(ready ?? coreRunner.caughtUp, {
    obligations: watch.port(runner),
    relations: relationsReader(db, runner),
    branch: branchReader(queries, opener),
    client,
    destroyKey: keys.destroy,
    live: memorySessions({ now: Date.now }),
    executor: clientId(900 + name),
    lives: async () => false,
    now: Date.now,
    wait,
    onFailure,
  });
  return {
    started: reactors.started,
    stop: async (): Promise<void> => {
      await reactors.stop();
      await Promise.all([coreRunner.stop(), runner.stop()]);
    },
  };
}

const send = async (draft: Draft): Promise<void> => {
  const sent = await client.send(draft);
  if (sent.status !== 'accepted') throw new Error(JSON.stringify(sent));
};
const register = (person: Uuid): Promise<void> =>
  send({
    id: nextId(person),
    actor: person,
    key: personKey(person),
    stream: streamOf('user', person),
    type: 'RegisterUser',
    data: { name: { plain: 'A name', content: contentOf.name(person) }, chars: 6 },
  });

let made = 0;
async function ask(person: Uuid, expires: string | null = null): Promise<Uuid> {
  const [id, message, reply] = [0, 1, 2].map((n) => clientId(7_000 + 3 * made + n, bucketOf(person)));
  made += 1;
  if (!id || !message || !reply) throw new Error('no ids');
  const plain = 'Plan a trip to Rome for us. We like trains.';
  const parts = [{ type: 'text' as const, text: { plain, content: contentOf.part(message, 0) }, chars: plain.length }];
  const title = { plain: 'New', content: contentOf.title(id) };
  await send({
    id: nextId(person),
    actor: person,
    key: expires === null ? personKey(person) : conversationKey(id),
    stream: streamOf('conversation', id),
    type: 'StartConversation',
    data: { message, reply, parts, title, chars: 3, expires },
  });
  return id;
}

/** How often something is in the log, by its type. */
async function tally(): Promise<Readonly<Record<string, number>>> {
  const homes = await Promise.all(Array.from({ length: PARTITIONS }, (_, home) => history(log, home)));
  const counts: Record<string, number> = {};
  for (const { type } of homes.flatMap(({ events }) => events)) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

const owed = async (): Promise<number> => (await db.query('SELECT id FROM obligations.owed')).count;

it('is done once, over the views in a database, and not again when they are lost', async () => {
  const first = startProcess(1);
  await first.started;
  await register(ada);
  await register(bob);
  const theirs = await ask(bob);
  const own = await ask(ada);
  const brief = await ask(ada, new Date(Date.now() + 500).toISOString());
  await send({
    id: nextId(theirs),
    actor: bob,
    stream: streamOf('conversation', theirs),
    type: 'AddMember',
    data: { user: ada, role: 'writer' },
  });
  const told = { MembershipJoined: 1, MembershipTold: 1, ConversationExpired: 1, ConversationPurged: 1 };
  await expect.poll(tally, { timeout: 20_000 }).toMatchObject(told);
  // The third one may have expired before its title was found.
  await expect.poll(async () => (await tally())['ConversationRenamed'], { timeout: 20_000 }).toBeGreaterThan(1);
  await expect.poll(owed, { timeout: 20_000 }).toBe(0);
  const { rows } = await db.query<{ title: { key: string; content: string; box: string } }>(
    'SELECT title FROM core.conversations WHERE id = $1',
    [own],
  );
  const titles = rows.map(({ title }) => ({ sealed: title, content: contentOf.title(own) }));
  expect(await opener.open(titles)).toEqual(['Plan a trip to Rome for us']);

  await send({ id: nextId(), actor: ada, stream: streamOf('user', ada), type: 'EraseUser', data: { by: ada } });
  await expect.poll(tally, { timeout: 20_000 }).toMatchObject({ MemberErased: 3, ErasureCompleted: 1 });
  await expect.poll(owed, { timeout: 20_000 }).toBe(0);
  expect(await opener.open(titles)).toEqual([null]);
  expect(await keys.find([personKey(ada), conversationKey(brief)])).toEqual(new Map());
  const done = await tally();
  await first.stop();

  await db.query('DROP SCHEMA rm CASCADE');
  const second = startProcess(2);
  await second.started;
  await sleep(200);
  expect(await owed()).toBe(0);
  expect(await tally()).toEqual(done);
  await second.stop();
  // A reply that was running when its conversation expired has ended without its text. Nothing else went wrong.
  expect(failures.filter((error) => !/^Error: the end of reply .* was erased/.test(String(error)))).toEqual([]);
});

it('is left alone by a process that stops before it is ready, which does not wait for that', async () => {
  let arrive: () => void = () => undefined;
  const before = failures.length;
  const ready = new Promise<void>((resolve) => (arrive = resolve));
  const early = startProcess(3, ready);
  await early.stop();
  await ask(bob);
  arrive();
  await early.started;
  expect(await tally()).toMatchObject({ ReplyRequested: 4 });
  expect((await tally())['ReplyStarted']).toBe(3);
  expect(failures.length).toBe(before);
});

it('is done once where two processes keep it that do not run the views', async () => {
  const sessions = memorySessions({ now: Date.now });
  const before = await tally();
  const asked = failures.length;
  const coreRunner = startRunner({ log, db, projection: core, onFailure });
  const runner = startRunner({
    log,
    db,
    projection: obligations,
    sessions,
    onCommit: (changes) => announceObligations(sessions, changes),
    onFailure,
  });
  const assistants = [4, 5].map((name) => {
    // A handle of its own, as in a process of its own.
    const handle: Db = { ...db };
    const reached = reachedBy({ db: handle, view: 'obligations', sessions, wait });
    const queries = coreQueries({
      db: handle,
      partitions: PARTITIONS,
      reached: reachedBy({ db: handle, view: 'core', sessions, wait }),
    });
    const caughtUp = caughtUpBy({ log, reached });
    return startReactors(caughtUp, {
      obligations: followObligations({ db: handle, sessions, caughtUp, wait, onTrouble: onFailure }),
      relations: relationsReader(handle, { reached }),
      branch: branchReader(queries, opener),
      client,
      destroyKey: keys.destroy,
      live: sessions,
      executor: clientId(900 + name),
      lives: async () => true,
      now: Date.now,
      wait,
      onFailure,
    });
  });
  await Promise.all(assistants.map(({ started }) => started));
  for (let n = 0; n < 4; n++) await ask(bob);
  const count = (type: string, counts: Readonly<Record<string, number>>): number => counts[type] ?? 0;
  // The one that was asked for and left alone above is done as well.
  await expect
    .poll(async () => count('ConversationRenamed', await tally()) - count('ConversationRenamed', before), {
      timeout: 30_000,
    })
    .toBe(5);
  await expect.poll(owed, { timeout: 20_000 }).toBe(0);
  const after = await tally();
  for (const type of ['ReplyStarted', 'ReplyCompleted', 'TitleStarted']) {
    expect([type, count(type, after) - count(type, before)]).toEqual([type, 5]);
  }
  await Promise.all(assistants.map((reactors) => reactors.stop()));
  await Promise.all([coreRunner.stop(), runner.stop()]);
  sessions.close();
  expect(failures.slice(asked)).toEqual([]);
});
