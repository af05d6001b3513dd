import type { Key, Keys } from './keys.js';

/** Keys that are kept at hand for a moment. `destroy` ends that at once here, and within the life of a key elsewhere. */
export type CachedKeys = Keys & {
  /** Drops a key at once, as an erasure asks. A look-up under way brings it to those who asked before, and to nobody else. */
  forget(id: string): void;
};

export type CacheOptions = {
  readonly keys: Keys;
  /** Ms. */
  readonly now: () => number;
  /** How long a key is kept after it was asked for, in ms (5 s), so that an erasure holds everywhere soon. */
  readonly life?: number;
  /** How many keys are kept at most (10,000). Those go first that came first. */
  readonly room?: number;
};

/**
 * The one cache in front of a key store. Whoever asks for what is being asked for waits for the same answer. That there is
 * no key is kept too, for `find`: what an erased person wrote is read for as long as it stands.
 */
export function cacheKeys({ keys, now, life = 5_000, room = 10_000 }: CacheOptions): CachedKeys {
  /** In order of their ends, for all live equally long. */
  const cache = new Map<string, { readonly key: Key | undefined; readonly until: number }>();
  const finding = new Map<string, Promise<Key | undefined>>();
  const making = new Map<string, Promise<Key>>();

  const hit = (id: string): { readonly key: Key | undefined } | undefined => {
    const kept = cache.get(id);
    return kept && kept.until > now() ? kept : undefined;
  };

  const keep = (id: string, key: Key | undefined, until: number): void => {
    cache.delete(id);
    cache.set(id, { key, until });
    for (const [oldest, kept] of cache) {
      if (cache.size <= room && kept.until > now()) return;
      cache.delete(oldest);
    }
  };

  /** Shares an answer that is under way, and keeps what it brings, unless the id is forgotten meanwhile. */
  const share = <K extends Key | undefined>(under: Map<string, Promise<K>>, id: string, asked: Promise<K>): void => {
    const until = now() + life;
    under.set(id, asked);
    const settle = (key?: { readonly key: K }): void => {
      if (under.get(id) !== asked) return;
      under.delete(id);
      if (key) keep(id, key.key, until);
    };
    asked.then(
      (key) => settle({ key }),
      () => settle(),
    );
  };

  const lookUp = (ids: readonly string[]): void => {
    const found = keys.find(ids);
    for (const id of ids) {
      share(
        finding,
        id,
        found.then((each) => each.get(id)),
      );
    }
  };

  const forget = (id: string): void => {
    cache.delete(id);
    finding.delete(id);
    making.delete(id);
  };

  return {
    ensure: async (id) => {
      const known = hit(id)?.key ?? making.get(id);
      if (known) return known;
      const made = keys.ensure(id);
      share(making, id, made);
      return made;
    },
    find: async (ids) => {
      const asked = [...new Set(ids)];
      // Looked at once: what is kept now may be over before the store has answered for the others.
      const kept = new Map(asked.map((id) => [id, hit(id)] as const));
      const unknown = asked.filter((id) => !kept.get(id) && !finding.has(id));
      if (unknown.length > 0) lookUp(unknown);
      const found = await Promise.all(
        asked.map(async (id) => [id, (kept.get(id) ?? { key: await finding.get(id) }).key] as const),
      );
      return new Map(found.flatMap(([id, key]) => (key ? [[id, key] as const] : [])));
    },
    destroy: async (id) => {
      try {
        await keys.destroy(id);
      } finally {
        forget(id);
      }
    },
    forget,
    close: () => keys.close(),
  };
}
