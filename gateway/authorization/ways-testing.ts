import { bare } from '../schema/testing.js';
import { type Audience, audiences } from './table.js';
import { emailOf, rolesOf, under } from './testing.js';
import { LAST_SEQ, type Member, type Shared, feedbackOf, preferencesOf, relations } from './world-testing.js';

// How to get at an object of each type, and what those get there who get something of their own.

/** A document with FIELDS in the place of the fields, and where in the answer they stand. */
export type Way = { readonly query: string; readonly at: string };

const way = (query: string, at: string): Way => ({ query, at });

/** The ways to the object of a type, or, where that one has nothing there, to a single field. */
export function waysTo(shared: Shared, who: Audience): ReadonlyMap<string, Way> {
  const { main, message, reply, failed, said, running, temporary, fork } = shared;
  const page = 'viewer { conversations(first: 1) ';
  const joined = '{ viewer { memberships(first: 100) ';
  const ofMessage = (id: string, inner: string): string => `{ node(id: "${id}") { ... on Message { ${inner} } } }`;
  const ofMain = (inner: string): string => `{ conversation(id: "${main}") { ${inner} } }`;
  const ofFork = (inner: string): string => `{ conversation(id: "${fork}") { ${inner} } }`;
  const ofCommand = (id: string, type: string): string =>
    `{ commandOutcome(id: "${id}") { ... on ${type} { FIELDS } } }`;
  const nobodys = shared.unanswered.get(who) ?? shared.accepted;
  const pending = `mutation { profileChange(input: { commandId: "${nobodys}", name: "x" }) { ... on Pending { FIELDS } } }`;
  return new Map<string, Way>([
    ['Viewer', way('{ viewer { FIELDS } }', 'viewer')],
    ['Preferences', way('{ viewer { preferences { FIELDS } } }', 'viewer.preferences')],
    ['ConversationConnection', way(`{ ${page} { FIELDS } } }`, 'viewer.conversations')],
    ['PageInfo', way(`{ ${page} { pageInfo { FIELDS } } } }`, 'viewer.conversations.pageInfo')],
    ['PageInfo.hasNextPage', way(`${joined} { pageInfo { FIELDS } } } }`, 'viewer.memberships.pageInfo')],
    ['MembershipConnection', way(`${joined} { FIELDS } } }`, 'viewer.memberships')],
    ['Membership', way(`${joined} { nodes { FIELDS } } } }`, 'viewer.memberships.nodes.0')],
    ['User', way(`{ user(id: "${shared.users.get('owner')}") { FIELDS } }`, 'user')],
    ['Conversation', way(ofMain('FIELDS'), 'conversation')],
    ['Conversation.expires', way(`{ conversation(id: "${temporary.conversation}") { FIELDS } }`, 'conversation')],
    ['Conversation.origin', way(ofFork('FIELDS'), 'conversation')],
    ['Member', way(ofMain('members { FIELDS }'), 'conversation.members.0')],
    ['Share', way(ofMain('shares { FIELDS }'), 'conversation.shares.0')],
    ['Origin', way(ofFork('origin { FIELDS }'), 'conversation.origin')],
    ['Thread', way(ofMain(`thread(leaf: "${reply}", first: 1) { FIELDS }`), 'conversation.thread')],
    ['Thread.newer', way(ofMain(`thread(around: "${message}", first: 1) { FIELDS }`), 'conversation.thread')],
    ['Message', way(ofMessage(said, 'FIELDS'), 'node')],
    ['Message.reply', way(ofMessage(reply, 'FIELDS'), 'node')],
    ['Message.feedback', way(ofMessage(reply, 'FIELDS'), 'node')],
    ['Feedback', way(ofMessage(reply, 'feedback { FIELDS }'), 'node.feedback')],
    ['TextPart', way(ofMessage(said, 'parts { ... on TextPart { FIELDS } }'), 'node.parts.0')],
    ['Reply', way(ofMessage(reply, 'reply { FIELDS }'), 'node.reply')],
    ['Reply.code', way(ofMessage(failed, 'reply { FIELDS }'), 'node.reply')],
    ['Siblings', way(ofMessage(said, 'siblings { FIELDS }'), 'node.siblings')],
    ['Accepted', way(ofCommand(shared.accepted, 'Accepted'), 'commandOutcome')],
    ['Conflict', way(ofCommand(shared.conflict, 'Conflict'), 'commandOutcome')],
    ['Rejected', way(ofCommand(shared.rejected, 'Rejected'), 'commandOutcome')],
    ['Pending', way(pending, 'profileChange')],
    [
      'ConversationUpdate',
      way(`subscription { conversationEvents(id: "${main}", asOf: 0) { FIELDS } }`, 'conversationEvents'),
    ],
    ['ReplyDelta', way(`subscription { replyDeltas(id: "${running}") { FIELDS } }`, 'replyDeltas')],
    ['TypingUpdate', way(`subscription { typing(conversation: "${main}") { FIELDS } }`, 'typing')],
    ['InboxUpdate', way('subscription { inbox { FIELDS } }', 'inbox')],
    ['InboxUpdate.gone', way('subscription { inbox { FIELDS } }', 'inbox')],
    ['Lag', way('{ lag { FIELDS } }', 'lag.0')],
    ['DeadLetter', way('{ deadLetters { FIELDS } }', 'deadLetters.0')],
    ['DeadLetterError', way('{ deadLetters { error { FIELDS } } }', 'deadLetters.0.error')],
  ]);
}

