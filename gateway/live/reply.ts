import type { Uuid } from '../../domain/ids.js';
import type { ReplyDelta } from '../../projections/sessions/sessions.js';
import { openFeed } from './feed.js';
import { type Live, guardAccess } from './guard.js';

/**
 * A running reply, for a member of its conversation: first the text so far, then what comes, each piece once. A higher
 * attempt begins anew, a lower one is dropped, and a piece that does not join on is read again from the text so far; so
 * is, with each repeated head, what nobody told. Ends when the reply ends, or the reader can read it no longer.
 */
export const followReply = (
  live: Live,
  user: Uuid,
  conversation: Uuid,
  reply: Uuid,
): Promise<AsyncGenerator<ReplyDelta>> =>
  openFeed(async (feed) => {
    const { core, sessions, heads } = live;
    let waiting: ReplyDelta | undefined;
    let attempt = 0;
    let length = 0;
    let behind = true;
    let ended = false;
    /** The head of the conversation when the view was last asked whether the reply has ended. */
    let asked = 0;
    let ask = false;

    const detach = await sessions.attach(`reply:${reply}`, (notice) => {
      if (isEnd(notice)) ended = true;
      else if (isDelta(notice)) {
        // A slow reader gets several pieces as one.
        const joined = waiting && joinOn(waiting, notice);
        if (waiting && !joined) behind = true;
        waiting = joined ?? notice;
      }
      feed.wake();
    });
    feed.onClose(detach);
    feed.onClose(
      heads.watch(conversation, (version) => {
        behind = true;
        ask ||= version > asked;
        asked = Math.max(asked, version);
        feed.wake();
      }),
    );
    feed.onClose(await guardAccess(live, user, conversation, feed.close));

    const hasEnded = async (): Promise<boolean> => {
      const [row] = await core.messages([reply]);
      return row?.conversation !== conversation || !(row.reply && RUNNING.has(row.reply.status));
    };
    // After attaching, so that an end in between is not missed.
    ended = await hasEnded();

    /** What is new in a piece of text, if it joins on to what was delivered. */
    const fresh = (delta: ReplyDelta): ReplyDelta | undefined => {
      if (delta.attempt < attempt) return undefined;
      const begins = delta.attempt > attempt;
      if (begins) {
        attempt = delta.attempt;
        length = 0;
      }
      if (delta.offset > length) {
        behind = true;
        return undefined;
      }
      const text = delta.text.slice(length - delta.offset);
      if (text === '' && !begins) return undefined;
      const offset = length;
      length += text.length;
      return { ...delta, offset, text };
    };

    return async () => {
      if (ask) {
        ask = false;
        ended ||= await hasEnded();
      }
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
  });

const RUNNING: ReadonlySet<string> = new Set(['requested', 'running']);

const joinOn = (before: ReplyDelta, after: ReplyDelta): ReplyDelta | undefined =>
  before.attempt === after.attempt && before.part === after.part && before.offset + before.text.length === after.offset
    ? { ...before, text: before.text + after.text }
    : undefined;

const isEnd = (notice: unknown): boolean => typeof notice === 'object' && notice !== null && 'ended' in notice;

const isDelta = (notice: unknown): notice is ReplyDelta =>
  typeof notice === 'object' && notice !== null && 'attempt' in notice && 'offset' in notice && 'text' in notice;
