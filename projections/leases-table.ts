import type { Uuid } from '../domain/ids.js';
import { again } from './changing.js';
import type { Queryable } from './readmodel/db.js';
import type { Lease, Pair } from './sharing.js';

// Where processes that share homes find each other: who lives, and who has what. All of it may be lost at any moment: it is
// made again, and that nobody writes what is another one's is held by the checkpoints alone.

/** A process as it last said that it lives: `beat` is another number each time. `views` that it runs, over which `log`. */
export type Beat = {
  readonly holder: Uuid;
  readonly log: Uuid;
  readonly views: readonly string[];
  readonly beat: number;
};

export const createLeaseTables = (db: Queryable): Promise<void> =>
  again(async () => {
    await db.query('CREATE SCHEMA IF NOT EXISTS rm');
    await db.query(`CREATE TABLE IF NOT EXISTS rm.holders (home int NOT NULL, holder uuid NOT NULL, log uuid NOT NULL,
      views text NOT NULL, beat bigint NOT NULL, PRIMARY KEY (home, holder))`);
    await db.query(`CREATE TABLE IF NOT EXISTS rm.leases (home int NOT NULL, view text NOT NULL, holder uuid,
      PRIMARY KEY (home, view))`);
  });

/** Puts down that a home of a view is there to be had. */
export async function addLease(db: Queryable, { view, home }: Pair): Promise<void> {
  await db.query('INSERT INTO rm.leases VALUES ($1, $2, NULL) ON CONFLICT (home, view) DO NOTHING', [home, view]);
}

export async function readLeases(db: Queryable): Promise<readonly Lease[]> {
  const { rows } = await db.query<Lease>('SELECT l.home, l.view, l.holder FROM rm.leases l ORDER BY l.home, l.view');
  return rows;
}

/** Gives a home from one to another. False where it was not the first one's. */
export async function passLease(
  db: Queryable,
  { view, home }: Pair,
  from: Uuid | null,
  to: Uuid | null,
): Promise<boolean> {
  const { count } = await db.query(
    from === null
      ? 'UPDATE rm.leases SET holder = $3 WHERE home = $1 AND view = $2 AND holder IS NULL'
      : 'UPDATE rm.leases SET holder = $3 WHERE home = $1 AND view = $2 AND holder = $4',
    from === null ? [home, view, to] : [home, view, to, from],
  );
  return count === 1;
}

export async function writeBeat(db: Queryable, { holder, log, views, beat }: Beat): Promise<void> {
  await db.query(
    `INSERT INTO rm.holders VALUES (0, $1, $2, $3, $4)
     ON CONFLICT (home, holder) DO UPDATE SET log = EXCLUDED.log, views = EXCLUDED.views, beat = EXCLUDED.beat`,
    [holder, log, views.join(' '), beat],
  );
}

export async function readBeats(db: Queryable): Promise<readonly Beat[]> {
  const { rows } = await db.query<Omit<Beat, 'views'> & { views: string }>(
    'SELECT holder, log, views, beat FROM rm.holders WHERE home = 0 ORDER BY holder',
  );
  return rows.map(({ views, ...row }) => ({ ...row, views: views.split(' ').filter(Boolean) }));
}

/** Takes away a process that was last heard of with a beat. */
export async function removeHolder(db: Queryable, holder: Uuid, beat: number): Promise<void> {
  await db.query('DELETE FROM rm.holders WHERE home = 0 AND holder = $1 AND beat = $2', [holder, beat]);
}
