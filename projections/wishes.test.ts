import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { wishBeside } from './beside.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import type { Db } from './readmodel/db.js';
import { type Runner, startRunner } from './runner.js';
import { PARTITIONS, createHistory, idOf, logWith, openDatabase } from './testing.js';
import { createWishes } from './wishes.js';

// What operators want in the moment in which a rebuild goes live.

let real: Db;
beforeAll(async () => {
  real = await openDatabase();
});
afterAll(() => real.close());

/** Happens when all rows are compared, and the last home is held: the next thing is the switch. */
let beforeSwitch: (() => Promise<void>) | undefined;
let isCompared = false;
const lastTable = core.tables.at(-1)?.name ?? '';
const query: Db['query'] = async (sql, params = []) => {
  if (sql.includes(`md5(`) && sql.includes(`rm_core_g2.${lastTable} `)) isCompared = params[0] === PARTITIONS - 1;
  if (isCompared && beforeSwitch && sql.includes('FROM rm_core_g2.checkpoints')) {
    const happens = beforeSwitch;
    beforeSwitch = undefined;
    await happens();
  }
  return real.query(sql, params);
};

let refuses = false;
const projection: Projection<CoreNotice> = {
  ...core,
  apply: async (events, stage) => {
    if (refuses && events.some(({ event }) => event.type === 'ConversationRenamed')) throw new TypeError('cannot fold');
    return core.apply(events, stage);
  },
};

let runner: Runner;
let elsewhere: ReturnType<typeof createWishes>;
const stream = `conversation-${idOf(10)}` as const;
beforeEach(async () => {
  [beforeSwitch, isCompared, refuses] = [undefined, false, true];
  await real.query('DROP SCHEMA IF EXISTS rm CASCADE');
  const history = createHistory();
  history.start(idOf(10));
  history.rename(idOf(10));
  const { log } = await logWith(history.events);
  const db = { ...real, query };
  const fail = (error: unknown): never => {
    throw error;
  };
  runner = startRunner({ log, db, projection, onFailure: fail, onTrouble: fail });
  elsewhere = createWishes({ log, db: real, projection, look: () => undefined, clock: Date.now });
  await runner.caughtUp;
});
afterEach(async () => {
  await runner.stop();
  for (const n of [1, 2]) await real.query(`DROP SCHEMA IF EXISTS rm_core_g${n} CASCADE`);
});

const until = async (sql: string): Promise<void> => {
  while ((await real.query(sql)).rows.length === 0) await sleep(5);
};
const live = async () => (await real.query('SELECT generation FROM rm.generations')).rows;
const besideIs = async (phase: string): Promise<void> => {
  await expect.poll(async () => (await runner.rebuilding())?.phase).toBe(phase);
};

describe('in the moment of the switch', () => {
  it('a rebuild that is cancelled does not go live', async () => {
    let cancelled: Promise<void> | undefined;
    beforeSwitch = async () => {
      cancelled = runner.cancel();
      await until(`SELECT 1 FROM rm.beside WHERE wish = 'drop'`);
    };
    await runner.rebuild();
    await expect.poll(() => cancelled !== undefined).toBe(true);
    await cancelled;
    expect(await live()).toEqual([{ generation: 1 }]);
    expect(await runner.rebuilding()).toBeUndefined();
  });

  it('a retry is not taken for refused because the generation in which it was asked for is not live any more', async () => {
    let retried: Promise<void> | undefined;
    beforeSwitch = async () => {
      refuses = false;
      retried = runner.retry(stream);
      await until('SELECT 1 FROM rm_core_g1.parked WHERE wanted');
    };
    await runner.rebuild();
    await expect.poll(() => retried !== undefined).toBe(true);
    await retried;
    // It may have been tried before the switch, in both, or after it.
    await expect.poll(live).toEqual([{ generation: 2 }]);
    expect((await real.query('SELECT 1 FROM core.parked')).rows).toEqual([]);
  });
});

it('a wish names its generation: what has taken its place meanwhile is left alone', async () => {
  await runner.rebuild();
  await besideIs('kept');
  expect(await wishBeside(real, 'core', 2, 'drop', ['kept'])).toBe(false);
  expect(await wishBeside(real, 'core', 1, 'none', ['kept'])).toBe(true);
});

it('a cancel that somebody else overrules with a switch says that it cannot be had', async () => {
  await runner.rebuild();
  await besideIs('kept');
  const cancelled = elsewhere.cancel().catch((error: unknown) => error);
  await until(`SELECT 1 FROM rm.beside WHERE wish = 'drop'`);
  await runner.switchTo('kept');
  expect(await cancelled).toMatchObject({ code: 'NO_REBUILD' });
  expect(await live()).toEqual([{ generation: 1 }]);
});
