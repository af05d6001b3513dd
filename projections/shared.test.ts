import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import type { Envelope } from '../domain/event.js';
import { homeOf } from '../domain/ids.js';
import { openGeneration } from './generations.js';
import { readLag } from './lag.js';
import { createOperations } from './operations.js';
import { core } from './readmodel/core/core.js';
import type { Db } from './readmodel/db.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { type Process, conversations, createTalk, shares, startProcess } from './shared-testing.js';
import { PARTITIONS, idOf, logWith, openDatabase, project, rowsOf } from './testing.js';
import { viewsElsewhere } from './views.js';

// Several processes run the homes of the same views, come, go and die, and nobody reads anything but the fold of the log.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

let processes: Process[] = [];
beforeEach(async () => {
  const { rows } = await db.query<{ name: string }>(
    `SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^rm|^core$|^obligations$'`,
  );
  for (const { name } of rows) await db.query(`DROP SCHEMA ${name} CASCADE`);
});
afterEach(async () => {
  await Promise.all(processes.map((each) => each.stop()));
  processes = [];
});

const start = (name: number, log: Log, projection = core): Process => {
  const begun = startProcess({ name, log, db, projection });
  processes.push(begun);
  return begun;
};
const caughtUp = (...all: readonly Process[]) =>
  Promise.all(all.flatMap(({ runner, owed }) => [runner.caughtUp, owed.caughtUp]));

const shared = async (expected: Record<string, number>): Promise<void> => {
  await expect.poll(() => shares(db), { timeout: 60_000 }).toEqual(expected);
};

/** No view is behind the log any more. */
const lag = async (log: Log): Promise<number> =>
  (await Promise.all(['core', 'obligations'].map((view) => readLag(db, log, view))))
    .flat()
    .reduce((sum, { behind }) => sum + behind, 0);

/** The views hold what one process folds from the log that nobody disturbs. */
async function expectFold(log: Log): Promise<void> {
  await expect.poll(() => lag(log), { timeout: 60_000 }).toBe(0);
  const there = [await rowsOf(db, core), await rowsOf(db, obligations)];
  await Promise.all(processes.map((each) => each.stop()));
  await db.query('DELETE FROM rm.generations');
  await project(db, core, log);
  await project(db, obligations, log);
  expect(there).toEqual([await rowsOf(db, core), await rowsOf(db, obligations)]);
}

describe('several processes', () => {
  it('that begin at once on an empty database have one of them make the view', async () => {
    const { log } = await logWith([]);
    const begun = await Promise.all(Array.from({ length: 6 }, () => openGeneration(db, core, log)));
    expect(begun.map(({ schema }) => schema)).toEqual(begun.map(() => 'rm_core_g1'));
  });

  it('share the homes evenly; one that stops leaves its own at once, one that is killed after its lease', async () => {
    const talk = createTalk();
    const { log, add } = await logWith(talk.events);
    const [a, b] = [start(1, log), start(2, log)];
    await caughtUp(a, b);
    await shared({ [a.holder]: PARTITIONS, [b.holder]: PARTITIONS });
    const c = start(3, log);
    await caughtUp(c);
    await expect
      .poll(async () => Object.values(await shares(db)).toSorted((one, other) => one - other), { timeout: 60_000 })
      .toEqual([2, 3, 3]);
    for (let n = 0; n < 8; n++) await add(talk.say(n));
    await a.stop();
    await shared({ [b.holder]: PARTITIONS, [c.holder]: PARTITIONS });
    for (let n = 0; n < 8; n++) await add(talk.say(n));
    b.kill();
    await shared({ [c.holder]: 2 * PARTITIONS });
    for (let n = 0; n < 8; n++) await add(talk.say(n));
    expect([a.failures, c.failures]).toEqual([[], []]);
    await expectFold(log);
  }, 240_000);

  it('apply and tell every event once while the homes move between them', async () => {
    const talk = createTalk();
    const { log, add } = await logWith(talk.events);
    const told: Process[] = [];
    let isOver = false;
    const write = async (): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        await add(talk.say(n));
        await sleep(20);
      }
    };
    told.push(start(1, log));
    const writing = write();
    for (const name of [2, 3, 4]) {
      const joined = start(name, log);
      told.push(joined);
      await expect.poll(async () => (await shares(db))[joined.holder] ?? 0, { timeout: 60_000 }).toBeGreaterThan(1);
      await told.at(-2)?.stop();
    }
    isOver = true;
    await writing;
    await expect.poll(() => lag(log), { timeout: 60_000 }).toBe(0);
    for (const id of conversations) {
      const spans = told
        .flatMap(({ notices }) => notices)
        .flatMap((notice) =>
          'to' in notice && notice.conversation.id === id ? [[notice.from, notice.to] as const] : [],
        )
        .toSorted(([one], [other]) => one - other);
      expect(spans.map(([from]) => from)).toEqual([0, ...spans.slice(0, -1).map(([, to]) => to)]);
      expect(spans.at(-1)?.[1]).toBe(talk.events.filter(({ stream }) => stream === `conversation-${id}`).length);
    }
    expect(told.flatMap(({ failures }) => failures)).toEqual([]);
    await expectFold(log);
  }, 240_000);

  it('make again what says who has what, where that is lost, and go on', async () => {
    const talk = createTalk();
    const { log, add } = await logWith(talk.events);
    const [a, b] = [start(1, log), start(2, log)];
    await caughtUp(a, b);
    await shared({ [a.holder]: PARTITIONS, [b.holder]: PARTITIONS });
    await db.query(`DELETE FROM rm.leases WHERE home > 0 AND view = 'core'`);
    for (let n = 0; n < 8; n++) await add(talk.say(n));
    await shared({ [a.holder]: PARTITIONS, [b.holder]: PARTITIONS });
    await expectFold(log);
  }, 240_000);

  it('of older code stop where newer code has made the tables, and say so; those do not give way', async () => {
    const { log } = await logWith(createTalk().events);
    const old = start(1, log);
    await caughtUp(old);
    const newer = start(2, log, { ...core, schema: core.schema + 1 });
    await caughtUp(newer);
    await expect.poll(() => old.failures, { timeout: 60_000 }).toMatchObject([{ code: 'NEWER_VIEW' }]);
    const again = start(3, log);
    await expect(again.runner.caughtUp).rejects.toMatchObject({ code: 'NEWER_VIEW' });
    expect(newer.failures).toEqual([]);
    expect((await rowsOf(db, core))['conversations']).toHaveLength(conversations.length);
  }, 240_000);

  it('over another log are refused while the first ones live, and begin anew when those are gone', async () => {
    const { log } = await logWith(createTalk().events);
    const first = start(1, log);
    await caughtUp(first);
    const { log: other } = await logWith([], idOf(77));
    const early = start(2, other);
    await expect(early.runner.caughtUp).rejects.toMatchObject({ code: 'ANOTHER_LOG' });
    expect(first.failures).toEqual([]);
    await early.stop();
    first.kill();
    const late = start(3, other);
    await caughtUp(late);
    expect((await rowsOf(db, core))['conversations']).toEqual([]);
  }, 240_000);
});