/** The answer at a place, as `conversation.members.0`. */
export const found = (data: unknown, at: string): unknown => at.split('.').reduce<unknown>(under, data);

const isMember = (who: Audience): who is Member & Audience => Object.hasOwn(relations, who);

const ownId = (shared: Shared, who: Audience): string => shared.own.get(who) ?? 'nothing';

/** Whether these are conversations of theirs, and of nobody else alone. */
const areOwn = (shared: Shared, who: Audience) => (value: unknown) => {
  const text = JSON.stringify(value);
  return audiences.every((each) => text.includes(ownId(shared, each)) === (each === who));
};

/**
 * What is somebody's own, by field: the value, or what it must be. Of what is an object only that it is there: its fields
 * have rows of their own.
 */
export function ownOf(shared: Shared, who: Audience): ReadonlyMap<string, unknown> {
  const { instructions, theme, language } = preferencesOf(who);
  const id = shared.users.get(who);
  const everybodys: readonly (readonly [string, unknown])[] = [
    ['Query.viewer', { user: { id } }],
    ['User: oneself', { __typename: 'User', id }],
    ['Subscription.inbox', areOwn(shared, who)],
    ['Viewer.email', emailOf(who)],
    ['Viewer.roles', rolesOf(who).map((role) => role.toUpperCase())],
    ['Preferences.instructions', instructions],
    ['Preferences.theme', theme.toUpperCase()],
    ['Preferences.language', language],
    ['PageInfo.endCursor', (value: unknown) => decoded(value).includes(bare(ownId(shared, who)))],
    ['Pending.commandId', shared.unanswered.get(who)],
    ['InboxUpdate.gone', [ownId(shared, who)]],
  ];
  return new Map([...everybodys, ...(isMember(who) ? ofMember(shared, who) : [])]);
}

function ofMember(shared: Shared, who: Member): readonly (readonly [string, unknown])[] {
  const { read, pinned, archived, hidden, tag } = relations[who];
  const { value, comment } = feedbackOf(who);
  return [
    ['Conversation.role', who.toUpperCase()],
    ['Conversation.leaf', who === 'reader' ? shared.failed : shared.running],
    ['Conversation.readSeq', read],
    ['Conversation.unread', LAST_SEQ - read],
    ['Conversation.pinned', pinned],
    ['Conversation.archived', archived],
    ['Conversation.hidden', hidden],
    ['Conversation.tags', [tag]],
    ['Feedback.value', value.toUpperCase()],
    ['Feedback.comment', comment],
    ['Membership.role', who.toUpperCase()],
    ['Membership.version', (version: unknown) => typeof version === 'number' && version > 0],
  ];
}

const decoded = (value: unknown): string => Buffer.from(String(value), 'base64url').toString();
