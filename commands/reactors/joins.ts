import { SYSTEM } from '../../domain/decider.js';
import { derivedId, membershipStream, streamOf } from '../../domain/ids.js';
import type { Keeper } from './executor.js';
import { type Insist, settle } from './insist.js';
import type { MembershipObligation } from './reactor.js';

export type JoinsOptions = {
  readonly insist: Insist;
};

/** How many are told at once. */
const AT_ONCE = 20;

/**
 * Tells a person's home what became of their membership in a conversation, which may live at another one; then tells the
 * conversation that it was told. Both name the version of the conversation that it is about, so that of two changes the
 * newer holds in whatever order they arrive.
 */
export function joins({ insist }: JoinsOptions): Keeper<MembershipObligation> {
  return {
    atOnce: AT_ONCE,
    keep: async ({ id, conversation, user, role, by, source }, { gone }) => {
      const home = { actor: SYSTEM, stream: membershipStream(conversation, user) };
      const told = { ...home, id: derivedId(id, `relation:${source}`) };
      if (gone.aborted) return;
      await settle(
        insist,
        role === null
          ? { ...told, type: 'LeaveConversation', data: { conversation, user, source } }
          : { ...told, type: 'JoinConversation', data: { conversation, user, role, by, source } },
        gone,
      );
      if (gone.aborted) return;
      await settle(
        insist,
        {
          id: derivedId(id, `told:${source}`),
          actor: SYSTEM,
          stream: streamOf('conversation', conversation),
          type: 'TellMembership',
          data: { user, version: source },
        },
        gone,
      );
    },
  };
}