describe('a rebuild by several processes', () => {
  /** Reads and writes as long as it is told to, and counts what must not be. */
  function load(add: (events: readonly Envelope[]) => Promise<void>, talk: ReturnType<typeof createTalk>) {
    let isOver = false;
    const counted = { reads: 0, failed: 0, torn: 0, back: 0, writes: 0 };
    const faults: unknown[] = [];
    const write = async (): Promise<void> => {
      for (let n = 0; !isOver; n++, counted.writes++) {
        await add(talk.say(n));
        await sleep(40);
      }
    };
    const read = async (id: string): Promise<void> => {
      const home = homeOf(`conversation-${id}`, PARTITIONS);
      for (let least = 0; !isOver; counted.reads++) {
        try {
          const { rows } = await db.query<{ next: number; last: number; count: number }>(
            `SELECT cp.next_offset AS next, c.last_seq AS last,
               (SELECT count(*) FROM core.messages m WHERE m.home = $1 AND m.conversation = $2) AS count
             FROM core.checkpoints cp JOIN core.conversations c ON c.home = cp.home WHERE cp.home = $1 AND c.id = $2`,
            [home, id],
          );
          const [row] = rows;
          if (!row || row.last !== row.count) counted.torn += 1;
          if ((row?.next ?? 0) < least) counted.back += 1;
          least = row?.next ?? least;
        } catch (error) {
          counted.failed += 1;
          faults.push(error);
        }
        await sleep(50);
      }
    };
    const going = Promise.all([write(), ...conversations.map(read)]);
    return {
      end: async () => {
        isOver = true;
        await going;
        return { counted, faults };
      },
    };
  }

  it.each([
    ['all of them live', false],
    ['one is killed in the middle', true],
  ])(
    'switches, and back, while people read and write, and %s',
    async (_, isKilled) => {
      const talk = createTalk();
      for (let n = 0; n < 200; n++) talk.say(n);
      const { log, add } = await logWith(talk.events);
      const [a, b, c] = [start(1, log), start(2, log), start(3, log)];
      await caughtUp(a, b, c);
      const under = load(add, talk);
      await a.runner.rebuild();
      const phase = async () => String((await a.runner.rebuilding())?.phase);
      await expect.poll(phase, { timeout: 90_000, interval: 20 }).toMatch(/verifying|kept/);
      if (isKilled) b.kill();
      await expect.poll(async () => (await a.runner.rebuilding())?.phase, { timeout: 110_000 }).toBe('kept');
      expect(await a.runner.rebuilding()).toMatchObject({ live: 2, generation: 1 });
      await c.runner.switchTo('kept');
      expect(await a.runner.rebuilding()).toMatchObject({ live: 1, generation: 2 });
      await a.runner.switchTo('kept');
      expect(await c.runner.rebuilding()).toMatchObject({ live: 2, generation: 1 });
      const { counted, faults } = await under.end();
      expect(faults).toEqual([]);
      expect(counted).toMatchObject({ failed: 0, torn: 0, back: 0 });
      expect(counted.reads).toBeGreaterThan(20);
      expect([a.failures, c.failures]).toEqual([[], []]);
      await expectFold(log);
    },
    240_000,
  );

  it('that is cancelled ends everywhere, and leaves nothing behind', async () => {
    const talk = createTalk();
    for (let n = 0; n < 100; n++) talk.say(n);
    const { log, add } = await logWith(talk.events);
    const [a, b] = [start(1, log), start(2, log)];
    await caughtUp(a, b);
    // As in a process that runs no view.
    const operators = createOperations({ log, db, runners: viewsElsewhere({ log, db, clock: Date.now }) });
    await operators.rebuild('core');
    await operators.cancel('core');
    expect(await operators.rebuilding('core')).toBeUndefined();
    await expect(operators.rebuild('nothing')).rejects.toMatchObject({ code: 'UNKNOWN_VIEW' });
    const there = await db.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'rm_core_g2'`);
    expect(there.rows).toEqual([]);
    for (let n = 0; n < 8; n++) await add(talk.say(n));
    expect([a.failures, b.failures]).toEqual([[], []]);
    await expectFold(log);
  }, 240_000);
});
