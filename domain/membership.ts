import { type Decider, reject } from './decider.js';
import type { Clear } from './event.js';
import { type Uuid, membershipId } from './ids.js';

// The names and shapes of events are the storage format: never change one, add a version.

/** One person's relation to one conversation. It begins at need: no event means the defaults. */
export type MembershipEvent = {
  type: 'ConversationRead';
  data: { conversation: Uuid; user: Uuid; seq: number };
};

export const membershipContent = {
  ConversationRead: { conversation: 'clear', user: 'clear', seq: 'clear' },
} satisfies Clear<MembershipEvent>;

/** `read` is the seq of the newest message seen. */
export type MembershipState = { readonly read: number };

export type MembershipCommand = { type: 'MarkRead'; data: { conversation: Uuid; seq: number } };

export const membership: Decider<MembershipState, MembershipCommand, MembershipEvent> = {
  initial: { read: 0 },

  evolve: (_, event) => ({ read: event.data.seq }),

  decide: ({ actor, id, data }, state) => {
    if (membershipId(data.conversation, actor) !== id) return reject('NOT_FOUND', 'This is not your membership.');
    if (!Number.isSafeInteger(data.seq) || data.seq < 0) return reject('INVALID', 'seq is a whole number from 0.');
    if (data.seq <= state.read) return [];
    return [{ type: 'ConversationRead', data: { conversation: data.conversation, user: actor, seq: data.seq } }];
  },
};
