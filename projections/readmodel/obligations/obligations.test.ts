import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change, Obligation } from '../../../commands/reactors/reactor.js';
import { personKey } from '../../../domain/content.js';
import { derivedId } from '../../../domain/ids.js';
import { startRunner } from '../../runner.js';
import { createHistory, idOf, logWith, openDatabase, richHistory } from '../../testing.js';
import { type Db, DbError } from '../db.js';
import { obligations, watchObligations } from './obligations.js';

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

async function watch(events: Parameters<typeof logWith>[0]) {
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  const { log, add } = await logWith(events);
  const watched = watchObligations(db);
  const failures: unknown[] = [];
  const runner = startRunner({
    log,
    db,
    projection: obligations,
    onCommit: watched.told,
    onFailure: (error) => failures.push(error),
  });
  const changes: Change[] = [];
  await watched.port(runner).watch((change) => changes.push(change));
  return { changes, add, failures, stop: () => runner.stop() };
}

const named = (changes: readonly Change[]): readonly string[] =>
  changes.map((change) => {
    if ('ended' in change) return `ended ${change.ended}`;
    return 'attempt' in change ? `${change.id} ${change.attempt}` : change.id;
  });

describe('obligations', () => {
  it('lists what stands open once it has caught up: what ended is not among it', async () => {
    const { history } = richHistory();
    const { changes, stop, failures } = await watch(history.events);
    expect(changes.map((change) => 'stopping' in change && [change.id, change.stopping])).toEqual([
      [idOf(22), true],
      [idOf(14), false],
    ]);
    expect(changes[0]).toMatchObject({
      conversation: idOf(20),
      parent: idOf(21),
      key: personKey(history.user),
      attempt: 0,
    });
    expect(failures).toEqual([]);
    await stop();
  });

  it('misses nothing that happens while it lists, and does not bring back what ended meanwhile', async () => {
    await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
    const { history } = richHistory();
    const { log, add } = await logWith(history.events);
    const before = history.events.length;
    history.begin(idOf(20), idOf(22), 1);
    history.endStopped(idOf(20), idOf(22), 1);
    history.request(idOf(10), idOf(15), idOf(13), 5);
    // The list is read, and only then, before it is told, everything else happens.
    const late: Db = {
      ...db,
      query: async (sql, params) => {
        const listed = await db.query<never>(sql, params);
        if (sql.includes('ORDER BY r.next_offset')) {
          await add(history.events.slice(before));
          await runner.reached({ partition: 0, offset: await log.end(0) }, 5_000);
        }
        return listed;
      },
    };
    const watched = watchObligations(late);
    const runner = startRunner({
      log,
      db,
      projection: obligations,
      onCommit: watched.told,
      onFailure: () => undefined,
    });
    const open = new Map<string, Obligation>();
    await watched.port(runner).watch((change) => {
      if ('ended' in change) open.delete(change.ended);
      else open.set(change.id, change);
    });
    expect([...open.keys()].toSorted()).toEqual([idOf(14), idOf(15)]);
    expect(open.get(idOf(15))).toMatchObject({ parent: idOf(13), position: { partition: 0 } });
    await runner.stop();
  });

  it('keeps one row for each open reply, and none for an ended one', async () => {
    const { history } = richHistory();
    history.begin(idOf(20), idOf(22), 1);
    const { stop } = await watch(history.events);
    const ended = history.events.length;
    expect((await db.query('SELECT id FROM obligations.owed')).count).toBe(2);
    await stop();
    history.fail(idOf(20), idOf(22), 1);
    history.complete(idOf(10), idOf(14), 1);
    expect(history.events.length).toBe(ended + 2);
    const after = await watch(history.events);
    // The first conversation has a name, the second one is deleted: neither is owed a title.
    expect((await db.query('SELECT id FROM obligations.owed')).count).toBe(0);
    expect(after.changes).toEqual([]);
    await after.stop();
  });

  it('says where in the log the request stands, for from there on the branch can be read', async () => {
    const { history } = richHistory();
    const { changes, stop } = await watch(history.events);
    const place = history.events.findIndex(
      (event) => event.type === 'ReplyRequested' && event.stream.endsWith(idOf(20)),
    );
    // Before the events stand the identity of the log and a takeover.
    expect(changes[0]).toMatchObject({ id: idOf(22), position: { partition: 0, offset: 2 + place + 1 } });
    await stop();
  });

  it('tells each change as it comes', async () => {
    const history = createHistory();
    const [conversation, reply] = [idOf(30), idOf(32)];
    history.start(conversation);
    history.post(conversation, idOf(31), null, 1);
    const { changes, add, stop } = await watch(history.events);
    const before = history.events.length;
    history.request(conversation, reply, idOf(31), 2);
    history.begin(conversation, reply, 1);
    history.complete(conversation, reply, 1);
    for (const event of history.events.slice(before)) {
      const known = changes.length;
      await add([event]);
      await expect.poll(() => changes.length).toBeGreaterThan(known);
    }
    const title = derivedId(conversation, 'title');
    expect(named(changes)).toEqual([`${reply} 0`, `${reply} 1`, `${title} 0`, `ended ${reply}`]);
    await stop();
  });

  it('tells after trouble what was committed without an answer: what is new, and what is over', async () => {
    await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
    const { history } = richHistory();
    const { log, add } = await logWith(history.events);
    const before = history.events.length;
    history.begin(idOf(20), idOf(22), 1);
    history.endStopped(idOf(20), idOf(22), 1);
    history.request(idOf(10), idOf(15), idOf(13), 5);
    let lost = false;
    const forgetful: Db = {
      ...db,
      tx: async (work) => {
        const done = await db.tx(work);
        if (lost) throw new DbError('DB_RESTARTED', 'the answer is lost');
        return done;
      },
    };
    const watched = watchObligations(db);
    const runner = startRunner({
      log,
      db: forgetful,
      projection: obligations,
      onCommit: watched.told,
      onFailure: () => undefined,
      onAgain: () => void watched.again(),
    });
    const changes: Change[] = [];
    await watched.port(runner).watch((change) => changes.push(change));
    const known = changes.length;
    lost = true;
    await add(history.events.slice(before));
    await expect.poll(async () => (await db.query('SELECT 1 FROM obligations.owed')).count, { timeout: 9_000 }).toBe(2);
    lost = false;
    await expect
      .poll(() => named(changes.slice(known)), { timeout: 9_000 })
      .toEqual([`ended ${idOf(22)}`, `${idOf(15)} 0`]);
    await runner.stop();
  });
});
