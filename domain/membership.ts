import { type Sealed, contentOf, limits, nonceOf, personKey } from './content.js';
import type { MemberRole } from './conversation-events.js';
import { type Asked, type Decider, type Rejection, SYSTEM, reject } from './decider.js';
import type { Clear } from './event.js';
import { sealFault, textFault } from './faults.js';
import { type Uuid, bucketOf, isUuid, membershipId } from './ids.js';

// The names and shapes of events are the storage format: never change one, add a version (see upcasters.ts).

type Tag = { text: Sealed; chars: number };
type Of<More> = { conversation: Uuid; user: Uuid } & More;

/**
 * One person's relation to one conversation. It begins at need: no event means the defaults. `source` is the version of
 * the conversation's stream that brought it about.
 */
export type MembershipEvent =
  | { type: 'ConversationRead'; data: Of<{ seq: number }> }
  | { type: 'MembershipJoined'; data: Of<{ role: MemberRole; by: string; source: number }> }
  | { type: 'MembershipLeft'; data: Of<{ source: number }> }
  | { type: 'ConversationPinned'; data: Of<{ pinned: boolean }> }
  | { type: 'ConversationArchived'; data: Of<{ archived: boolean }> }
  | { type: 'ConversationTagged'; data: Of<{ tags: readonly Tag[] }> }
  | { type: 'BranchChosen'; data: Of<{ leaf: Uuid }> }
  | { type: 'ConversationHidden'; data: Of<{ hidden: boolean }> };

const whose = { conversation: 'clear', user: 'clear' } as const;

export const membershipContent = {
  ConversationRead: { ...whose, seq: 'clear' },
  MembershipJoined: { ...whose, role: 'clear', by: 'clear', source: 'clear' },
  MembershipLeft: { ...whose, source: 'clear' },
  ConversationPinned: { ...whose, pinned: 'clear' },
  ConversationArchived: { ...whose, archived: 'clear' },
  ConversationTagged: { ...whose, tags: 'sealed' },
  BranchChosen: { ...whose, leaf: 'clear' },
  ConversationHidden: { ...whose, hidden: 'clear' },
} satisfies Clear<MembershipEvent>;

/**
 * `read` is the seq of the newest message seen, `source` the newest news from the conversation, `tags` the marks of the
 * tags (see `nonceOf`), `leaf` the branch last chosen.
 */
export type MembershipState = {
  readonly read: number;
  readonly source: number;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly hidden: boolean;
  readonly tags: string;
  readonly leaf: string;
};

export type MembershipCommand =
  | { type: 'JoinConversation'; data: Of<{ role: MemberRole; by: string; source: number }> }
  | { type: 'LeaveConversation'; data: Of<{ source: number }> }
  | { type: 'MarkRead'; data: { conversation: Uuid; seq: number } }
  | { type: 'PinConversation'; data: { conversation: Uuid; pinned: boolean } }
  | { type: 'ArchiveConversation'; data: { conversation: Uuid; archived: boolean } }
  | { type: 'TagConversation'; data: { conversation: Uuid; tags: readonly Tag[] } }
  | { type: 'ChooseBranch'; data: { conversation: Uuid; leaf: Uuid } }
  | { type: 'HideConversation'; data: { conversation: Uuid; hidden: boolean } };

type Decision = readonly MembershipEvent[] | Rejection;

const marksOf = (tags: readonly Tag[]): string => tags.map(({ text }) => nonceOf(text)).join(' ');

function evolve(state: MembershipState, { type, data }: MembershipEvent): MembershipState {
  switch (type) {
    case 'ConversationRead':
      return { ...state, read: data.seq };
    case 'MembershipJoined':
    case 'MembershipLeft':
      return { ...state, source: data.source };
    case 'ConversationPinned':
      return { ...state, pinned: data.pinned };
    case 'ConversationArchived':
      return { ...state, archived: data.archived };
    case 'ConversationTagged':
      return { ...state, tags: marksOf(data.tags) };
    case 'BranchChosen':
      return { ...state, leaf: data.leaf };
    case 'ConversationHidden':
      return { ...state, hidden: data.hidden };
  }
}

const notFound = reject('NOT_FOUND', 'This is not your membership.');

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

function tagsFault(id: Uuid, actor: Uuid, tags: readonly Tag[]): Rejection | undefined {
  if (tags.length > limits.tags) return reject('TOO_LARGE', `A conversation has at most ${limits.tags} tags.`);
  for (const [n, { text, chars }] of tags.entries()) {
    const fault = textFault('A tag', chars, limits.tag) ?? sealFault(text, personKey(actor), contentOf.tag(id, n));
    if (fault) return fault;
  }
  return undefined;
}

/** News from the conversation, which may come late, twice or out of order: the newest stands. */
function houseDecides({ id, type, data }: Asked<MembershipCommand>, state: MembershipState): Decision {
  if (type !== 'JoinConversation' && type !== 'LeaveConversation') return notFound;
  if (membershipId(data.conversation, data.user) !== id) return notFound;
  if (!isCount(data.source)) return reject('INVALID', 'source is the version of a stream.');
  if (data.source <= state.source) return [];
  return type === 'JoinConversation' ? [{ type: 'MembershipJoined', data }] : [{ type: 'MembershipLeft', data }];
}

function decide(command: Asked<MembershipCommand>, state: MembershipState): Decision {
  const { actor, id, type, data } = command;
  if (actor === SYSTEM) return houseDecides(command, state);
  if (membershipId(data.conversation, actor) !== id) return notFound;
  const of = { conversation: data.conversation, user: actor };
  switch (type) {
    case 'MarkRead':
      if (!isCount(data.seq)) return reject('INVALID', 'seq is a whole number from 0.');
      return data.seq <= state.read ? [] : [{ type: 'ConversationRead', data: { ...of, seq: data.seq } }];
    case 'PinConversation':
      return data.pinned === state.pinned ? [] : [{ type: 'ConversationPinned', data: { ...of, pinned: data.pinned } }];
    case 'ArchiveConversation':
      return data.archived === state.archived
        ? []
        : [{ type: 'ConversationArchived', data: { ...of, archived: data.archived } }];
    case 'TagConversation':
      return (
        tagsFault(id, actor, data.tags) ??
        (marksOf(data.tags) === state.tags ? [] : [{ type: 'ConversationTagged', data: { ...of, tags: data.tags } }])
      );
    case 'ChooseBranch':
      // Whether that message is there is the conversation's to know: its home is another.
      if (!isUuid(data.leaf)) return reject('INVALID', `${data.leaf} is not the id of a message.`);
      if (bucketOf(data.leaf) !== bucketOf(data.conversation)) {
        return reject('WRONG_BUCKET', `${data.leaf} is not a message of this conversation.`);
      }
      return data.leaf === state.leaf ? [] : [{ type: 'BranchChosen', data: { ...of, leaf: data.leaf } }];
    case 'HideConversation':
      return data.hidden === state.hidden ? [] : [{ type: 'ConversationHidden', data: { ...of, hidden: data.hidden } }];
    default:
      return notFound;
  }
}

export const membership: Decider<MembershipState, MembershipCommand, MembershipEvent> = {
  initial: { read: 0, source: 0, pinned: false, archived: false, hidden: false, tags: '', leaf: '' },
  evolve,
  decide,
};
