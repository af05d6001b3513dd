import { SYSTEM } from '../../domain/decider.js';
import { membershipStream, nameFor, streamOf } from '../../domain/ids.js';
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
      const [home, stream] = [membershipStream(conversation, user), streamOf('conversation', conversation)];
      const told = { actor: SYSTEM, stream: home, id: nameFor(home, id, `relation:${source}`) };
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
          id: nameFor(stream, id, `told:${source}`),
          actor: SYSTEM,
          stream,
          type: 'TellMembership',
          data: { user, version: source },
        },
        gone,
      );
    },
  };
}
