import { type Key, KeyDestroyed, type Keys } from './keys.js';

/** Keys in memory, for tests: they live by the same contract and are gone with the process. `null` is a tombstone. */
export function memoryKeys({ random }: { random: (bytes: number) => Uint8Array }): Keys {
  const keys = new Map<string, Key | null>();
  return {
    ensure: async (id) => {
      const key = keys.has(id) ? keys.get(id) : random(32);
      if (!key) throw new KeyDestroyed(id);
      keys.set(id, key);
      return key;
    },
    find: async (ids) =>
      new Map(
        ids.flatMap((id) => {
          const key = keys.get(id);
          return key ? [[id, key] as const] : [];
        }),
      ),
    destroy: async (id) => {
      keys.set(id, null);
    },
    close: async () => undefined,
  };
}
