import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Leases, createLeases } from './leases.js';
import { createLeaseTables } from './leases-table.js';
import { type Db, DbError } from './readmodel/db.js';
import { LEASE_MS, shares } from './shared-testing.js';
import { PARTITIONS, idOf, openDatabase } from './testing.js';
import type { Wait } from './wait.js';

describe('whether another process lives', () => {
  let db: Db;
  beforeAll(async () => {
    db = await openDatabase();
  });
  afterAll(() => db.close());
  let now = 0;
  let isDown = false;
  let all: Leases[] = [];
  beforeEach(async () => {
    await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
    [now, isDown] = [0, false];
  });
  afterEach(async () => {
    isDown = false;
    await Promise.all(all.map((each) => each.stop()));
    all = [];
  });

  /** One that looks when it begins, and then only when it is asked. */
  const join = (name: number): Leases => {
    const used: Db = {
      ...db,
      query: (sql, params) =>
        isDown ? Promise.reject(new DbError('DB_RESTARTED', 'It is down.')) : db.query(sql, params),
    };
    const never: Wait = (_, signal) =>
      new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
    const joined = createLeases({
      db: used,
      log: idOf(99),
      holder: idOf(name),
      lease: LEASE_MS,
      clock: () => now,
      wait: never,
    });
    all.push(joined);
    return joined;
  };
  const step = LEASE_MS / 4;

  it('is seen of one that only attends, until it stops or says nothing for the time of a lease; it gets no homes', async () => {
    const [one, other, third] = [join(1), join(2), join(3)];
    await createLeaseTables(db);
    expect(await other.lives(idOf(1))).toBe(false);
    await one.attend();
    third.homes('core', PARTITIONS);
    await expect.poll(() => shares(db)).toEqual({ [idOf(3)]: PARTITIONS });
    for (let said = 0; said < 8; said++, now += step) {
      expect(await other.lives(idOf(1))).toBe(true);
      await one.attend();
    }
    const seen: boolean[] = [];
    for (let silent = 0; silent < 6; silent++, now += step) seen.push(await other.lives(idOf(1)));
    // The first look hears what was said last.
    expect(seen).toEqual([true, true, true, true, false, false]);
    await one.attend();
    expect(await other.lives(idOf(1))).toBe(true);
    await one.stop();
    expect(await other.lives(idOf(1))).toBe(false);
    expect(await shares(db)).toEqual({ [idOf(3)]: PARTITIONS });
  });

  it('is not told by a time in which nobody could be heard', async () => {
    const [one, other] = [join(1), join(2)];
    await one.attend();
    expect(await other.lives(idOf(1))).toBe(true);
    isDown = true;
    for (let lost = 0; lost < 8; lost++, now += step) {
      await expect(other.lives(idOf(1))).rejects.toMatchObject({ code: 'DB_RESTARTED' });
    }
    isDown = false;
    const seen: boolean[] = [];
    for (let silent = 0; silent < 5; silent++, now += step) seen.push(await other.lives(idOf(1)));
    expect(seen).toEqual([true, true, true, true, false]);
  });
});
