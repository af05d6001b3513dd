import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { STATE } from '../../../domain/catalogue.js';
import { onServer } from '../../run/database.js';

// What is held from outside, by locks on rows in Postgres, and who stands still there.

/** Whose transaction stands still: a process by the name of its connection, what stands for it in the server, and where. */
export type Held = {
  readonly member: string;
  readonly pid: number;
  /** The row at which it waits, as its ctid. */
  readonly row: string | null;
};

export type Hold = {
  /** Waits until a transaction that has such a statement under way stands still here. Undefined: none came in `patience` ms. */
  met(statement: string, patience: number): Promise<Held | undefined>;
  /** Whether that transaction still stands still here. Nothing of it is committed then. */
  isStill(held: Held): Promise<boolean>;
  /** Lets go of the rows. */
  release(): Promise<void>;
  /** Waits until it has done all that it was asked, and is neither committed nor rolled back. False: it did not come to that. */
  isOpen(held: Held, patience: number): Promise<boolean>;
};

type Row = Readonly<Record<string, unknown>>;

const LOOK_MS = 20;

/**
 * Locks the rows that a query finds, and does something meanwhile. Rejects where the server does not answer. Where it goes
 * down meanwhile, nothing is held any more, as `isStill` tells.
 */
export async function holding<T>(
  url: string,
  lock: { readonly sql: string; readonly params: readonly unknown[] },
  work: (hold: Hold, rows: readonly Row[]) => Promise<T>,
): Promise<T> {
  return onServer(url, (watcher) =>
    onServer(url, async (holder) => {
      await holder.query(`BEGIN; SET LOCAL lock_timeout = '3s'`);
      const { rows } = await holder.query<Row>(`${lock.sql} FOR UPDATE`, [...lock.params]);
      return work(await holdOf(holder, watcher), rows);
    }),
  );
}

async function holdOf(holder: pg.Client, watcher: pg.Client): Promise<Hold> {
  const { rows: me } = await holder.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const standing = async (where: string, params: readonly unknown[]): Promise<Held | undefined> => {
    // Who waits for a row has a place in the line at it.
    const { rows } = await watcher.query<Held>(
      `SELECT a.application_name AS member, a.pid, (
         SELECT format('(%s,%s)', l.page, l.tuple) FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'tuple' LIMIT 1
       ) AS row FROM pg_stat_activity a WHERE ${where}`,
      [...params],
    );
    return rows[0];
  };
  const here = (more: string, param: unknown): Promise<Held | undefined> =>
    standing(`$1 = ANY(pg_blocking_pids(a.pid)) AND ${more}`, [me[0]?.pid, param]);
  const soon = async <T>(patience: number, look: () => Promise<T | undefined>): Promise<T | undefined> => {
    for (const end = performance.now() + patience; performance.now() < end; await sleep(LOOK_MS)) {
      const found = await look();
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    met: (statement, patience) => soon(patience, () => here('a.query LIKE $2', statement)),
    isStill: async ({ pid }) => (await here('a.pid = $2', pid)) !== undefined,
    release: async () => {
      await holder.query('ROLLBACK');
    },
    isOpen: async ({ pid }, patience) =>
      (await soon(patience, () => standing(`a.pid = $1 AND a.state = 'idle in transaction'`, [pid]))) !== undefined,
  };
}

/**
 * Stands in the way of the next flush of every home, at the last that it does: it deletes outcomes that are old, and here is
 * one that it may not delete. By then it has written all the rest, and has committed nothing. Tells which home a row is of.
 */
export async function holdingFlush<T>(
  url: string,
  homes: number,
  work: (hold: Hold, homeOf: (held: Held) => number) => Promise<T>,
): Promise<T> {
  const params = [homes, STATE, `nemesis ${randomUUID()}`];
  await onServer(url, (client) =>
    client.query(
      `INSERT INTO worker.outcomes (home, state, name, hash, outcome, log_offset, at)
       SELECT home, $2, $3, '', '', 0, '1970' FROM generate_series(0, $1 - 1) AS home`,
      params,
    ),
  );
  // A flush that came in between has deleted its own.
  const sql = 'SELECT home, ctid::text FROM worker.outcomes WHERE home < $1 AND state = $2 AND name = $3';
  return holding(url, { sql, params }, (hold, rows) =>
    work(hold, ({ row }) => Number(rows.find(({ ctid }) => ctid === row)?.['home'])),
  );
}

/** The statement of a flush that comes to stand there. */
export const LAST_OF_FLUSH = 'DELETE FROM worker.outcomes % AND at < $3';

/** The statement by which a view moves the checkpoint of a home. The view of obligations begins its transaction with it. */
export const MOVE_OF_OBLIGATIONS = 'UPDATE rm_obligations_g%.checkpoints SET next_offset = %';

/** The statement by which a process says that it lives. */
export const SIGN_OF_LIFE = 'INSERT INTO rm.holders VALUES %';
