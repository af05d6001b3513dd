import Database from 'libsql';
import { makePrivate } from '../log/lock.js';
import { transaction } from '../log/tables.js';
import { type Key, KeyDestroyed, type KeyMap, type Keys, KeysError } from './keys.js';
import { rowOf, told } from './rows.js';
import { wrapping } from './wrapped.js';
import { type Master, masterOf } from './wrapping.js';

/** A key is destroyed, but somebody reads the file, so that the key's bytes still stand in its write-ahead log. */
export class KeyLeft extends Error {
  override name = 'KeyLeft';
  readonly code = 'KEY_LEFT';
  constructor(readonly id: string) {
    super(
      `the key ${id} is destroyed, but its bytes are still on the disk: destroy it again when nobody reads the file`,
    );
  }
}

export type SqliteKeysOptions = {
  readonly file: string;
  /** Gives so many random bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** Master keys of 32 bytes: the first wraps, all of them unwrap. None: keys are stored bare. */
  readonly masters?: readonly Uint8Array[];
};

/**
 * Keys in a SQLite file of their own (mode 0600). A key is on the disk before it is used; a destroyed one leaves a row
 * without a key, and its bytes leave the file and its write-ahead log, or `destroy` throws KeyLeft. What is not wrapped
 * under the first master key is wrapped anew when the file is opened, and the old bytes leave it too: so a master key is
 * changed by putting the new one first. Throws KEYS_LOCKED where one is lacking.
 */
export function openKeys({ file, random, masters = [] }: SqliteKeysOptions): Keys {
  makePrivate(file);
  const db = new Database(file);
  try {
    return keysIn(db, file, random, masters.map(masterOf));
  } catch (error) {
    db.close();
    throw told(file, error);
  }
}

/**
 * All keys of a store that nobody has open, to take them elsewhere. Nothing in it is changed: what is wrapped stays as it is,
 * whichever of the master keys comes first. Throws KEYS_LOCKED where one is lacking, KEYS_CORRUPT.
 */
export function readKeys({
  file,
  masters,
}: {
  readonly file: string;
  readonly masters: readonly Uint8Array[];
}): KeyMap {
  const { opened, lackingOf } = wrapping(file, masters.map(masterOf), () => {
    throw new RangeError('nothing is wrapped while keys are read');
  });
  const db = new Database(file, { fileMustExist: true });
  try {
    const master = isFirstVersion(db) ? 'NULL AS master' : 'master';
    const rows = db.prepare(`SELECT id, key, ${master} FROM keys`).all().map(rowOf);
    const lacking = lackingOf([
      ...new Set(rows.flatMap((row) => (row.key && row.master !== null ? [row.master] : []))),
    ]);
    if (lacking) throw lacking;
    return new Map(rows.map((row) => [row.id, opened(row)]));
  } catch (error) {
    throw told(file, error);
  } finally {
    db.close();
  }
}

/** The first version stored all keys bare, and did not say so. */
const isFirstVersion = (db: Database.Database): boolean =>
  db.prepare(`SELECT 1 FROM pragma_table_info('keys') WHERE name = 'master'`).all().length === 0;

function keysIn(db: Database.Database, file: string, random: SqliteKeysOptions['random'], masters: readonly Master[]) {
  // In memory is what SQLite puts aside, so that no page with keys lands in a file of another place.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;
    CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB, master TEXT) WITHOUT ROWID;`);
  if (isFirstVersion(db)) db.exec('ALTER TABLE keys ADD COLUMN master TEXT');

  const selectOne = db.prepare('SELECT id, key, master FROM keys WHERE id = ?');
  const insert = db.prepare('INSERT INTO keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const select = db.prepare('SELECT id, key, master FROM keys WHERE id IN (SELECT value FROM json_each(?))');
  const erase = db.prepare(
    'INSERT INTO keys VALUES (?, NULL, NULL) ON CONFLICT (id) DO UPDATE SET key = NULL, master = NULL',
  );
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');
  const { first, stored: wrapped, opened, lackingOf } = wrapping(file, masters, random);
  const stored = (id: string, key: Key): [string, Buffer, string | null] => {
    const row = wrapped(id, key);
    return [id, Buffer.from(row.key), row.master];
  };

  /** The key of one id, null if it was destroyed, undefined if there never was one. */
  const keyOf = (id: string): Key | null | undefined => {
    const row: unknown = selectOne.get(id);
    return row === undefined ? undefined : opened(rowOf(row));
  };

  const rewrapAll = (): void => {
    const foreign = db.prepare('SELECT DISTINCT master FROM keys WHERE key IS NOT NULL AND master IS NOT NULL').all();
    const names = foreign.map((row) => (typeof row === 'object' && row && 'master' in row ? String(row.master) : ''));
    const lacking = lackingOf(names);
    if (lacking) throw lacking;
    if (!first) return;
    const old = db.prepare('SELECT id, key, master FROM keys WHERE key IS NOT NULL AND master IS NOT ?');
    const update = db.prepare('UPDATE keys SET key = ?2, master = ?3 WHERE id = ?1');
    transaction(db, () => {
      for (const row of old.all(first.fingerprint).map(rowOf)) {
        const key = opened(row);
        if (key) update.run(...stored(row.id, key));
      }
    });
  };

  rewrapAll();
  // Always: where it could not be done last time, old bytes are still there.
  if (!truncated(checkpoint.get()) && first) {
    const message = `Somebody reads ${file}, so that the bytes of keys before they were wrapped are still on the disk.`;
    throw new KeysError('KEYS_LEFT', `${message} Start again when nobody does.`);
  }

  const reading = async <T>(step: () => T): Promise<T> => {
    try {
      return step();
    } catch (error) {
      throw told(file, error);
    }
  };

  return {
    ensure: (id: string) =>
      reading(() => {
        let key = keyOf(id);
        if (key === undefined) {
          insert.run(...stored(id, random(32)));
          // Read back, for another process may have been first.
          key = keyOf(id);
        }
        if (!key) throw new KeyDestroyed(id);
        return key;
      }),
    find: (ids: readonly string[]) =>
      reading(() => {
        const found = select.all(JSON.stringify(ids)).map(rowOf);
        return new Map(
          found.flatMap((row) => {
            const key = opened(row);
            return key ? [[row.id, key] as const] : [];
          }),
        );
      }),
    destroy: (id: string) =>
      reading(() => {
        erase.run(id);
        if (!truncated(checkpoint.get())) throw new KeyLeft(id);
      }),
    close: async () => {
      if (!db.open) return;
      // SQLite lets go of its files only when all statements are collected. So that a copy is whole, it is told to.
      checkpoint.get();
      db.close();
    },
  } satisfies Keys;
}

/** Whether a checkpoint could empty the write-ahead log: nobody else was reading. */
const truncated = (row: unknown): boolean => typeof row === 'object' && row !== null && 'busy' in row && row.busy === 0;
