import { closeSync, openSync } from 'node:fs';
import Database from 'libsql';
import { type Key, KeyDestroyed, type Keys } from './keys.js';

/**
 * Keys in a SQLite file of their own (mode 0600). A key is on the disk before it is used; a destroyed one leaves a row
 * without a key, and its bytes leave the file and its write-ahead log. `random` gives so many random bytes.
 */
export function openKeys({ file, random }: { file: string; random: (bytes: number) => Uint8Array }): Keys {
  // Made here, for the files beside it take their mode from it.
  closeSync(openSync(file, 'a', 0o600));
  const db = new Database(file);
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, key BLOB) WITHOUT ROWID;`);
  const insert = db.prepare('INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING');
  const select = db.prepare('SELECT id, key FROM keys WHERE id IN (SELECT value FROM json_each(?))');
  const erase = db.prepare('INSERT INTO keys VALUES (?, NULL) ON CONFLICT (id) DO UPDATE SET key = NULL');

  const rows = (ids: readonly string[]): { id: string; key: Key | null }[] =>
    select.all(JSON.stringify(ids)).map(keyRow);

  return {
    ensure: async (id) => {
      const found = rows([id])[0];
      if (found?.key) return found.key;
      if (found) throw new KeyDestroyed(id);
      insert.run(id, Buffer.from(random(32)));
      const made = rows([id])[0]?.key;
      if (!made) throw new KeyDestroyed(id);
      return made;
    },
    find: async (ids) => new Map(rows(ids).flatMap(({ id, key }) => (key ? [[id, key] as const] : []))),
    destroy: async (id) => {
      erase.run(id);
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    },
    close: async () => {
      db.close();
    },
  };
}

function keyRow(row: unknown): { id: string; key: Key | null } {
  if (typeof row === 'object' && row && 'id' in row && 'key' in row && typeof row.id === 'string') {
    return { id: row.id, key: row.key === null ? null : bytes(row.key) };
  }
  throw new Error('the key store holds a row that is not a key');
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new Error('the key store holds a key that is not bytes');
}
