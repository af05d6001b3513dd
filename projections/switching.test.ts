import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Position } from '../commands/command.js';
import type { Chunk, Cursor } from '../commands/log/log.js';
import type { Envelope } from '../domain/event.js';
import { type Uuid, bucketOf, homeOf, inBucket, timedId } from '../domain/ids.js';
import { beginBeside, switchViews } from './beside.js';
import { openFeed } from './feed.js';
import { openGeneration } from './generations.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import type { Db } from './readmodel/db.js';
import { type Runner, startRunner } from './runner.js';
import { createSides } from './sides.js';
import { readStanding } from './standing.js';
import { PARTITIONS, createHistory, idOf, logWith, openDatabase, project, rowsOf } from './testing.js';

// Readers, writers and watchers go on while one generation takes another's place, and notice nothing.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

let failures: unknown[] = [];
let notices: CoreNotice[] = [];
let runner: Runner | undefined;
beforeEach(() => {
  [failures, notices] = [[], []];
});
afterEach(() => runner?.stop());

async function dropAll(): Promise<void> {
  const { rows } = await db.query<{ name: string }>(`SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^rm'`);
  for (const { name } of rows) await db.query(`DROP SCHEMA ${name} CASCADE`);
}

/** Begins on an empty view of a log with these events. */
async function begin(events: readonly Envelope[]) {
  await runner?.stop();
  await dropAll();
  notices = [];
  const { log, add } = await logWith(events);
  const started = startRunner({
    log,
    db,
    projection: core,
    onCommit: (told) => notices.push(...told),
    onFailure: (error) => failures.push(error),
    onTrouble: (error) => failures.push(error),
  });
  runner = started;
  await started.caughtUp;
  return { log, add, runner: started };
}

const settled = async (of: Runner): Promise<void> => {
  await expect.poll(async () => String((await of.rebuilding())?.phase), { timeout: 110_000 }).toMatch(/kept|undefined/);
};

/** Of each conversation, from where to where its notices tell. */
function expectToldOnce(events: readonly Envelope[]): void {
  const ends = new Map<Uuid, number>();
  for (const notice of notices) {
    if (!('to' in notice)) continue;
    const { id } = notice.conversation;
    expect([id, notice.from]).toEqual([id, ends.get(id) ?? 0]);
    ends.set(id, notice.to);
  }
  for (const [id, end] of ends) {
    expect([id, end]).toEqual([id, events.filter(({ stream }) => stream === `conversation-${id}`).length]);
  }
}

const conversations = [0x001, 0x002, 0x7ff, 0xfff].map((bucket) => idOf(10, bucket));

/** Four conversations that grow by a message at a time. */
function createTalk() {
  const histories = conversations.map((id) => {
    const history = createHistory(parseInt(id.slice(-3), 16));
    history.start(id);
    return { history, id };
  });
  const events = histories.flatMap(({ history }) => history.events);
  const counts = conversations.map(() => 0);
  return {
    events,
    /** The next message of a conversation. */
    say: (which: number): Envelope => {
      const talk = histories[which % histories.length];
      if (!talk) throw new Error('nobody to talk');
      const seq = (counts[which % histories.length] = (counts[which % histories.length] ?? 0) + 1);
      const message = inBucket(
        timedId(1_770_000_000_000 + seq, new Uint8Array(16).fill(which % 4), 0),
        bucketOf(talk.id),
      );
      talk.history.post(talk.id, message, null, seq);
      const event = talk.history.events.at(-1);
      if (!event) throw new Error('nothing said');
      events.push(event);
      return event;
    },
  };
}

