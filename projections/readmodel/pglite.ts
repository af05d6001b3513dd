import { existsSync, renameSync, rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Db, Queryable, Rows } from './db.js';

export class DbError extends Error {
  override name = 'DbError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

// Rows are what the statement says they are: whoever asks names their type beside the SQL.
type Reply = { id: number; rows?: readonly never[]; count?: number; error?: string; code?: string };
type Waiting = { resolve: (rows: Rows<never>) => void; reject: (error: unknown) => void };

/**
 * Opens PGlite in a thread of its own, in a folder or, without one, in memory. Throws DB_UNUSABLE when the folder does
 * not open cleanly. Nothing in it is precious: every read model is rebuilt from the log.
 */
export async function openPglite(dir?: string): Promise<Db> {
  const thread = new Worker(new URL('./pglite-worker.mjs', import.meta.url), { workerData: { dir } });
  const waiting = new Map<number, Waiting>();
  let sent = 0;
  let closed: DbError | undefined;

  const fail = (error: DbError): void => {
    closed ??= error;
    for (const { reject } of waiting.values()) reject(closed);
    waiting.clear();
  };
  thread.on('message', ({ id, rows = [], count = 0, error, code }: Reply) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve({ rows, count });
    else asked?.reject(new DbError(code ?? 'DB_UNUSABLE', error));
  });
  thread.on('error', (error) => fail(new DbError('DB_UNUSABLE', String(error))));
  thread.on('exit', () => fail(new DbError('DB_CLOSED', 'The read models are closed.')));

  const expect = (id: number): Promise<Rows<never>> =>
    new Promise((resolve, reject) => {
      if (closed) reject(closed);
      else waiting.set(id, { resolve, reject });
    });
  const post = (sql?: string, params: readonly unknown[] = []): Promise<Rows<never>> => {
    sent += 1;
    const answer = expect(sent);
    if (!closed) thread.postMessage({ id: sent, sql, params });
    return answer;
  };
  const query = <Row extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<Row>> => post(sql, params);

  // One session serves all: whoever is in a transaction holds it.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = line.then(work);
    line = turn.catch(() => undefined);
    return turn;
  };

  const tx = async <T>(work: (tx: Queryable) => Promise<T>): Promise<T> => {
    await query('BEGIN');
    try {
      const result = await work({ query });
      await query('COMMIT');
      return result;
    } catch (error) {
      await query('ROLLBACK');
      throw error;
    }
  };

  try {
    await expect(0);
    await query('SELECT 1');
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  return {
    query: (sql, params) => inLine(() => query(sql, params)),
    tx: (work) => inLine(() => tx(work)),
    close: () =>
      inLine(async () => {
        await post();
        await thread.terminate();
      }),
  };
}

/**
 * Opens the folder, and makes it anew where it does not open. A first database is made beside its place and moved there
 * whole, so that a kill in the middle leaves nothing half.
 */
export async function openOrRecreate(dir: string): Promise<Db> {
  if (existsSync(dir)) {
    try {
      return await openPglite(dir);
    } catch {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  const making = `${dir}.new`;
  rmSync(making, { recursive: true, force: true });
  await (await openPglite(making)).close();
  renameSync(making, dir);
  return openPglite(dir);
}
