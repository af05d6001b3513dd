import type { Sealed } from '../../domain/content.js';
import type { Key, Keys } from './keys.js';
import { unseal } from './sealing.js';

/** Opens sealed texts, each expected in the place `content`. Null where the key is gone: it was erased. */
export type Opener = {
  open(items: readonly SealedItem[]): Promise<readonly (string | null)[]>;
  /** Drops a key from the cache at once, as an erasure asks. */
  forget(key: string): void;
};

export type SealedItem = { readonly sealed: Sealed; readonly content: string };

/** An opener that keeps keys for `life` ms (5 s), so that erasure holds everywhere soon, and at most `room` of them. */
export function createOpener({ keys, now, life = 5_000, room = 10_000 }: OpenerOptions): Opener {
  const cache = new Map<string, { readonly key: Key | undefined; readonly until: number }>();
  /** How often something was forgotten: a look-up that was under way then may have found what is gone now. */
  let forgotten = 0;

  const load = async (ids: ReadonlySet<string>): Promise<ReadonlyMap<string, Key | undefined>> => {
    const known = new Map<string, Key | undefined>();
    const unknown: string[] = [];
    for (const id of ids) {
      const hit = cache.get(id);
      if (hit && hit.until > now()) known.set(id, hit.key);
      else unknown.push(id);
    }
    if (unknown.length === 0) return known;
    const before = forgotten;
    const found = await keys.find(unknown);
    const current = before === forgotten;
    if (cache.size + unknown.length > room) cache.clear();
    for (const id of unknown) {
      known.set(id, found.get(id));
      if (current) cache.set(id, { key: found.get(id), until: now() + life });
    }
    return known;
  };

  return {
    open: async (items) => {
      const loaded = await load(new Set(items.map(({ sealed }) => sealed.key)));
      return items.map(({ sealed, content }) => {
        const key = loaded.get(sealed.key);
        return key ? unseal(key, sealed, content) : null;
      });
    },
    forget: (id) => {
      forgotten += 1;
      cache.delete(id);
    },
  };
}

export type OpenerOptions = {
  readonly keys: Keys;
  readonly now: () => number;
  readonly life?: number;
  readonly room?: number;
};
