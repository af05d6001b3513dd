import type { Uuid } from '../../domain/ids.js';
import type { ReplyDelta, Sessions } from '../../projections/sessions/sessions.js';
import { createGate, feed } from './feed.js';

/**
 * A running reply: first the text so far, then what comes, each piece once. A higher attempt begins anew, a lower one is
 * dropped, and a piece that does not join on is read again from the text so far. Ends when the reply ends.
 */
export async function followReply(sessions: Sessions, reply: Uuid): Promise<AsyncGenerator<ReplyDelta>> {
  const gate = createGate();
  let waiting: ReplyDelta | undefined;
  let attempt = 0;
  let length = 0;
  let behind = true;
  let ended = false;

  const detach = await sessions.attach(`reply:${reply}`, (notice) => {
    if (isEnd(notice)) ended = true;
    else if (isDelta(notice)) {
      // A slow reader gets several pieces as one.
      const joined = waiting && joinOn(waiting, notice);
      if (waiting && !joined) behind = true;
      waiting = joined ?? notice;
    }
    gate.wake();
  });

  /** What is new in a piece of text, if it joins on to what was delivered. */
  const fresh = (delta: ReplyDelta): ReplyDelta | undefined => {
    if (delta.attempt < attempt) return undefined;
    if (delta.attempt > attempt) {
      attempt = delta.attempt;
      length = 0;
    }
    if (delta.offset > length) {
      behind = true;
      return undefined;
    }
    const text = delta.text.slice(length - delta.offset);
    if (text === '' && length > 0) return undefined;
    const offset = length;
    length += text.length;
    return { ...delta, offset, text };
  };

  const step = async (): Promise<ReplyDelta | 'wait' | 'end'> => {
    while (behind || waiting) {
      let next = waiting;
      waiting = undefined;
      if (behind) {
        behind = false;
        next = await sessions.readReply(reply);
      }
      const delivery = next && fresh(next);
      if (delivery) return delivery;
    }
    return ended ? 'end' : 'wait';
  };

  return feed(gate, step, detach);
}

const joinOn = (before: ReplyDelta, after: ReplyDelta): ReplyDelta | undefined =>
  before.attempt === after.attempt && before.part === after.part && before.offset + before.text.length === after.offset
    ? { ...before, text: before.text + after.text }
    : undefined;

const isEnd = (notice: unknown): boolean => typeof notice === 'object' && notice !== null && 'ended' in notice;

const isDelta = (notice: unknown): notice is ReplyDelta =>
  typeof notice === 'object' && notice !== null && 'attempt' in notice && 'offset' in notice && 'text' in notice;
