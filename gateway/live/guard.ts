import type { Uuid } from '../../domain/ids.js';
import type { ConversationNotice, CoreQueries } from '../../projections/readmodel/core/rows.js';
import type { Sessions } from '../../projections/sessions/sessions.js';
import type { Heads } from './heads.js';

/** What live delivery works with. */
export type Live = { readonly core: CoreQueries; readonly sessions: Sessions; readonly heads: Heads };

/**
 * Tells once when a person can read a conversation no longer: they are a member no more, or it is deleted; before it
 * resolves, if that is so already. A notice tells it at once, the repeated head what no notice told. Where it cannot be
 * known, because the view does not answer, access is lost too: whoever may come back does. Returns how to leave.
 */
export async function guardAccess(
  { core, sessions, heads }: Live,
  user: Uuid,
  conversation: Uuid,
  onLost: () => void,
): Promise<() => void> {
  /** The version up to which they are known to be a member. */
  let known = 0;
  let over = false;
  const leaving: (() => void)[] = [];
  const leave = (): void => {
    over = true;
    for (const end of leaving.splice(0)) end();
  };
  const lose = (): void => {
    if (over) return;
    leave();
    onLost();
  };

  let looking = false;
  let again = false;
  const look = async (): Promise<void> => {
    again = true;
    if (looking) return;
    looking = true;
    try {
      while (again && !over) {
        again = false;
        const seen = (await core.seen(user, [conversation])).get(conversation);
        if (!seen || seen.deleted) lose();
        else known = Math.max(known, seen.version);
      }
    } catch {
      lose();
    }
    looking = false;
  };

  const detach = await sessions.attach(`conversation:${conversation}`, (notice) => {
    if (over || !isConversationNotice(notice) || notice.to <= known) return;
    if (notice.conversation.deleted || hasLost(notice, user)) lose();
    else if (notice.from > known) void look();
    else known = notice.to;
  });
  leaving.push(
    detach,
    heads.watch(conversation, (version) => {
      if (version > known) void look();
    }),
  );
  await look();
  return leave;
}

/** Whether these changes leave somebody outside. */
export const hasLost = ({ members }: Pick<ConversationNotice, 'members'>, user: Uuid): boolean =>
  members.some(({ person, removed }) => person === user && removed);

export const isConversationNotice = (notice: unknown): notice is ConversationNotice =>
  typeof notice === 'object' && notice !== null && 'from' in notice && 'to' in notice && 'messages' in notice;
