import Database from 'libsql';
import { makePrivate } from '../log/lock.js';
import { type Key, KeyDestroyed, type Keys } from './keys.js';

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

/**
 * Keys in a SQLite file of their own (mode 0600). A key is on the disk before it is used; a destroyed one leaves a row
 * without a key, and its bytes leave the file and its write-ahead log, or `destroy` throws KeyLeft. `random` gives so
 * many random bytes.
 */
export function openKeys({ file, random }: { file: string; random: (bytes: number) => Uint8Array }): Keys {
  makePrivate(file);
  const db = new Database(file);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB) WITHOUT ROWID;`);
  const selectOne = db.prepare('SELECT id, key FROM keys WHERE id = ?');
  const insert = db.prepare('INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING');
  const select = db.prepare('SELECT id, key FROM keys WHERE id IN (SELECT value FROM json_each(?))');
  const erase = db.prepare('INSERT INTO keys VALUES (?, NULL) ON CONFLICT (id) DO UPDATE SET key = NULL');
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)');

  /** The key of one id, null if it was destroyed, undefined if there never was one. */
  const keyOf = (id: string): Key | null | undefined => {
    const row: unknown = selectOne.get(id);
    return row === undefined ? undefined : keyRow(row).key;
  };

  return {
    ensure: async (id) => {
      let key = keyOf(id);
      if (key === undefined) {
        insert.run(id, Buffer.from(random(32)));
        // Read back, for another process may have been first.
        key = keyOf(id);
      }
      if (!key) throw new KeyDestroyed(id);
      return key;
    },
    find: async (ids) => {
      const found = select.all(JSON.stringify(ids)).map(keyRow);
      return new Map(found.flatMap(({ id, key }) => (key ? [[id, key] as const] : [])));
    },
    destroy: async (id) => {
      erase.run(id);
      if (!truncated(checkpoint.get())) throw new KeyLeft(id);
    },
    close: async () => {
      if (!db.open) return;
      // SQLite lets go of its files only when all statements are collected. So that a copy is whole, it is told to.
      checkpoint.get();
      db.close();
    },
  };
}

/** Whether a checkpoint could empty the write-ahead log: nobody else was reading. */
const truncated = (row: unknown): boolean => typeof row === 'object' && row !== null && 'busy' in row && row.busy === 0;

function keyRow(row: unknown): { id: string; key: Key | null } {
  if (typeof row === 'object' && row && 'id' in row && 'key' in row && typeof row.id === 'string') {
    return { id: row.id, key: row.key === null ? null : bytes(row.key) };
  }
  throw new Error('the key store holds a row that is not a key');
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new Error('the key store holds a key that is not bytes');
}
