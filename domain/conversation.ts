import { contentOf, limits, nonceOf } from './content.js';
import type {
  AssistantCommand,
  ConversationCommand,
  ConversationEvent,
  Feedback,
  HouseCommand,
  MemberCommand,
  MemberRole,
} from './conversation-events.js';
import {
  type ConversationState,
  type Decision,
  chunked,
  evolve,
  feedbackMark,
  initial,
  keyIn,
  roleOf,
} from './conversation-state.js';
import { ASSISTANT, type Asked, type Decider, SYSTEM, type Typed, reject } from './decider.js';
import { idFault, sealFault, textFault, timeFault } from './faults.js';
import { type Uuid, bucketOf, isClientId, isUuid } from './ids.js';
import { addMember, changeRole, eraseMember, removeMember, tellMembership } from './members.js';
import { copy, post, postFirst, requestReply, stopReply } from './messages.js';
import { assistantDecides, titleFault } from './replies.js';
import { lookUp } from './tree.js';

// Who may do what in a conversation, and its life from start to end. Its messages, replies and members have their rules
// in files of their own; conversation-events.ts says what happens, conversation-state.ts what decisions need of it.

export { conversationContent } from './conversation-events.js';
export type { ConversationCommand, ConversationEvent, MemberRole } from './conversation-events.js';
export type { ConversationState } from './conversation-state.js';

const notFound = reject('NOT_FOUND', 'This conversation does not exist, or it is not yours.');

type Start = Extract<ConversationCommand, { type: 'StartConversation' | 'ForkConversation' }>;

function begin({ actor, id, type, data }: Asked<Start>, state: ConversationState): Decision {
  if (!isClientId(id)) return reject('INVALID', `The id ${id} is not a UUID of version 7.`);
  // Asked before it is looked for: strangers do not learn what there is in other people's homes.
  if (bucketOf(id) !== bucketOf(actor)) {
    return reject('WRONG_BUCKET', 'A conversation ends in the last three digits of the id of who starts it.');
  }
  if (state.status !== 'absent') return reject('ID_TAKEN', 'This conversation exists: make a new id.');
  const { title, chars } = data;
  const expires = type === 'StartConversation' ? data.expires : null;
  const origin = type === 'ForkConversation' ? data.origin : null;
  const begun = { ...state, temporary: expires !== null };
  const fault = titleFault(id, data, keyIn(id, begun, actor)) ?? (expires === null ? undefined : timeFault(expires));
  if (fault) return fault;
  if (origin && !(isUuid(origin.conversation) && isUuid(origin.message))) {
    return reject('INVALID', 'A fork names the conversation and the message that it comes from.');
  }
  const first = type === 'StartConversation' ? postFirst(begun, id, actor, data) : [];
  if ('rejected' in first) return first;
  return [{ type: 'ConversationStarted', data: { starter: actor, title, chars, expires, origin } }, ...first];
}

/** What a role allows, and all that the one before it does. */
const ranks: readonly MemberRole[] = ['reader', 'writer', 'owner'];

/** The least role for each wish of a person. */
const needs: Readonly<Record<MemberCommand['type'], MemberRole>> = {
  GiveFeedback: 'reader',
  // To leave; owners remove others.
  RemoveMember: 'reader',
  PostMessage: 'writer',
  CopyMessages: 'writer',
  RequestReply: 'writer',
  StopReply: 'writer',
  RenameConversation: 'owner',
  DeleteConversation: 'owner',
  RestoreConversation: 'owner',
  ShareConversation: 'owner',
  UnshareConversation: 'owner',
  AddMember: 'owner',
  ChangeRole: 'owner',
};

function share(state: ConversationState, home: Uuid, by: Uuid, data: { share: Uuid; leaf: Uuid }): Decision {
  if (state.temporary) return reject('INVALID', 'A temporary conversation is for one person alone.');
  const known = state.shares[data.share];
  if (known === data.leaf) return [];
  const fault = idFault(data.share, home);
  if (fault) return fault;
  if (known !== undefined || lookUp(state.tree, data.share)) {
    return reject('ID_TAKEN', `The id ${data.share} is taken: make a new one.`);
  }
  const leaf = lookUp(state.tree, data.leaf);
  if (!leaf) return reject('NOT_FOUND', 'The message to share does not exist here.');
  if (leaf.reply && !leaf.reply.ended)
    return reject('REPLY_RUNNING', 'The reply is still running: share it once it ends.');
  if (Object.keys(state.shares).length >= limits.shares) {
    return reject('TOO_LARGE', `A conversation has at most ${limits.shares} shares at a time: end one.`);
  }
  return [{ type: 'ConversationShared', data: { ...data, by } }];
}

function giveFeedback(state: ConversationState, home: Uuid, by: Uuid, data: Feedback): Decision {
  const { message, value, comment, chars } = data;
  const node = lookUp(state.tree, message);
  if (!node) return reject('NOT_FOUND', 'This reply does not exist here.');
  if (!node.reply) return reject('INVALID', 'Feedback is for replies.');
  if (!node.reply.ended) return reject('REPLY_RUNNING', 'The reply is still running: say what you think once it ends.');
  if (comment === null ? chars !== 0 : value === 'none') {
    return reject('INVALID', 'A comment comes with up or down, and without one it has no characters.');
  }
  const fault =
    comment &&
    (textFault('A comment', chars, limits.comment) ??
      sealFault(comment, keyIn(home, state, by), contentOf.feedback(message, by)));
  if (fault) return fault;
  const now = node.feedback?.[by] ?? 'none';
  return feedbackMark(data) === now ? [] : [{ type: 'FeedbackGiven', data: { message, by, value, comment, chars } }];
}

