import { type Key, KeysError } from './keys.js';
import type { Row } from './rows.js';
import { type Master, unwrap, wrap } from './wrapping.js';

/** How keys are stored under master keys: the first wraps, all of them unwrap. None: keys are stored bare. */
export function wrapping(where: string, masters: readonly Master[], random: (bytes: number) => Uint8Array) {
  const [first] = masters;
  const isGiven = (name: string): boolean => masters.some(({ fingerprint }) => fingerprint === name);

  const locked = (lacking: readonly string[]): KeysError => {
    const names = first ? `only ${masters.map(({ fingerprint }) => fingerprint).join(', ')}` : 'none';
    return new KeysError(
      'KEYS_LOCKED',
      `Keys in ${where} are wrapped under the master key with the fingerprint ${lacking.join(', ')}; given is ${names}. ` +
        'Add that key to VERBATIM_MASTER_KEYS (behind the first, if you are changing keys) and start again.',
    );
  };

  return {
    first,
    /** A key as it is to be stored. */
    stored: (id: string, key: Key): { readonly key: Uint8Array; readonly master: string | null } =>
      first ? { key: wrap(first, id, key, random(12)), master: first.fingerprint } : { key, master: null },
    /** The key in a row, null if it was destroyed. Throws KEYS_LOCKED, KEYS_CORRUPT. */
    opened: ({ id, key, master }: Row): Key | null => {
      if (!key || master === null) return key;
      const known = masters.find(({ fingerprint }) => fingerprint === master);
      if (!known) throw locked([master]);
      return unwrap(known, id, key);
    },
    /** What is wrong where keys are wrapped under these; undefined if all of them are given. */
    lackingOf: (names: readonly string[]): KeysError | undefined => {
      const lacking = names.filter((name) => !isGiven(name));
      return lacking.length > 0 ? locked(lacking) : undefined;
    },
  };
}
