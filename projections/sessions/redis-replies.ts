import type { Uuid } from '../../domain/ids.js';
import type { Written } from './redis-scripts.js';
import { REPLY_MS, type ReplyDelta } from './sessions.js';

/**
 * A running reply that this process writes, with all of its text so far, to bring it back. `brought`: when that was done,
 * as a place among all that was sent. `lacks`: it is not known whether Redis has all of it.
 */
type Own = { whole: ReplyDelta; until: number; brought: number; lacks: boolean };

/**
 * Writes replies to Redis piece by piece. What Redis has lost it says itself, at the next piece: then it gets the whole
 * text again. `send` writes one piece, and resolves with undefined where it is not known what became of it.
 */
export function createReplyWriter(send: (delta: ReplyDelta) => Promise<Written | undefined>, now: () => number) {
  const running = new Map<Uuid, Own>();
  let sent = 0;

  /** Keeps the text that comes of a piece, if all of it was written here. */
  const keep = (delta: ReplyDelta): Own | undefined => {
    const kept = running.get(delta.reply);
    const before = kept && kept.until > now() ? kept : undefined;
    if (before && delta.attempt < before.whole.attempt) return undefined;
    const text = before?.whole.attempt === delta.attempt ? before.whole.text : '';
    if (delta.offset > text.length) return undefined;
    const own = before ?? { whole: delta, until: 0, brought: 0, lacks: false };
    own.whole = { ...delta, offset: 0, text: text.slice(0, delta.offset) + delta.text };
    own.until = now() + REPLY_MS;
    running.set(delta.reply, own);
    return own;
  };

  /** Once for all the pieces that found it missing. */
  const bringBack = async (own: Own, missed: number): Promise<void> => {
    if (own.brought > missed || running.get(own.whole.reply) !== own) return;
    own.brought = sent += 1;
    own.lacks = (await send(own.whole)) === undefined;
  };

  return {
    write: async (delta: ReplyDelta): Promise<void> => {
      const own = keep(delta);
      const place = (sent += 1);
      const written = await send(delta);
      if (!own || written === 'kept') return;
      if (written === undefined) own.lacks = true;
      else if (written === 'gap') await bringBack(own, place);
      else if (running.get(delta.reply) === own) running.delete(delta.reply);
    },
    /** Forgets a reply: it has ended. */
    end: (reply: Uuid): void => void running.delete(reply),
    /** To be called now and then: brings back what may be missing, and forgets what nobody writes any more. */
    sweep: (): void => {
      for (const [reply, own] of running) {
        if (own.until <= now()) running.delete(reply);
        else if (own.lacks) void bringBack(own, sent);
      }
    },
  };
}
