import { conversationKey } from '../../domain/content.js';
import { SYSTEM } from '../../domain/decider.js';
import { nameFor, streamOf } from '../../domain/ids.js';
import type { DestroyKey } from './erasure.js';
import type { Wait } from '../wait.js';
import type { Keeper } from './executor.js';
import { type Insist, settle } from './insist.js';
import type { ExpiryObligation } from './reactor.js';

export type ExpiryOptions = {
  readonly insist: Insist;
  readonly destroyKey: DestroyKey;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly wait: Wait;
};

/** How many expire at once. */
const AT_ONCE = 20;

/** Timers do not reach further than 24 days, and stand still while a laptop sleeps: the clock is asked again this often. */
const SLICE_MS = 60 * 60_000;

/** Ends temporary conversations at their time: first for everybody to see, then by destroying their key. */
export function expiry({ insist, destroyKey, now, wait }: ExpiryOptions): Keeper<ExpiryObligation> {
  return {
    atOnce: AT_ONCE,
    due: async ({ expires }, signal) => {
      const at = Date.parse(expires);
      for (let left = at - now(); left > 0 && !signal.aborted; left = at - now()) {
        await wait(Math.min(left, SLICE_MS), signal);
      }
    },
    keep: async ({ id, conversation }, { gone }) => {
      const stream = streamOf('conversation', conversation);
      const common = { actor: SYSTEM, stream };
      if (gone.aborted) return;
      await settle(
        insist,
        { ...common, id: nameFor(stream, id, 'expire'), type: 'ExpireConversation', data: {} },
        gone,
      );
      if (gone.aborted) return;
      await destroyKey(conversationKey(conversation));
      if (gone.aborted) return;
      await settle(insist, { ...common, id: nameFor(stream, id, 'purge'), type: 'PurgeConversation', data: {} }, gone);
    },
  };
}
