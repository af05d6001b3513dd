import type { Uuid } from '../../domain/ids.js';
import type { ReplyDelta } from '../../projections/sessions/sessions.js';
import { openFeed } from './feed.js';
import type { Kind, Relay } from './groups.js';
import { type Live, guardAccess, guardAll } from './guard.js';

/** How much of a reply somebody has. */
type Reached = { readonly attempt: number; readonly length: number };
type Target = { readonly id: Uuid; readonly conversation: Uuid };
const NOTHING: Reached = { attempt: 0, length: 0 };

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
  reached = NOTHING,
  relay?: Relay<Reached>,
): Promise<AsyncGenerator<ReplyDelta>> =>
  follow(live, { id: reply, conversation }, reached, (close) => guardAccess(live, user, conversation, close), relay);

/** The same for many at once. */
export const manyFollowReply = (live: Live): Kind<Target, ReplyDelta, Reached> => ({
  keyOf: ({ id }) => id,
  conversationOf: ({ conversation }) => conversation,
  open: ({ id, conversation }, person, reached, relay) => followReply(live, person, conversation, id, reached, relay),
  upstream: async (target, lost) => {
    const { attempt = 0, text = '' } = (await live.sessions.readReply(target.id)) ?? {};
    const reached = { attempt, length: text.length };
    return {
      source: await follow(live, target, reached, () => guardAll(live, target.conversation, lost)),
      at: { reply: target.id, attempt, part: 0, offset: text.length, text: '' },
    };
  },
  fit: ({ attempt, offset, text }, at) => {
    if (attempt < at.attempt || (attempt === at.attempt && offset + text.length <= at.length)) return 'drop';
    return offset === (attempt > at.attempt ? 0 : at.length) ? { attempt, length: offset + text.length } : 'out';
  },
  keep: 100,
});

const follow = (
  live: Live,
  { id: reply, conversation }: Target,
  reached: Reached,
  guard: (close: () => void) => Promise<() => void>,
  relay?: Relay<Reached>,
): Promise<AsyncGenerator<ReplyDelta>> =>
  openFeed(async (feed) => {
    const { core, sessions, heads } = live;
    let waiting: ReplyDelta | undefined;
    let { attempt, length } = reached;
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
    feed.onClose(await guard(feed.close));
    relay?.opened(feed.wake);

    const askView = async (): Promise<void> => {
      const [row] = await core.messages([reply]);
      if (row?.conversation !== conversation || !(row.reply && RUNNING.has(row.reply.status))) ended = true;
    };
    // After attaching, so that an end in between is not missed.
    await askView();

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
        await askView();
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
      return ended || relay?.takesOver({ attempt, length }) ? 'end' : 'wait';
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