function rename(state: ConversationState, id: Uuid, by: Uuid, data: Renaming): Decision {
  // Once the starter is erased their key is gone: then a title can only have that of who gives it.
  const own = keyIn(id, state, by);
  const fault = titleFault(id, data, data.title.key === own ? own : keyIn(id, state, state.starter));
  if (fault) return fault;
  return nonceOf(data.title) === state.title.seal
    ? []
    : [{ type: 'ConversationRenamed', data: { title: data.title, chars: data.chars, by: 'person' } }];
}
type Renaming = Extract<MemberCommand, { type: 'RenameConversation' }>['data'];

/** What people ask. Strangers learn nothing: not even whether it is there. */
function memberDecides({ actor, id, ...asked }: Asked<MemberCommand>, state: ConversationState): Decision {
  const { type, data } = asked;
  const role = roleOf(state, actor);
  if (!role || state.status === 'expired' || state.status === 'purged') return notFound;
  // What is deleted is there for those only who can bring it back.
  if (state.status === 'deleted' && role !== 'owner') return notFound;
  if (ranks.indexOf(role) < ranks.indexOf(needs[type])) {
    return reject('FORBIDDEN', `This is for ${needs[type]}s, and you are a ${role} here: ask an owner.`);
  }
  if (type === 'DeleteConversation') {
    return state.status === 'deleted' ? [] : [{ type: 'ConversationDeleted', data: { by: actor } }];
  }
  if (type === 'RestoreConversation') {
    return state.status === 'open' ? [] : [{ type: 'ConversationRestored', data: { by: actor } }];
  }
  if (state.status === 'deleted') return notFound;
  switch (type) {
    case 'PostMessage':
      return post(state, id, actor, data);
    case 'CopyMessages':
      if (actor !== state.starter) return reject('FORBIDDEN', 'Only who made this fork fills it.');
      return copy(state, id, data.messages);
    case 'RequestReply':
      return requestReply(state, id, actor, data);
    case 'StopReply':
      return stopReply(state, actor, data.reply);
    case 'GiveFeedback':
      return giveFeedback(state, id, actor, data);
    case 'RenameConversation':
      return rename(state, id, actor, data);
    case 'ShareConversation':
      return share(state, id, actor, data);
    case 'UnshareConversation':
      return Object.hasOwn(state.shares, data.share)
        ? [{ type: 'ConversationUnshared', data: { ...data, by: actor } }]
        : [];
    case 'AddMember':
      return addMember(state, actor, data.user, data.role);
    case 'ChangeRole':
      return changeRole(state, actor, data.user, data.role);
    case 'RemoveMember':
      return removeMember(state, actor, data.user);
  }
}

/** What the installation asks. */
function houseDecides({ type, data }: HouseCommand, state: ConversationState): Decision {
  const over = state.status === 'expired' || state.status === 'purged';
  switch (type) {
    case 'EraseMember':
      return eraseMember(state, data.user);
    case 'TellMembership':
      return tellMembership(state, data.user, data.version);
    case 'ExpireConversation':
      if (!state.temporary) return reject('INVALID', 'This conversation is not temporary: it does not expire.');
      return over ? [] : [{ type: 'ConversationExpired', data: {} }];
    case 'PurgeConversation':
      if (!over) return reject('INVALID', 'This conversation has not expired.');
      return state.status === 'purged' ? [] : [{ type: 'ConversationPurged', data: {} }];
  }
}

/** Whether a command is one of those that are the keys of a table. */
const isOneOf =
  <C extends ConversationCommand>(types: Readonly<Record<C['type'], unknown>>) =>
  (command: Asked<Typed>): command is Asked<C> =>
    Object.hasOwn(types, command.type);

const isStart = isOneOf<Start>({ StartConversation: true, ForkConversation: true });
const isMembers = isOneOf<MemberCommand>(needs);
const isHouse = isOneOf<HouseCommand>({
  EraseMember: true,
  TellMembership: true,
  ExpireConversation: true,
  PurgeConversation: true,
});
const isAssistants = isOneOf<AssistantCommand>({
  ClaimReply: true,
  CompleteReply: true,
  FailReply: true,
  EndStoppedReply: true,
  ClaimTitle: true,
  SetTitle: true,
  FailTitle: true,
});

function decide(command: Asked<ConversationCommand>, state: ConversationState): Decision {
  if (isStart(command)) return begin(command, state);
  if (state.status === 'absent') return notFound;
  const { actor, id } = command;
  if (actor === ASSISTANT) return isAssistants(command) ? assistantDecides(command, id, state) : notFound;
  if (actor === SYSTEM) return isHouse(command) ? houseDecides(command, state) : notFound;
  return isMembers(command) ? memberDecides(command, state) : notFound;
}

export const conversation: Decider<ConversationState, ConversationCommand, ConversationEvent> = {
  initial,
  evolve,
  decide,
  chunked,
};
