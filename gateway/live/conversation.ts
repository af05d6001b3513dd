import type { Uuid } from '../../domain/ids.js';
import type { Changes, ConversationNotice } from '../../projections/readmodel/core/rows.js';
import { openFeed } from './feed.js';
import type { Kind, Relay } from './groups.js';
import { type Live, isConversationNotice } from './guard.js';

/** A reader that falls this far behind re-reads from the view: a queue without a bound only hides the load. */
const LONGEST_QUEUE = 64;
/** Nor does it keep more text than this, in characters, but for one notice. */
const LARGEST_QUEUE = 250_000;

/**
 * The rows that versions (from, to] changed; the conversation itself may be newer where there is more to come.
 * `removed`: the last delivery, for in `to` the subscriber ceased to be a member; nothing of what else those versions
 * changed is theirs to see. `at`: when `to` came to be, where that was told. `gone`: who is known to be a member no longer,
 * where it goes to many.
 */
export type ConversationDelivery =
  | (Changes & {
      readonly from: number;
      readonly removed: false;
      readonly at?: string;
      readonly gone?: ReadonlySet<Uuid>;
    })
  | { readonly from: number; readonly to: number; readonly removed: true };

/**
 * Everything that happens in a conversation after version `asOf`, for one of its members: each change once and in order.
 * It attaches before it reads. A notice that is not newer is dropped, one that leaves a gap is only a reason to read
 * again, and the repeated head finds what nobody told. Ends when the conversation is deleted, and with the removal of
 * the member. Whoever is no member gets the latter, and nothing else.
 */
export const followConversation = (
  live: Live,
  user: Uuid,
  id: Uuid,
  asOf: number,
  relay?: Relay<number>,
): Promise<AsyncGenerator<ConversationDelivery>> => follow(live, user, id, asOf, relay);

/** The same for many at once, who are told of each removal. */
export const manyFollowConversation = (live: Live): Kind<{ readonly id: Uuid }, ConversationDelivery, number> => ({
  keyOf: ({ id }) => id,
  conversationOf: ({ id }) => id,
  open: ({ id }, person, asOf = 0, relay) => followConversation(live, person, id, asOf, relay),
  upstream: async ({ id }) => {
    const version = (await live.core.conversation(id))?.version ?? 0;
    return {
      source: await follow(live, undefined, id, version),
      at: { from: version, to: version, removed: true },
    };
  },
  fit: (delivery, at, person) => {
    if (delivery.to <= at) return 'drop';
    if (delivery.from !== at || delivery.removed || delivery.gone?.has(person)) return 'out';
    return delivery.to;
  },
  keep: LONGEST_QUEUE,
});

const follow = (
  { core, sessions, heads }: Live,
  user: Uuid | undefined,
  id: Uuid,
  asOf: number,
  relay?: Relay<number>,
): Promise<AsyncGenerator<ConversationDelivery>> =>
  openFeed(async (feed) => {
    let queue: ConversationNotice[] = [];
    /** How much text waits in it. */
    let size = 0;
    /** The version that the subscriber has, and the one up to which we know that they are a member. */
    let last = asOf;
    let known = 0;
    let behind = true;
    let over = false;

    const readAgain = (): void => {
      behind = true;
      queue = [];
      size = 0;
      feed.wake();
    };
    const detach = await sessions.attach(`conversation:${id}`, (notice) => {
      if (!isConversationNotice(notice)) return;
      size += charsIn(notice);
      if (queue.push(notice) > LONGEST_QUEUE || (size > LARGEST_QUEUE && queue.length > 1)) readAgain();
      feed.wake();
    });
    feed.onClose(detach);
    feed.onClose(
      heads.watch(id, (version) => {
        if (version > known && queue.length === 0) readAgain();
      }),
    );
    const seen = user === undefined ? { version: asOf } : (await core.seen(user, [id])).get(id);
    let member = seen !== undefined;
    // Not `asOf`, which is only what a client says: a removal before it must be found all the same.
    known = seen?.version ?? 0;
    relay?.opened(feed.wake);

    const take = (changes: Changes & { readonly at?: string }): ConversationDelivery | undefined => {
      const from = last;
      const own = changes.members.find(({ person }) => person === user);
      member = own ? !own.removed : member;
      if (!member) {
        over = true;
        return { from, to: Math.max(from, own?.version ?? 0), removed: true };
      }
      const { to, conversation, messages, members, at } = changes;
      known = conversation.version;
      // One page of several: the next one goes on from here.
      if (to < known) behind = true;
      if (to <= from) return undefined;
      last = to;
      over = conversation.deleted && to === known;
      const isNew = ({ version }: { readonly version: number }): boolean => version > from && version <= to;
      return {
        from,
        to,
        conversation,
        messages: messages.filter(isNew),
        members: members.filter(isNew),
        removed: false,
        ...(at === undefined ? {} : { at }),
        ...(user === undefined ? { gone: goneOf(changes) } : {}),
      };
    };

    return async () => {
      if (over) return 'end';
      while (behind) {
        behind = false;
        const changes = await core.changes(id, Math.min(last, known));
        const delivery = changes && take(changes);
        if (delivery) return delivery;
      }
      for (let notice = queue.shift(); notice; notice = queue.shift()) {
        size -= charsIn(notice);
        if (notice.to <= known) continue;
        if (notice.from > known) {
          readAgain();
          continue;
        }
        const delivery = take(notice);
        if (delivery) return delivery;
      }
      return last === known && relay?.takesOver(last) ? 'end' : 'wait';
    };
  });

/** Not only those of the versions that are delivered: the members come as they are now. */
const goneOf = ({ members }: Changes): ReadonlySet<Uuid> =>
  new Set(members.flatMap(({ person, removed }) => (removed ? [person] : [])));

const charsIn = ({ messages }: ConversationNotice): number =>
  messages.reduce((sum, { parts }) => parts.reduce((all, { chars }) => all + chars, sum), 0);
