import { type Sql, type SqlQuery, codeOf, makeOnce } from '../sql.js';
import { type Key, KeyDestroyed, KeysError, type RoomyKeys } from './keys.js';
import { corrupt, rowOf } from './rows.js';
import { wrapping } from './wrapped.js';
import { masterOf } from './wrapping.js';

export type PostgresKeysOptions = {
  readonly db: Sql;
  /** Gives so many random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Master keys of 32 bytes: the first wraps, all of them unwrap. One at least. */
  readonly masters: readonly Uint8Array[];
  readonly schema?: string;
};

/** How many keys are read, wrapped anew or taken in at a time. */
const PAGE = 500;

/**
 * Keys in a schema of Postgres of their own, which nothing rebuilds and nothing drops; always wrapped, for a database that
 * many reach keeps no key in the open: throws KEYS_LOCKED without a master key, or where one is lacking. On Citus they
 * stand on the coordinator.
 *
 * A key is committed and flushed before it is used; whether it also outlives that server is for its replication to see to.
 * `destroy` takes it out of its row. Old rows stay in the table's pages until they are vacuumed and written over, in the
 * write-ahead log, in replicas and in backups, and there they open by the master key alone. What has to be gone everywhere
 * is so once the master key was changed and the old one is destroyed.
 *
 * What is not wrapped under the first master key is wrapped anew at every opening. As processes start one after the other,
 * a master key is changed in three steps, each of them everywhere: the new one is put last, then first, then the old one is
 * dropped.
 */
export async function openKeys({ db, random, masters, schema = 'keys' }: PostgresKeysOptions): Promise<RoomyKeys> {
  const where = `the schema ${schema}`;
  const { first, stored, opened, lackingOf } = wrapping(where, masters.map(masterOf), random);
  if (!first) {
    const what = `Keys in ${where} are kept only under a master key, and none is given`;
    throw new KeysError('KEYS_LOCKED', `${what}: set VERBATIM_MASTER_KEYS.`);
  }
  const table = `${schema}.keys`;

  const reading = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      throw told(where, error);
    }
  };

  /** The key of one id, null if it was destroyed, undefined if there never was one. */
  const keyOf = async (id: string): Promise<Key | null | undefined> => {
    const { rows } = await db.query(`SELECT id, key, master FROM ${table} WHERE id = $1`, [id]);
    return rows[0] === undefined ? undefined : opened(rowOf(rows[0]));
  };

  /** Writes what is flushed before it is said to be done, however the server does with all else. */
  const durably = <T>(write: (tx: SqlQuery) => Promise<T>): Promise<T> =>
    db.tx(async (tx) => {
      await tx.query(
        `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`,
      );
      return write(tx);
    });

  const insert = (tx: SqlQuery, id: string, key: Uint8Array, master: string | null) =>
    tx.query(`INSERT INTO ${table} (id, key, master) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, [
      id,
      key,
      master,
    ]);

  /** Leaves a tombstone. */
  const bury = (tx: SqlQuery, id: string) =>
    tx.query(
      `INSERT INTO ${table} (id, key, master) VALUES ($1, NULL, NULL)
       ON CONFLICT (id) DO UPDATE SET key = NULL, master = NULL`,
      [id],
    );

  /** Wraps a page of keys anew; in the order of their ids, so that two that do so do not wait for each other. */
  const rewrapPage = (tx: SqlQuery): Promise<number> =>
    tx
      .query(
        `SELECT id, key, master FROM ${table} WHERE key IS NOT NULL AND master IS DISTINCT FROM $1
         ORDER BY id LIMIT ${PAGE} FOR UPDATE`,
        [first.fingerprint],
      )
      .then(async ({ rows }) => {
        for (const row of rows.map(rowOf)) {
          const key = opened(row);
          if (!key) continue;
          const anew = stored(row.id, key);
          await tx.query(`UPDATE ${table} SET key = $2, master = $3 WHERE id = $1`, [row.id, anew.key, anew.master]);
        }
        return rows.length;
      });

  /** Takes one key in, or a tombstone. */
  const putOne = async (tx: SqlQuery, id: string, key: Key | null): Promise<void> => {
    if (!key) return void (await bury(tx, id));
    const { key: bytes, master } = stored(id, key);
    const inserted = await insert(tx, id, bytes, master);
    if (inserted.count > 0) return;
    const { rows } = await tx.query(`SELECT id, key, master FROM ${table} WHERE id = $1`, [id]);
    const there = rows[0] === undefined ? null : opened(rowOf(rows[0]));
    if (there && !Buffer.from(there).equals(key)) {
      throw new KeysError('KEYS_TAKEN', `Another key has the id ${id} in ${where} already.`);
    }
  };

  await reading(async () => {
    // Few rows change here, and what they were before is to go soon.
    await makeOnce(db, schema, 'keys', [
      `CREATE TABLE ${table} (id text COLLATE "C" PRIMARY KEY, key bytea, master text)
       WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1)`,
    ]);
    const { rows } = await db.query<{ master: string }>(
      `SELECT DISTINCT master FROM ${table} WHERE key IS NOT NULL AND master IS NOT NULL`,
    );
    const lacking = lackingOf(rows.map(({ master }) => master));
    if (lacking) throw lacking;
    // Not until one is not full: rows that were destroyed meanwhile fall out of it.
    while ((await durably(rewrapPage)) > 0);
  });

  return {
    ensure: (id) =>
      reading(async () => {
        let key = await keyOf(id);
        if (key === undefined) {
          const { key: bytes, master } = stored(id, random(32));
          await durably((tx) => insert(tx, id, bytes, master));
          // Read back, for another process may have been first.
          key = await keyOf(id);
        }
        if (!key) throw new KeyDestroyed(id);
        return key;
      }),
    find: (ids) =>
      reading(async () => {
        if (ids.length === 0) return new Map();
        const { rows } = await db.query(`SELECT id, key, master FROM ${table} WHERE id = ANY($1::text[])`, [ids]);
        return new Map(
          rows.map(rowOf).flatMap((row) => {
            const key = opened(row);
            return key ? [[row.id, key] as const] : [];
          }),
        );
      }),
    destroy: (id) =>
      reading(async () => {
        await durably((tx) => bury(tx, id));
      }),
    all: () =>
      reading(async () => {
        const all = new Map<string, Key | null>();
        for (let last = ''; ;) {
          const { rows } = await db.query(
            `SELECT id, key, master FROM ${table} WHERE id > $1 ORDER BY id LIMIT ${PAGE}`,
            [last],
          );
          for (const row of rows.map(rowOf)) {
            all.set(row.id, opened(row));
            last = row.id;
          }
          if (rows.length < PAGE) return all;
        }
      }),
    put: (keys) =>
      reading(async () => {
        const entries = [...keys];
        for (let from = 0; from < entries.length; from += PAGE) {
          await durably(async (tx) => {
            for (const [id, key] of entries.slice(from, from + PAGE)) await putOne(tx, id, key);
          });
        }
      }),
    // The database is whoever's opened it.
    close: async () => undefined,
  };
}

/** What the database refuses, in our words. Of what was asked nothing is known then; it can be asked again. */
function told(where: string, error: unknown): unknown {
  const code = codeOf(error);
  if (/^XX00[12]$/.test(code)) return corrupt(`The table in ${where} is damaged.`, error);
  if (/^([0-9A-Z]{5}|DB_[A-Z]+)$/.test(code)) {
    const what = error instanceof Error ? error.message : code;
    return new KeysError('KEYS_UNAVAILABLE', `The keys in ${where} cannot be used now: ${what}`, { cause: error });
  }
  return error;
}