describe('a switch under load', () => {
  it('fails no read, tears none, and shows nobody less than was reached before', async () => {
    const talk = createTalk();
    for (let n = 0; n < 400; n++) talk.say(n);
    const { log, add, runner: running } = await begin(talk.events);
    let isOver = false;
    const counted = { reads: 0, failed: 0, torn: 0, behind: 0, writes: 0 };

    const write = async (): Promise<void> => {
      for (let n = 0; !isOver; n++, counted.writes++) {
        await add([talk.say(n)]);
        // Often enough that a fast database has a load, too, before all switches are over.
        await sleep(5);
      }
    };
    const read = async (which: number): Promise<void> => {
      const id = conversations[which] ?? '';
      const home = homeOf(`conversation-${id}`, PARTITIONS);
      for (let least = 0; !isOver; counted.reads++) {
        const end: Position = { partition: home, offset: await log.end(home) };
        const isShown = await running.reached(end, 20);
        try {
          // Everything of the conversation, and the checkpoint, in one statement.
          const { rows } = await db.query<{ next: number; last: number; count: number }>(
            `SELECT cp.next_offset AS next, c.last_seq AS last,
               (SELECT count(*) FROM core.messages m WHERE m.home = $1 AND m.conversation = $2) AS count
             FROM core.checkpoints cp JOIN core.conversations c ON c.home = cp.home WHERE cp.home = $1 AND c.id = $2`,
            [home, id],
          );
          const [row] = rows;
          if (!row || row.last !== row.count) counted.torn += 1;
          if ((row?.next ?? 0) < least || (isShown && (row?.next ?? 0) < end.offset)) counted.behind += 1;
          least = row?.next ?? least;
        } catch {
          counted.failed += 1;
        }
        await sleep(20);
      }
    };
    const going = Promise.all([write(), ...conversations.map((_, which) => read(which))]);

    await running.rebuild();
    await settled(running);
    const switched: unknown[] = [await running.rebuilding()];
    for (let n = 0; n < 4; n++) {
      await running.switchTo('kept');
      switched.push(await running.rebuilding());
    }
    isOver = true;
    await going;
    expect(switched).toMatchObject([2, 1, 2, 1, 2].map((live) => ({ phase: 'kept', live })));
    expect(counted).toMatchObject({ failed: 0, torn: 0, behind: 0 });
    expect(counted.reads).toBeGreaterThan(20);
    expect(counted.writes).toBeGreaterThan(20);
    for (let home = 0; home < PARTITIONS; home++) {
      expect(await running.reached({ partition: home, offset: await log.end(home) }, 10_000)).toBe(true);
    }
    expectToldOnce(talk.events);
    expect(failures).toEqual([]);
  }, 240_000);
});

describe('whatever comes between batches, rebuilds, switches and switches back', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ does: fc.constant('say' as const), n: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('rebuild', 'switch', 'switch', 'cancel', 'wait') }) },
  );

  it('the view is a fold of the log, and each change was told once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
        const talk = createTalk();
        const { log, add, runner: running } = await begin([...talk.events]);
        const pass = (error: unknown): void => expect(error).toMatchObject({ name: 'OperationError' });
        await running.rebuild();
        for (const [at, { does, ...more }] of steps.entries()) {
          if (does === 'say' && 'n' in more) await add(Array.from({ length: more.n }, (_, n) => talk.say(at + n)));
          if (does === 'rebuild') await running.rebuild().catch(pass);
          if (does === 'switch') {
            await settled(running);
            await running.switchTo('kept').catch(pass);
          }
          if (does === 'cancel') await running.cancel().catch(pass);
          if (does === 'wait') await running.reached({ partition: 0, offset: await log.end(0) }, 5_000);
        }
        await settled(running);
        for (let home = 0; home < PARTITIONS; home++) {
          expect(await running.reached({ partition: home, offset: await log.end(home) }, 5_000)).toBe(true);
        }
        expectToldOnce(talk.events);
        const rows = await rowsOf(db, core);
        await running.stop();
        await db.query('DROP SCHEMA rm CASCADE');
        await project(db, core, log);
        expect(rows).toEqual(await rowsOf(db, core));
        expect(failures).toEqual([]);
      }),
      { numRuns: 8 },
    );
  }, 240_000);
});

