import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Change } from '../../../commands/reactors/reactor.js';
import type { Log } from '../../../commands/log/log.js';
import { startRunner } from '../../runner.js';
import { announceObligations } from '../../sessions/announce.js';
import { memorySessions } from '../../sessions/memory.js';
import type { Sessions } from '../../sessions/sessions.js';
import { createHistory, idOf, logWith, openDatabase } from '../../testing.js';
import { type Wait, wait } from '../../wait.js';
import type { Db } from '../db.js';
import { followObligations } from './follow.js';
import { obligations } from './obligations.js';

// What is owed, watched in a process that does not run the view of it.

let db: Db;
let sessions: Sessions;
const ends: (() => void | Promise<void>)[] = [];
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  sessions = memorySessions({ now: Date.now });
  for (const schema of ['rm', 'obligations']) await db.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  sessions.close();
});

const conversation = idOf(10);
/** Waits a fiftieth of the time. */
const quick: Wait = (ms, signal) => wait(ms / 50, signal);

const run = (log: Log, tell: (changes: readonly Change[]) => void) => {
  const runner = startRunner({
    log,
    db,
    projection: obligations,
    onCommit: tell,
    onFailure: (error) => {
      throw error;
    },
  });
  ends.push(() => runner.stop());
  return runner;
};
async function follow(caughtUp: Promise<void>, waits = wait) {
  const owed = new Set<string>();
  const told: Change[] = [];
  const troubles: unknown[] = [];
  const port = followObligations({ db, sessions, caughtUp, wait: waits, onTrouble: (error) => troubles.push(error) });
  const detach = await port.watch((change) => {
    told.push(change);
    if ('ended' in change) owed.delete(change.ended);
    else owed.add(change.id);
  });
  ends.push(detach);
  return { owed, told, troubles };
}

describe('who follows', () => {
  it('is told of what stands, and of what comes, changes and ends, by ids alone', async () => {
    const history = createHistory();
    history.start(conversation);
    history.post(conversation, idOf(11), null, 1);
    history.request(conversation, idOf(12), idOf(11), 2);
    const { log, add } = await logWith(history.events);
    const published: unknown[] = [];
    const runner = run(log, (changes) =>
      announceObligations(
        { publish: (topic, notice) => (published.push(notice), sessions.publish(topic, notice)) },
        changes,
      ),
    );
    const one = await follow(runner.caughtUp);
    const other = await follow(runner.caughtUp);
    expect([...one.owed]).toEqual([idOf(12)]);
    history.begin(conversation, idOf(12), 1);
    await add(history.events.slice(-1));
    await expect
      .poll(() => one.told.at(-1), { timeout: 10_000 })
      .toMatchObject({ kind: 'reply', id: idOf(12), attempt: 1 });
    history.fail(conversation, idOf(12), 1);
    await add(history.events.slice(-1));
    await expect.poll(() => [...one.owed, ...other.owed], { timeout: 10_000 }).toEqual([]);
    expect(one.told.at(-1)).toEqual({ ended: idOf(12) });
    expect(JSON.stringify(published)).not.toContain('reply');
    expect([one.troubles, other.troubles]).toEqual([[], []]);
  });

  it('finds by itself what nobody told of', async () => {
    const history = createHistory();
    history.start(conversation);
    history.post(conversation, idOf(11), null, 1);
    const { log, add } = await logWith(history.events);
    const { caughtUp } = run(log, () => undefined);
    const { owed } = await follow(caughtUp, quick);
    history.request(conversation, idOf(12), idOf(11), 2);
    await add(history.events.slice(-1));
    await expect.poll(() => [...owed], { timeout: 10_000 }).toEqual([idOf(12)]);
    history.fail(conversation, idOf(12), 0);
    await add(history.events.slice(-1));
    await expect.poll(() => [...owed], { timeout: 10_000 }).toEqual([]);
  });

  it('does not take for ended what a view that is filled anew does not show yet', async () => {
    const history = createHistory();
    history.start(conversation);
    history.post(conversation, idOf(11), null, 1);
    history.request(conversation, idOf(12), idOf(11), 2);
    const { log } = await logWith(history.events);
    const before = run(log, () => undefined);
    const { owed, told } = await follow(before.caughtUp, quick);
    await before.stop();
    const empty = { ...log, read: async function* () {} };
    await db.query('DROP SCHEMA rm, obligations CASCADE');
    run(empty, () => undefined);
    await wait(500);
    expect([...owed]).toEqual([idOf(12)]);
    expect(told.filter((change) => 'ended' in change)).toEqual([]);
  });
});
