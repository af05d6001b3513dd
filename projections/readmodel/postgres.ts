import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Db, DbError, type Queryable, type Rows, type Tx } from './db.js';
import { copyRows } from './postgres-copy.js';
import { faultOf, gaveWay, isStalePlan, reasonOf, unreachable } from './postgres-errors.js';
import { type Line, createLine } from './postgres-line.js';
import { createNames, valueTypes } from './postgres-values.js';

export type PostgresOptions = {
  /** postgres://user:password@host:port/database. Its `sslmode` and the like count. */
  readonly url: string;
  /** The most connections at once, beside the one for `aside`. Whoever comes when all are taken waits in line. */
  readonly pool: number;
  /** By which the server's own views name these connections. */
  readonly applicationName?: string;
  /** Told of connections that are lost, and of a server that is not reached again yet. */
  readonly onTrouble?: (error: unknown) => void;
  /** The longest that one statement may take, or a transaction may stand idle, in ms. */
  readonly patience?: number;
  /** The longest that anybody waits in line, in ms. */
  readonly linePatience?: number;
};

export type PostgresDb = Db & {
  /** Asks on one connection more, past the line: for what is short and must not wait behind bulk work, as signs of life. */
  readonly aside: Queryable;
  /**
   * Told when a connection was lost and the server answers again, and before anything is asked of a server that was
   * started since: after a failover the last commits may be gone. Returns what ends the telling.
   */
  onRestart(listener: () => void): () => void;
};

const PATIENCE_MS = 60_000;
const LINE_MS = 10_000;
/** How much longer than the server this side waits for an answer: where none comes, nobody is there any more. */
const SLACK_MS = 5_000;
const CONNECT_MS = 10_000;
const RETRY_MS = 500;
/** How often a lone statement is asked again after it gave way to another one. */
const MOST_TRIES = 5;
const OLDEST = 150_000;

type Greeting = { standby: boolean; started: string; version: number };
const GREETING = `SELECT pg_is_in_recovery() AS standby, pg_postmaster_start_time()::text AS started,
  current_setting('server_version_num')::int AS version`;

/**
 * Postgres, or the coordinator of Citus, through a pool of connections; a statement is prepared once on each, so that
 * what stands between must not change connections under a session. Resolves once the server has answered; throws
 * DB_UNUSABLE where it does not, is too old, or is a standby. From then on a lost connection is never the end: what was
 * asked on it fails with DB_RESTARTED, a commit too, and nothing is known of it. Who waits in line for too long fails with
 * DB_BUSY, and nothing was asked.
 */