describe('a switch by another process', () => {
  const talking = 1;
  const id = conversations[talking] ?? '';
  const home = homeOf(`conversation-${id}`, PARTITIONS);

  /** A view whose generation 2 comes first at all homes, held step by step. Notes the versions that are applied. */
  async function aboutToSwitch() {
    await dropAll();
    const applied: number[] = [];
    const projection: Projection<CoreNotice> = {
      ...core,
      apply: (events, stage) => {
        applied.push(...events.map(({ event }) => event.version));
        return core.apply(events, stage);
      },
    };
    /** May hold a statement up. */
    const gate: { hold?: (sql: string, params: readonly unknown[]) => Promise<void> | undefined } = {};
    const used: Db = {
      ...db,
      query: async (sql, params = []) => {
        await gate.hold?.(sql, params);
        return db.query(sql, params);
      },
    };
    const talk = createTalk();
    talk.say(talking);
    const { log, add } = await logWith(talk.events);
    const generation = await openGeneration(used, projection, log);
    const first = openFeed({ log, db: used, projection, generation });
    let isReopened = false;
    const reopen = (): void => {
      isReopened = true;
    };
    const sides = createSides({ log, db: used, projection, first, reopen, clock: Date.now });
    const chunkAt = async (from: Cursor): Promise<Chunk> => {
      for await (const chunk of log.read(home, from)) return chunk;
      throw new Error('there is nothing');
    };
    const homes = Array.from({ length: PARTITIONS }, (_, each) => each);
    for (const each of homes) {
      await sides.enter(each);
      for await (const chunk of log.read(each, first.at(each))) await sides.apply(each, chunk, () => undefined);
    }
    await beginBeside(used, projection, log, 0);
    const feed = await sides.open(2);
    if (!feed) throw new Error('there is no second generation');
    for (const each of homes) {
      await feed.enter(each);
      for await (const chunk of log.read(each, feed.at(each))) await feed.take(each, chunk);
      await sides.lead(feed, each);
    }
    applied.length = 0;
    const say = async (): Promise<void> => add([talk.say(talking)]);
    return {
      sides,
      feed,
      gate,
      applied,
      say,
      chunkAt,
      /** As another process does it, of which this one hears. */
      switchOver: async (): Promise<void> => {
        expect(await switchViews(db, projection, generation, feed.generation, 0)).toBe(true);
        expect(sides.follow(await readStanding(db, 'core'))).toBe(true);
        expect(sides.live()).toBe(feed);
      },
      expectFold: async (): Promise<void> => {
        expect(isReopened).toBe(false);
        const rows = await rowsOf(db, core);
        await dropAll();
        await project(db, core, log);
        expect(rows).toEqual(await rowsOf(db, core));
      },
    };
  }

  it('while a home enters what comes first there has every batch come to that once', async () => {
    const { sides, gate, applied, say, chunkAt, switchOver, expectFold } = await aboutToSwitch();
    await sides.leave(home);
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    const isThere = new Promise<void>((resolve) => {
      gate.hold = (sql, params) => {
        if (!/UPDATE rm_core_g2.checkpoints SET term/.test(sql) || params[0] !== home) return undefined;
        resolve();
        return held;
      };
    });
    const entering = sides.enter(home);
    await isThere;
    await switchOver();
    go();
    expect(await entering).toBe(true);
    expect(sides.leads(home)).toBe(false);
    await say();
    const before = sides.live().at(home);
    expect(await sides.apply(home, await chunkAt(before), () => undefined)).toBe(1);
    expect(applied).toEqual([3]);
    await expectFold();
  });

  it('to what is further than where a reader began has it take only what lies behind that', async () => {
    const { sides, feed, applied, say, chunkAt, switchOver, expectFold } = await aboutToSwitch();
    const began = sides.live().at(home);
    await say();
    // The process that had the home was killed between the two.
    await feed.take(home, await chunkAt(began));
    await switchOver();
    expect(await sides.apply(home, await chunkAt(began), () => undefined)).toBe(0);
    expect(applied).toEqual([3]);
    await say();
    expect(await sides.apply(home, await chunkAt(began), () => undefined)).toBe(1);
    expect(applied).toEqual([3, 4]);
    await expectFold();
  });
});
