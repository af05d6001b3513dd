import type { Wait } from '../../commands/wait.js';
import { type Db, DbError } from '../../projections/readmodel/db.js';
import { messageOf } from './errors.js';

export type MendingOptions = {
  /** Opens the database, or makes it anew where it does not open. */
  readonly open: () => Promise<Db>;
  readonly wait: Wait;
  /** Told, in a line for people, why it starts again, and why it cannot yet. */
  readonly say: (line: string) => void;
};

/** A database that is opened again when it breaks. Nothing in it is precious, so it may come back emptier than it was. */
export type MendingDb = Db & {
  /** The same for whoever builds on what it has written: the first that is asked after a restart fails with DB_RESTARTED. */
  session(): Db;
  /**
   * Told as soon as it is open again, so that whoever only waits learns of it too. Returns what ends the telling.
   */
  onRestart(listener: () => void): () => void;
};

const RETRY_MS = 1_000;

/**
 * Until it is first open, what is asked waits, so that the server can listen before. Where it breaks later (a full disk,
 * a thread that ends) what is asked fails with DB_RESTARTED until it is open again.
 */
export function mendingDb({ open, wait, say }: MendingOptions): MendingDb {
  const closing = new AbortController();
  const first = open();
  let current: Db | undefined;
  let mending: Promise<void> | undefined;
  let restarts = 0;
  const listeners = new Set<() => void>();

  const mend = async (broken: Db, why: DbError): Promise<void> => {
    say(`the read models start again: ${why.message}`);
    current = undefined;
    await broken.close().catch(() => undefined);
    while (!closing.signal.aborted) {
      await wait(RETRY_MS, closing.signal);
      try {
        current = await open();
        restarts += 1;
        for (const listener of listeners) listener();
        return;
      } catch (error) {
        say(`the read models cannot start yet: ${messageOf(error)}`);
      }
    }
  };

  const restarted = (): DbError => new DbError('DB_RESTARTED', 'The read models have started again. Ask once more.');

  const on = async <T>(work: (db: Db) => Promise<T>): Promise<T> => {
    current ??= mending ? undefined : await first;
    const db = current;
    if (!db) throw restarted();
    try {
      return await work(db);
    } catch (error) {
      const broken = error instanceof DbError && /^(XX|DB_UNUSABLE|DB_CLOSED)/.test(error.code);
      if (!broken || closing.signal.aborted) throw error;
      if (current === db) {
        mending = mend(db, error).finally(() => {
          mending = undefined;
        });
      }
      throw restarted();
    }
  };

  const over = (step: <T>(work: (db: Db) => Promise<T>) => Promise<T>): Db => ({
    query: (sql, params) => step((db) => db.query(sql, params)),
    tx: (work) => step((db) => db.tx(work)),
    close: async () => {
      closing.abort();
      await mending;
      await (current ?? (await first)).close();
    },
  });

  return {
    ...over(on),
    session: () => {
      let seen = 0;
      return over(async (work) => {
        if (seen !== restarts) {
          seen = restarts;
          throw restarted();
        }
        return on(work);
      });
    },
    onRestart: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