export async function openPostgres(options: PostgresOptions): Promise<PostgresDb> {
  const { url, onTrouble = () => undefined, patience = PATIENCE_MS, linePatience = LINE_MS } = options;
  const where = placeOf(url);
  const pool = new pg.Pool({
    connectionString: url,
    max: options.pool + 1,
    application_name: options.applicationName ?? 'verbatim',
    types: valueTypes(),
    // What stands here can be made again from the log, so that nobody waits for the server's disk. What cannot says so.
    options: '-c TimeZone=UTC -c synchronous_commit=off',
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: patience,
    query_timeout: patience + SLACK_MS,
    idle_in_transaction_session_timeout: patience,
    keepAlive: true,
    keepAliveInitialDelayMillis: CONNECT_MS,
  });
  const names = createNames();
  /** Connections that have ended, or are to. */
  const spent = new WeakSet<pg.ClientBase>();
  const eras = new WeakMap<pg.ClientBase, number>();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();
  const line = createLine(options.pool, linePatience);
  const aside = createLine(1, linePatience);
  let server: string | undefined;
  let told = 0;
  let mending: Promise<void> | undefined;

  // Without a listener each of these would end the process. Whoever uses the connection hears of it as well.
  pool.on('connect', (client) => client.on('error', () => spent.add(client)));
  pool.on('error', (error) => lose(error));

  const tell = (): void => {
    told += 1;
    for (const listener of listeners) listener();
  };

  /** Sees who is there, before anything is asked on a new connection. */
  const greet = async (client: pg.ClientBase): Promise<void> => {
    const { rows } = await client.query<Greeting>(GREETING);
    const [greeting] = rows;
    if (!greeting) throw new Error('it did not say who it is');
    if (greeting.version < OLDEST)
      throw new Error(`it has version ${greeting.version}, and 15 is the oldest that will do`);
    if (greeting.standby) throw new Error('it is a standby, which takes no writes');
    eras.set(client, names.era());
    const isAnother = server !== undefined && server !== greeting.started;
    server = greeting.started;
    if (isAnother) tell();
  };

  const connect = async (): Promise<pg.PoolClient> => {
    try {
      const client = await pool.connect();
      if (!eras.has(client)) {
        await greet(client).catch((error: unknown) => {
          client.release(true);
          throw error;
        });
      }
      return client;
    } catch (error) {
      throw unreachable(error);
    }
  };

  const on = async <T>(way: Line, work: (client: pg.PoolClient) => Promise<T>): Promise<T> => {
    await way.enter();
    try {
      const client = await connect();
      try {
        return await work(client);
      } finally {
        client.release(spent.has(client) || eras.get(client) !== names.era());
      }
    } finally {
      way.leave();
    }
  };

  const ask = async (
    client: pg.PoolClient,
    sql: string,
    params: readonly unknown[] = [],
  ): Promise<pg.QueryResult<never>> => {
    const name = names.of(sql, params);
    try {
      return await client.query<never>({ text: sql, values: [...params], ...(name !== undefined && { name }) });
    } catch (error) {
      throw failed(client, error);
    }
  };

  /** What failed on a connection, as ours; sees whether it is lost with that. */
  const failed = (client: pg.PoolClient, error: unknown): DbError => {
    if (isStalePlan(error)) {
      spent.add(client);
      return new DbError('DB_RESTARTED', 'The tables have changed under a prepared statement. Ask once more.');
    }
    const fault = faultOf(error, spent.has(client));
    if (fault.code === 'DB_RESTARTED') {
      spent.add(client);
      lose(fault);
    }
    return fault;
  };

  const lose = (why: unknown): void => {
    if (closing.signal.aborted) return;
    onTrouble(why);
    mending ??= mend().finally(() => {
      mending = undefined;
    });
  };

  /** Sees whether anybody answers. A connection on which nobody does is not asked again. */
  const hear = async (client: pg.PoolClient): Promise<void> => {
    try {
      await client.query(GREETING);
    } catch (error) {
      spent.add(client);
      throw error;
    }
  };

  const mend = async (): Promise<void> => {
    const before = told;
    while (!closing.signal.aborted) {
      try {
        await on(aside, hear);
        if (told === before) tell();
        return;
      } catch (error) {
        onTrouble(unreachable(error));
        await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  };

  const transact = async <T>(client: pg.PoolClient, work: (tx: Tx) => Promise<T>): Promise<T> => {
    // The driver takes one statement at a time; whoever asks several at once is answered in order.
    let last: Promise<unknown> = Promise.resolve();
    let over = false;
    const inTurn = <A>(asking: () => Promise<A>): Promise<A> => {
      const turn = last.then(asking);
      last = turn.catch(() => undefined);
      return turn;
    };
    const whileOn = async <A>(asking: () => Promise<A>): Promise<A> => {
      if (over) throw new DbError('DB_TX_OVER', 'This transaction is over: await everything that runs in it.');
      return inTurn(asking);
    };
    await inTurn(() => ask(client, 'BEGIN'));
    try {
      const result = await work({
        query: async (sql, params) => rowsOf(await whileOn(() => ask(client, sql, params))),
        copy: (schema, table, home, rows) =>
          whileOn(() =>
            copyRows(client, schema, table, home, rows).catch((error: unknown) => {
              throw failed(client, error);
            }),
          ),
      });
      over = true;
      const { command } = await inTurn(() => ask(client, 'COMMIT'));
      // So Postgres answers where a statement failed and nobody minded: nothing was written.
      if (command === 'ROLLBACK') throw new DbError('DB_ROLLED_BACK', 'A statement of this transaction failed.');
      return result;
    } catch (error) {
      over = true;
      await last;
      if (!spent.has(client)) await inTurn(() => ask(client, 'ROLLBACK')).catch(() => spent.add(client));
      throw error;
    }
  };

  /** Does something unless it is closed; closing waits for it. */
  const whileOpen = async <T>(work: () => Promise<T>): Promise<T> => {
    if (closing.signal.aborted) throw new DbError('DB_CLOSED', 'The database is closed.');
    const doing = work();
    running.add(doing);
    try {
      return await doing;
    } finally {
      running.delete(doing);
    }
  };

  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.allSettled(running);
    await mending;
    await pool.end();
  };
  let closed: Promise<void> | undefined;

  try {
    await on(line, hear);
  } catch (error) {
    closed = close();
    await closed;
    throw new DbError('DB_UNUSABLE', `The database ${where} cannot be used: ${reasonOf(error)}. See DATABASE_URL.`);
  }
  const through = (way: Line): Queryable => ({
    query: (sql, params) =>
      whileOpen(async () => {
        for (let tries = 1; ; tries++) {
          try {
            return rowsOf(await on(way, (client) => ask(client, sql, params)));
          } catch (error) {
            if (tries >= MOST_TRIES || !gaveWay(error)) throw error;
          }
        }
      }),
  });
  return {
    ...through(line),
    copies: true,
    aside: through(aside),
    tx: (work) => whileOpen(() => on(line, (client) => transact(client, work))),
    close: () => (closed ??= close()),
    onRestart: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const rowsOf = ({ rows, rowCount }: pg.QueryResult<never>): Rows<never> => ({ rows, count: rowCount ?? 0 });

/** Where a database is, without the password. */
function placeOf(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    if (/^postgres(ql)?:$/.test(protocol)) return `${host}${pathname}`;
  } catch {
    // Said below.
  }
  throw new DbError('DB_UNUSABLE', 'DATABASE_URL is not like postgres://user:password@host:port/database.');
}
