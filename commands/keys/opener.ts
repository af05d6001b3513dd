import type { Sealed } from '../../domain/content.js';
import type { Keys } from './keys.js';
import { unseal } from './sealing.js';

/** Opens sealed texts, each expected in the place `content`. Null where the key is gone: it was erased. */
export type Opener = {
  open(items: readonly SealedItem[]): Promise<readonly (string | null)[]>;
};

export type SealedItem = { readonly sealed: Sealed; readonly content: string };

/** Opens with keys from a store, or from a cache in front of it: one look-up for all that is asked at once. */
export function createOpener({ keys }: { readonly keys: Pick<Keys, 'find'> }): Opener {
  return {
    open: async (items) => {
      const found = await keys.find([...new Set(items.map(({ sealed }) => sealed.key))]);
      return items.map(({ sealed, content }) => {
        const key = found.get(sealed.key);
        return key ? unseal(key, sealed, content) : null;
      });
    },
  };
}
