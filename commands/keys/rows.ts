import { type Key, KeysError } from './keys.js';

/** A key as it is stored: wrapped under the master key of that fingerprint, or bare (null). Without bytes: destroyed. */
export type Row = { readonly id: string; readonly key: Uint8Array | null; readonly master: string | null };

export function rowOf(row: unknown): Row {
  if (typeof row === 'object' && row && 'id' in row && 'key' in row && 'master' in row && typeof row.id === 'string') {
    const master = typeof row.master === 'string' ? row.master : null;
    return { id: row.id, key: row.key === null ? null : bytesOf(row.key), master };
  }
  throw corrupt('The key store holds a row that is not a key.');
}

function bytesOf(value: unknown): Key {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw corrupt('The key store holds a key that is not bytes.');
}

export const corrupt = (what: string, cause?: unknown): KeysError =>
  new KeysError('KEYS_CORRUPT', `${what} Restore the keys from a backup.`, { cause });

/** What SQLite refuses, in our words where it has one of our codes. */
export function told(file: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) return corrupt(`The file ${file} is not as SQLite left it.`, error);
  if (code.startsWith('SQLITE_FULL')) {
    const message = `The disk is full: ${file} can take no key. Make room; nothing is lost.`;
    return new KeysError('KEYS_UNAVAILABLE', message, { cause: error });
  }
  if (/^SQLITE_(BUSY|LOCKED|IOERR|READONLY|CANTOPEN)/.test(code)) {
    const what = error instanceof Error ? error.message : code;
    return new KeysError('KEYS_UNAVAILABLE', `${file} cannot be used now: ${what}.`, { cause: error });
  }
  return error;
}
