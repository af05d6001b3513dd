import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Db, DbError } from '../../projections/readmodel/db.js';
import { mendingDb } from './mending.js';

const rows = { rows: [], count: 0 };

/** Databases that are opened one after the other; each can be broken, and the next one fail to open. */
function openings() {
  const opened: { broken: boolean; closed: boolean }[] = [];
  const said: string[] = [];
  let refuse = 0;
  const open = async (): Promise<Db> => {
    if (refuse-- > 0) throw new Error('no room');
    const state = { broken: false, closed: false };
    opened.push(state);
    const use = (): void => {
      if (state.broken) throw new DbError('XX000', 'broken');
    };
    return {
      query: async () => (use(), rows),
      tx: async (work) => (use(), work({ query: async () => rows })),
      close: async () => {
        state.closed = true;
      },
    };
  };
  const db = mendingDb({ open, wait: () => turn(), say: (line) => said.push(line) });
  return {
    db,
    opened,
    said,
    breakIt: (failures = 0): void => {
      refuse = failures;
      for (const state of opened) state.broken = true;
    },
  };
}

const restarted = { name: 'DbError', code: 'DB_RESTARTED' };

it('opens its database again when that breaks, however often that fails, and says so', async () => {
  const { db, opened, said, breakIt } = openings();
  expect(await db.query('SELECT 1')).toEqual(rows);
  breakIt(2);
  await expect(db.query('SELECT 1')).rejects.toMatchObject(restarted);
  await expect(db.tx(async () => 1)).rejects.toMatchObject(restarted);
  await expect.poll(() => opened.length).toBe(2);
  await expect.poll(() => db.query('SELECT 1').catch(() => undefined)).toEqual(rows);
  expect(opened.map(({ closed }) => closed)).toEqual([true, false]);
  expect(said).toEqual([
    'the read models start again: broken',
    'the read models cannot start yet: no room',
    'the read models cannot start yet: no room',
  ]);
  await db.close();
  expect(opened.map(({ closed }) => closed)).toEqual([true, true]);
});

it('fails once in each session after a restart, whoever noticed it', async () => {
  const { db, opened, breakIt } = openings();
  const sessions = [db.session(), db.session()];
  for (const session of sessions) await session.query('SELECT 1');
  breakIt();
  await expect(db.query('SELECT 1')).rejects.toMatchObject(restarted);
  await expect.poll(() => opened.length).toBe(2);
  for (const session of sessions) {
    await expect(session.query('SELECT 1')).rejects.toMatchObject(restarted);
    expect(await session.query('SELECT 1')).toEqual(rows);
  }
  await db.close();
});

it('tells of a restart without being asked anything, until nobody listens', async () => {
  const { db, opened, breakIt } = openings();
  let told = 0;
  const unwatch = db.onRestart(() => told++);
  await db.query('SELECT 1');
  for (const open of [2, 3]) {
    breakIt();
    await expect(db.query('SELECT 1')).rejects.toMatchObject(restarted);
    await expect.poll(() => opened.length).toBe(open);
    await turn();
    expect(told).toBe(1);
    unwatch();
  }
  await db.close();
});
