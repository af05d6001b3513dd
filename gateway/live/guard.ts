import type { Uuid } from '../../domain/ids.js';
import type { ConversationNotice, CoreQueries } from '../../projections/readmodel/core/rows.js';
import type { Sessions } from '../../projections/sessions/sessions.js';
import type { OnLost } from './groups.js';
import type { Heads } from './heads.js';

/** What live delivery works with. */
export type Live = { readonly core: CoreQueries; readonly sessions: Sessions; readonly heads: Heads };

/**
 * Tells once when a person can read a conversation no longer: they are a member no more, or it is deleted; before it
 * resolves, if that is so already. A notice tells it at once, the repeated head what no notice told. Where it cannot be
 * known, because the view does not answer, access is lost too: whoever may come back does. Returns how to leave.
 */
export async function guardAccess(live: Live, user: Uuid, conversation: Uuid, onLost: () => void): Promise<() => void> {
  return watchAccess(live, conversation, (leave) => {
    let lost = false;
    const lose = (): number => {
      leave();
      if (!lost) onLost();
      lost = true;
      return Infinity;
    };
    return {
      heard: (notice) => {
        if (notice.conversation.deleted || hasLost(notice, user)) lose();
      },
      ask: async () => {
        const seen = (await live.core.seen(user, [conversation])).get(conversation);
        return seen && !seen.deleted ? seen.version : lose();
      },
      failed: lose,
    };
  });
}

/** The same for all who read a conversation: tells whenever some of them may be able to no longer. */
export const guardAll = (live: Live, conversation: Uuid, lost: OnLost): Promise<() => void> =>
  watchAccess(live, conversation, () => ({
    heard: (notice) => {
      if (notice.conversation.deleted) lost(() => true);
      else if (notice.members.some(({ removed }) => removed)) lost((person) => hasLost(notice, person));
    },
    ask: async () => {
      const row = await live.core.conversation(conversation);
      const people = new Set((await live.core.members([conversation])).map(({ person }) => person));
      lost((person) => !row || row.deleted || !people.has(person));
      return row?.version ?? 0;
    },
    failed: () => lost(() => true),
  }));

type Watcher = {
  heard(notice: ConversationNotice): void;
  /** Asks the view; resolves with the version up to which it knows. */
  ask(): Promise<number>;
  failed(): void;
};

/** Hears each notice of a conversation that is news, and asks the view at first and where some are missing. */
async function watchAccess(
  { sessions, heads }: Live,
  conversation: Uuid,
  watcher: (leave: () => void) => Watcher,
): Promise<() => void> {
  /** The version up to which all is known. */
  let known = 0;
  let over = false;
  let looking = false;
  let again = false;
  const leaving: (() => void)[] = [];
  const leave = (): void => {
    over = true;
    for (const end of leaving.splice(0)) end();
  };
  const { heard, ask, failed } = watcher(leave);
  const look = async (): Promise<void> => {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && !over) {
        again = false;
        known = Math.max(known, await ask());
      }
    } catch {
      failed();
    }
    looking = false;
  };

  const detach = await sessions.attach(`conversation:${conversation}`, (notice) => {
    if (over || !isConversationNotice(notice) || notice.to <= known) return;
    heard(notice);
    if (notice.from > known) void look();
    else known = notice.to;
  });
  const unwatch = heads.watch(conversation, (version) => {
    if (version > known) void look();
  });
  leaving.push(detach, unwatch);
  await look();
  return leave;
}

/** Whether these changes leave somebody outside. */
export const hasLost = ({ members }: Pick<ConversationNotice, 'members'>, user: Uuid): boolean =>
  members.some(({ person, removed }) => person === user && removed);

export const isConversationNotice = (notice: unknown): notice is ConversationNotice =>
  typeof notice === 'object' && notice !== null && 'from' in notice && 'to' in notice && 'messages' in notice;
