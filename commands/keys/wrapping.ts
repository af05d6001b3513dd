import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { type Key, KeysError } from './keys.js';

/** A key that wraps keys, and the name that its wrapped keys bear. The name tells nothing about it. */
export type Master = { readonly bytes: Uint8Array; readonly fingerprint: string };

/** How long a master key is, in bytes. */
export const MASTER = 32;
const NONCE = 12;
const TAG = 16;

/** A master key of 32 bytes with its fingerprint: 16 hex digits that its owner can compare, and nobody can go back from. */
export function masterOf(bytes: Uint8Array): Master {
  if (bytes.length !== MASTER) throw new RangeError(`a master key of ${bytes.length} bytes, not ${MASTER}`);
  const fingerprint = createHmac('sha256', bytes).update('verbatim master key').digest('hex').slice(0, 16);
  return { bytes, fingerprint };
}

/**
 * Wraps a key by AES-256-GCM, bound to its id, so that no row can be put in another's place: nonce, key, tag. `nonce`
 * holds 12 random bytes.
 */
export function wrap(master: Master, id: string, key: Key, nonce: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', master.bytes, nonce).setAAD(Buffer.from(id));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** Throws KEYS_CORRUPT where the row was changed, or belongs to another id. */
export function unwrap(master: Master, id: string, wrapped: Uint8Array): Key {
  try {
    const decipher = createDecipheriv('aes-256-gcm', master.bytes, wrapped.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(Buffer.from(id))
      .setAuthTag(wrapped.subarray(-TAG));
    return new Uint8Array(Buffer.concat([decipher.update(wrapped.subarray(NONCE, -TAG)), decipher.final()]));
  } catch (cause) {
    throw new KeysError('KEYS_CORRUPT', `The key ${id} does not unwrap: restore the keys from a backup.`, { cause });
  }
}
