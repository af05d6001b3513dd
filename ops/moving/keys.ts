import type { Key, KeyMap, RoomyKeys } from '../../commands/keys/keys.js';
import type { Log } from '../../commands/log/log.js';
import { eventsIn, keysIn } from '../operators/sealed.js';
import { CliError } from '../run/errors.js';

export type KeyCounts = {
  readonly keys: number;
  /** Tombstones: what they had sealed is erased. */
  readonly destroyed: number;
};

/** Whether two keys are the same; an erased one is none. */
const isSame = (one: Key | null | undefined, other: Key | null | undefined): boolean =>
  one && other ? Buffer.from(one).equals(other) : one === other;

/** Refuses a store that holds anything but these keys, as another installation's. Throws TARGET_NOT_EMPTY. */
export function checkRoom(ours: KeyMap, there: KeyMap): void {
  const odd = [...there].filter(([id, key]) => key && ours.get(id) !== null && !isSame(key, ours.get(id)));
  if (odd.length === 0) return;
  throw new CliError(
    'TARGET_NOT_EMPTY',
    `The database holds ${odd.length} keys that this folder does not, as ${odd[0]?.[0]}: they are of another installation. ` +
      'Name a database of its own in DATABASE_URL, or drop its schema "keys" if nobody needs what they have sealed.',
  );
}

/** Takes keys and tombstones along, and reads all of them again. Throws COPY_BROKEN, and what the store throws. */
export async function copyKeys(ours: KeyMap, store: Pick<RoomyKeys, 'all' | 'put'>): Promise<KeyMap> {
  const before = await store.all();
  await store.put(ours);
  const there = await store.all();
  for (const [id, key] of ours) {
    const expected = before.get(id) === null ? null : key;
    if (!there.has(id) || !isSame(there.get(id), expected)) {
      throw new CliError('COPY_BROKEN', `The key ${id} is not in the fleet as it was here. Run this again.`);
    }
  }
  return there;
}

/** The ids of the keys under which something in a log is sealed, and of which a store knows nothing. */
export async function unknownIn(log: Log, there: KeyMap): Promise<readonly string[]> {
  const unknown = new Set<string>();
  for await (const { data } of eventsIn(log)) {
    for (const id of keysIn(data)) if (!there.has(id)) unknown.add(id);
  }
  return [...unknown];
}

export function countKeys(keys: KeyMap): KeyCounts {
  const destroyed = [...keys.values()].filter((key) => key === null).length;
  return { keys: keys.size - destroyed, destroyed };
}
