import type { Uuid } from '../../domain/ids.js';
import type { TypingNotice } from '../../projections/sessions/sessions.js';
import { openFeed } from './feed.js';
import type { Kind, Relay } from './groups.js';
import { type Live, guardAccess, guardAll } from './guard.js';

/** What somebody was told last. */
type Told = { readonly state: string };
type Target = { readonly id: Uuid };

/**
 * Who types in a conversation, but for the viewer: first as it is, then at each change, for a slow reader only the newest
 * state. It is read again every `every` ms, so that whoever said nothing more is gone, and a lost notice heals. Ends when
 * the viewer can read the conversation no longer.
 */
export const followTyping = (
  live: Live,
  user: Uuid,
  conversation: Uuid,
  every = EVERY,
  told?: Told,
  relay?: Relay<Told>,
): Promise<AsyncGenerator<readonly Uuid[]>> => {
  const guard = (close: () => void) => guardAccess(live, user, conversation, close);
  return follow(live, user, conversation, every, guard, told, relay);
};

/** The same for many at once, who do not type themselves: whoever does sees it otherwise. */
export const manyFollowTyping = (live: Live): Kind<Target, readonly Uuid[], Told> => ({
  keyOf: ({ id }) => id,
  conversationOf: ({ id }) => id,
  open: ({ id }, person, told, relay) => followTyping(live, person, id, EVERY, told, relay),
  upstream: async ({ id }, lost) => ({
    source: await follow(live, undefined, id, EVERY, () => guardAll(live, id, lost)),
  }),
  fit: (people, { state }, person) => {
    if (people.includes(person)) return 'out';
    return people.join() === state ? 'drop' : { state: people.join() };
  },
  keep: 1,
});

const follow = (
  { sessions }: Live,
  user: Uuid | undefined,
  conversation: Uuid,
  every: number,
  guard: (close: () => void) => Promise<() => void>,
  last?: Told,
  relay?: Relay<Told>,
): Promise<AsyncGenerator<readonly Uuid[]>> =>
  openFeed(async (feed) => {
    let people = new Set<Uuid>();
    let told = last?.state;
    let look = true;
    /** What comes while the state is being read, and may or may not be in it. */
    let meanwhile: TypingNotice[] | undefined;

    const put = (typists: Set<Uuid>, notice: TypingNotice): void => {
      if (notice.typing) typists.add(notice.user);
      else typists.delete(notice.user);
    };
    const detach = await sessions.attach(`typing:${conversation}`, (notice) => {
      if (!isTyping(notice)) return;
      meanwhile?.push(notice);
      put(people, notice);
      feed.wake();
    });
    feed.onClose(detach);
    feed.onClose(await guard(feed.close));
    relay?.opened(feed.wake);
    const timer = setInterval(() => {
      look = true;
      feed.wake();
    }, every);
    feed.onClose(() => clearInterval(timer));

    return async () => {
      if (look) {
        look = false;
        meanwhile = [];
        const typists = new Set(await sessions.readTyping(conversation));
        for (const notice of meanwhile) put(typists, notice);
        meanwhile = undefined;
        people = typists;
      }
      const others = [...people].filter((person) => person !== user);
      const state = others.join();
      if (state === told) {
        const types = user !== undefined && people.has(user);
        return !types && relay?.takesOver({ state }) ? 'end' : 'wait';
      }
      told = state;
      return others;
    };
  });

/** How often it is read again, in ms. */
const EVERY = 2_500;

const isTyping = (notice: unknown): notice is TypingNotice =>
  typeof notice === 'object' && notice !== null && 'user' in notice && 'typing' in notice;
