import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import type { Sealed } from '../../domain/content.js';
import { sha256 } from '../../domain/event.js';
import type { Key } from './keys.js';

const NONCE = 12;
const TAG = 16;

export class SealBroken extends Error {
  override name = 'SealBroken';
  readonly code = 'SEAL_BROKEN';
}

/** What a box is bound to: it opens under this key and in this place only. */
const place = (keyId: string, content: string): Buffer => Buffer.from(JSON.stringify([keyId, content]));

/** Seals text by AES-256-GCM. `nonce` holds 12 random bytes, never used twice with a key. */
export function seal(key: Key, keyId: string, content: string, text: string, nonce: Uint8Array): Sealed {
  if (nonce.length !== NONCE) throw new RangeError(`a nonce of ${nonce.length} bytes, not ${NONCE}`);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(place(keyId, content));
  const box = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return { key: keyId, content, box: box.toString('base64') };
}

/** Opens a box that is expected in the place `content`. Throws `SealBroken` if it was made elsewhere or changed. */
export function unseal(key: Key, sealed: Sealed, content: string): string {
  const box = Buffer.from(sealed.box, 'base64');
  try {
    if (sealed.content !== content) throw new Error('its own label names another place');
    if (box.length < NONCE + TAG) throw new Error(`a box of ${box.length} bytes`);
    const cipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(place(sealed.key, content))
      .setAuthTag(box.subarray(-TAG));
    return Buffer.concat([cipher.update(box.subarray(NONCE, -TAG)), cipher.final()]).toString('utf8');
  } catch (error) {
    throw new SealBroken(`what is sealed for ${sealed.content} does not open as ${content}`, { cause: error });
  }
}

/**
 * The hash by which a command that comes again is known. Content is hashed before it is sealed, for every sealing looks
 * different; and under a key derived from its author's, so that nobody can guess short texts from the log.
 */
export function payloadHash(key: Key | undefined, payload: object): string {
  if (!key) return sha256(payload);
  const hashKey = hashKeys.get(key) ?? derived(key, 'verbatim payload hash');
  hashKeys.set(key, hashKey);
  return createHmac('sha256', hashKey)
    .update(stringify(payload) ?? '')
    .digest('base64url');
}

/** What is derived from a key, for as long as that is at hand. */
const hashKeys = new WeakMap<Key, Uint8Array>();

/** A key for another purpose: the first block of HKDF-Expand (RFC 5869). Nothing is extracted: a key is random already. */
const derived = (key: Key, purpose: string): Uint8Array =>
  createHmac('sha256', key).update(purpose).update(Uint8Array.of(1)).digest();
