import { setTimeout as sleep } from 'node:timers/promises';
import { type Db, DbError, type Queryable } from './readmodel/db.js';

/** How often a change of what is there is tried, and how long it waits in between, in ms, at most. */
const TRIES = 60;
const PAUSE_MS = 150;

/**
 * Whether a change of what is there met somebody else: they make the same at the same moment (23505, 42P06, 42P07, 42710,
 * XX000), or hold what it needs (40P01, 55P03). Tried again, it finds what the others did, or they are done.
 */
const met = (error: unknown): boolean =>
  error instanceof DbError &&
  (/^(23505|42P06|42P07|42710|40P01|55P03|40001)$/.test(error.code) ||
    (error.code === 'XX000' && /concurrently|cache lookup failed/.test(error.message)));

/** Tries again what may meet somebody else who changes what is there. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!met(error) || tries >= TRIES) throw error;
      // Those who met do not meet again in step.
      await sleep(1 + ((tries * 37 + process.pid * 13) % PAUSE_MS));
    }
  }
}

/**
 * A transaction that makes, drops or replaces tables and views. It waits for a lock less long than it takes until the
 * database looks for a deadlock, so that it is this one that yields and never a reader or a writer, and then tries again.
 */
export const changing = <T>(db: Db, work: (tx: Queryable) => Promise<T>): Promise<T> =>
  again(() =>
    db.tx(async (tx) => {
      await tx.query(`SET LOCAL lock_timeout = '400ms'`);
      return work(tx);
    }),
  );
