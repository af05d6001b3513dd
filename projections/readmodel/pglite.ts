import { closeSync, existsSync, openSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import manifest from '../../package.json' with { type: 'json' };
import { type Db, DbError, type Queryable, type Rows } from './db.js';

// Rows are what the statement says they are: whoever asks names their type beside the SQL.
type Answer<Row> = Rows<Row> & { readonly command?: string };
type Reply = { id: number; rows?: readonly never[]; count?: number; command?: string; error?: string; code?: string };
type Waiting = { resolve: (answer: Answer<never>) => void; reject: (error: unknown) => void };

const version = manifest.dependencies['@electric-sql/pglite'];
const template = fileURLToPath(new URL(`../../node_modules/.cache/pglite-${version}.tar.gz`, import.meta.url));

/** Stands beside a folder whose database failed while it ran: it is not to be trusted again. */
const markOf = (dir: string): string => `${dir}.unusable`;

/** That it stands there is all that it says: on a full disk there is room for that, at the most. */
function mark(dir: string): void {
  try {
    closeSync(openSync(markOf(dir), 'w'));
  } catch {
    // Then the folder opens cleanly next time, or does not.
  }
}

/** Without room for a segment of its own log (16 MB), a statement may never come to an end. */
const SEGMENT = 16 << 20;
/** After so many ms without an answer it is asked whether that is why. */
const STUCK_MS = 10_000;

const hasRoom = (dir: string): boolean => {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize >= SEGMENT;
};

/**
 * Opens PGlite in a thread of its own, in a folder or, without one, in memory. Throws DB_UNUSABLE when the folder does
 * not open cleanly. Nothing in it is precious: every read model is rebuilt from the log.
 */
export async function openPglite(dir?: string): Promise<Db> {
  const thread = new Worker(new URL('./pglite-worker.mjs', import.meta.url), {
    workerData: { dir, template },
    execArgv: [], // It is plain JavaScript, and whatever loads the TypeScript here only slows it down.
  });
  const waiting = new Map<number, Waiting>();
  let sent = 0;
  let isOpen = false;
  let ended: DbError | undefined;

  const end = (reason: DbError): void => {
    ended ??= reason;
    clearInterval(watch);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  /** Class XX is damaged data; DB_UNUSABLE is a thread that broke. Neither heals by itself. */
  const checkDamage = (fault: DbError): void => {
    if (isOpen && dir !== undefined && /^(XX|DB_UNUSABLE)/.test(fault.code)) mark(dir);
    if (fault.code === 'DB_UNUSABLE') end(fault);
  };
  let heard = Date.now();
  const watch = setInterval(() => {
    if (dir === undefined || waiting.size === 0 || Date.now() - heard < STUCK_MS || hasRoom(dir)) return;
    checkDamage(new DbError('DB_UNUSABLE', 'The disk is full, and they do not answer any more.'));
  }, STUCK_MS / 2).unref();
  thread.on('message', ({ id, rows = [], count = 0, command, error, code = 'DB_UNUSABLE' }: Reply) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    heard = Date.now();
    if (error === undefined) {
      asked?.resolve(command === undefined ? { rows, count } : { rows, count, command });
      return;
    }
    const fault = new DbError(code, error);
    asked?.reject(fault);
    checkDamage(fault);
  });
  thread.on('error', (error) => checkDamage(new DbError('DB_UNUSABLE', String(error))));
  thread.on('exit', () => end(new DbError('DB_UNUSABLE', 'The thread of the read models has ended.')));

  const expect = (id: number): Promise<Answer<never>> =>
    new Promise((resolve, reject) => {
      if (waiting.size === 0) heard = Date.now();
      if (ended) reject(ended);
      else waiting.set(id, { resolve, reject });
    });
  const post = <Row extends object>(sql?: string, params: readonly unknown[] = []): Promise<Answer<Row>> => {
    sent += 1;
    const answer = expect(sent);
    if (!ended) thread.postMessage({ id: sent, sql, params });
    return answer;
  };

  // One session serves all: whoever is in a transaction holds it.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = line.then(work);
    line = turn.catch(() => undefined);
    return turn;
  };

  const tx = async <T>(work: (tx: Queryable) => Promise<T>): Promise<T> => {
    await post('BEGIN');
    let over = false;
    try {
      const result = await work({
        // A statement that comes late would run outside of any transaction, or in somebody else's.
        query: async (sql, params) => {
          if (over) throw new DbError('DB_TX_OVER', 'This transaction is over: await everything that runs in it.');
          return post(sql, params);
        },
      });
      over = true;
      const { command } = await post('COMMIT');
      // So Postgres answers where a statement failed and nobody minded: nothing was written.
      if (command === 'ROLLBACK') throw new DbError('DB_ROLLED_BACK', 'A statement of this transaction failed.');
      return result;
    } catch (error) {
      over = true;
      await post('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };

  try {
    await expect(0);
    await post('SELECT count(*) FROM pg_class');
    isOpen = true;
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  return {
    query: (sql, params) => inLine(() => post(sql, params)),
    tx: (work) => inLine(() => tx(work)),
    close: () =>
      inLine(async () => {
        if (!ended) await post().catch(() => undefined);
        end(new DbError('DB_CLOSED', 'The read models are closed.'));
        await thread.terminate();
      }),
  };
}

/**
 * Opens the folder, and makes it anew where it does not open or failed when it was last open. A first database is made
 * beside its place and moved there whole, so that a kill in the middle leaves nothing half.
 */
export async function openOrRecreate(dir: string): Promise<Db> {
  const remove = (path: string): void => rmSync(path, { recursive: true, force: true });
  if (existsSync(dir) && !existsSync(markOf(dir))) {
    try {
      return await openPglite(dir);
    } catch (error) {
      if (!(error instanceof DbError)) throw error;
    }
  }
  const making = `${dir}.new`;
  remove(dir);
  remove(making);
  await (await openPglite(making)).close();
  renameSync(making, dir);
  remove(markOf(dir));
  return openPglite(dir);
}
