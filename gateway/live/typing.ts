import type { Uuid } from '../../domain/ids.js';
import type { TypingNotice } from '../../projections/sessions/sessions.js';
import { openFeed } from './feed.js';
import { type Live, guardAccess } from './guard.js';

/**
 * Who types in a conversation, but for the viewer: first as it is, then at each change, for a slow reader only the newest
 * state. It is read again every `every` ms, so that whoever said nothing more is gone, and a lost notice heals. Ends when
 * the viewer can read the conversation no longer.
 */
export const followTyping = (
  live: Live,
  user: Uuid,
  conversation: Uuid,
  every = 2_500,
): Promise<AsyncGenerator<readonly Uuid[]>> =>
  openFeed(async (feed) => {
    const { sessions } = live;
    let people = new Set<Uuid>();
    let told: string | undefined;
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
    feed.onClose(await guardAccess(live, user, conversation, feed.close));
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
      if (state === told) return 'wait';
      told = state;
      return others;
    };
  });

const isTyping = (notice: unknown): notice is TypingNotice =>
  typeof notice === 'object' && notice !== null && 'user' in notice && 'typing' in notice;
