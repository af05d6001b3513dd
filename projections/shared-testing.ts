import type { Log } from '../commands/log/log.js';
import type { Envelope } from '../domain/event.js';
import { type Uuid, bucketOf, inBucket, timedId } from '../domain/ids.js';
import { createLeases } from './leases.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import { type Db, DbError } from './readmodel/db.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { startRunner } from './runner.js';
import { createHistory, idOf } from './testing.js';
import { wait } from './wait.js';

/** How long one that says nothing keeps its homes here, in ms. */
export const LEASE_MS = 3_000;

/** A process among others that run the views of one database. */
export function startProcess(options: {
  readonly name: number;
  readonly log: Log;
  readonly db: Db;
  readonly projection?: Projection<CoreNotice>;
}) {
  const { name, log, projection = core } = options;
  const failures: unknown[] = [];
  const troubles: unknown[] = [];
  const notices: CoreNotice[] = [];
  let isDead = false;
  const alive = <T>(work: () => Promise<T>): Promise<T> =>
    isDead ? Promise.reject(new DbError('DB_CLOSED', 'The process is dead.')) : work();
  const db: Db = {
    ...options.db,
    query: (sql, params) => alive(() => options.db.query(sql, params)),
    tx: (work) =>
      alive(() => options.db.tx((tx) => work({ query: (sql, params) => alive(() => tx.query(sql, params)) }))),
  };
  const holder = idOf(name);
  const leases = createLeases({ db, log: log.id, holder, lease: LEASE_MS, clock: () => performance.now(), wait });
  const common = {
    log,
    db,
    leases,
    onFailure: (error: unknown) => failures.push(error),
    onTrouble: (error: unknown) => troubles.push(error),
  };
  const runner = startRunner({ ...common, projection, onCommit: (told) => notices.push(...told) });
  const owed = startRunner({ ...common, projection: obligations });
  return {
    holder,
    runner,
    owed,
    failures,
    troubles,
    notices,
    /** As by kill -9: it writes nothing more, and says nothing. */
    kill: (): void => {
      isDead = true;
    },
    stop: async (): Promise<void> => {
      await Promise.all([runner.stop(), owed.stop()]);
      await leases.stop();
    },
  };
}

export type Process = ReturnType<typeof startProcess>;

/** How many homes each process has, of all views. */
export async function shares(db: Db): Promise<Record<Uuid, number>> {
  const { rows } = await db.query<{ holder: Uuid | null; count: number }>(
    'SELECT holder, count(*) AS count FROM rm.leases GROUP BY holder',
  );
  return Object.fromEntries(rows.map(({ holder, count }) => [holder ?? 'nobody', count]));
}

/** A conversation in each of four homes. */
export const conversations = [0x001, 0x7ff, 0x802, 0xfff].map((bucket) => idOf(10, bucket));

/** Conversations that grow by a message at a time. */
export function createTalk() {
  const histories = conversations.map((id) => {
    const history = createHistory(bucketOf(id));
    history.start(id);
    return { history, id, count: 0 };
  });
  const events = histories.flatMap(({ history }) => history.events);
  return {
    events,
    /** The next message of a conversation, and a reply that is owed to it. */
    say: (which: number): readonly Envelope[] => {
      const talk = histories[which % histories.length];
      if (!talk) throw new Error('nobody to talk');
      talk.count += 2;
      const [message, reply] = [talk.count - 1, talk.count].map((n) =>
        inBucket(timedId(1_770_000_000_000 + n, new Uint8Array(16).fill(which % 4), 0), bucketOf(talk.id)),
      );
      if (!message || !reply) throw new Error('nothing said');
      talk.history.post(talk.id, message, null, talk.count - 1);
      talk.history.request(talk.id, reply, message, talk.count);
      const said = talk.history.events.slice(-2);
      events.push(...said);
      return said;
    },
  };
}
