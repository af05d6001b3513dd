import { type Part, contentOf, limits, personKey } from './content.js';
import type { Copy, NewMessage } from './conversation-events.js';
import { type ConversationState, type Decision, type Node, keyIn } from './conversation-state.js';
import { type Rejection, reject } from './decider.js';
import { idFault, sealFault } from './faults.js';
import type { Uuid } from './ids.js';
import { type Tree, lookUp } from './tree.js';

// The rules for messages: which are new, where they hang, and that none is lost where several write at once.

/** The newest message below this one: where its branch ends now. */
function leafBelow(tree: Tree<Node>, id: Uuid): Uuid {
  let leaf = id;
  for (let child = lookUp(tree, leaf)?.child; child !== undefined; child = lookUp(tree, leaf)?.child) leaf = child;
  return leaf;
}

const isRunning = (node: Node | undefined): boolean => node?.reply !== undefined && !node.reply.ended;

const stillRunning = reject('REPLY_RUNNING', 'The reply is still running: wait for its end, or stop it.');
const noMessage = reject('NOT_FOUND', 'The message to answer does not exist here.');

/** What is wrong with the id of a new message, if anything. */
const newIdFault = ({ tree }: ConversationState, home: Uuid, id: Uuid): Rejection | undefined =>
  idFault(id, home) ?? (lookUp(tree, id) ? reject('ID_TAKEN', `The id ${id} is taken: make a new one.`) : undefined);

/** What is wrong with the parts of a message that are sealed under a key, in the place of a message, if anything. */
export function partsFault(parts: readonly Part[], key: string, place: Uuid): Rejection | undefined {
  const chars = parts.reduce((sum, part) => sum + part.chars, 0);
  if (chars > limits.message || parts.length > limits.parts) {
    return reject('TOO_LARGE', `A message has at most ${limits.message} characters in ${limits.parts} parts.`);
  }
  for (const [index, { text }] of parts.entries()) {
    const fault = sealFault(text, key, contentOf.part(place, index));
    if (fault) return fault;
  }
  return undefined;
}

/** What is wrong with a new message and the id of its reply, if anything. */
function messageFault(state: ConversationState, home: Uuid, author: Uuid, data: NewMessage): Rejection | undefined {
  const { message, reply, parts } = data;
  const fault = newIdFault(state, home, message) ?? newIdFault(state, home, reply);
  if (fault) return fault;
  if (message === reply) return reject('INVALID', 'A message and its reply need two ids.');
  if (!parts.some(({ chars }) => chars > 0)) return reject('INVALID', 'A message needs some text.');
  return partsFault(parts, keyIn(home, state, author), message);
}

/** A message that hangs below `parent`, and the request for a reply to it. */
const added = (state: ConversationState, author: Uuid, parent: Uuid | null, data: NewMessage): Decision => {
  const { message, parts, reply } = data;
  const seq = state.messages + 1;
  return [
    { type: 'MessagePosted', data: { message, parent, seq, author, parts } },
    { type: 'ReplyRequested', data: { reply, parent: message, seq: seq + 1, by: author } },
  ];
};

/** The first message of a conversation. */
export const postFirst = (state: ConversationState, home: Uuid, author: Uuid, data: NewMessage): Decision =>
  messageFault(state, home, author, data) ?? added(state, author, null, data);

/**
 * A message below the leaf that its writer saw. A fork makes a sibling on purpose. Else, if the branch has grown since:
 * among several people the message goes to its new leaf; alone one was at work elsewhere, and is asked to look first.
 */
export function post(
  state: ConversationState,
  home: Uuid,
  author: Uuid,
  { parent, fork, ...data }: NewMessage & { parent: Uuid | null; fork: boolean },
): Decision {
  // Asked first: a message that is here already has a child, and must not be taken for a conflict with itself.
  const fault = messageFault(state, home, author, data);
  if (fault) return fault;
  if (parent === null) {
    return fork || state.messages === 0
      ? added(state, author, null, data)
      : reject('INVALID', 'Only the first message has no parent.');
  }
  const seen = lookUp(state.tree, parent);
  if (!seen) return noMessage;
  const head = fork ? parent : leafBelow(state.tree, parent);
  if (head !== parent && state.members.length === 1) {
    return reject('CONFLICT', 'The conversation has gone on elsewhere: look at it and send again.', head);
  }
  return isRunning(lookUp(state.tree, head)) ? stillRunning : added(state, author, head, data);
}

/** One more reply to a person's message, beside those that are there. */
export function requestReply(
  state: ConversationState,
  home: Uuid,
  by: Uuid,
  { reply, parent }: { reply: Uuid; parent: Uuid },
): Decision {
  const fault = newIdFault(state, home, reply);
  if (fault) return fault;
  const asked = lookUp(state.tree, parent);
  if (!asked) return noMessage;
  if (asked.reply) return reject('INVALID', "Only a person's message can be answered: ask for another reply to that.");
  if (asked.child !== undefined && isRunning(lookUp(state.tree, asked.child))) return stillRunning;
  return [{ type: 'ReplyRequested', data: { reply, parent, seq: state.messages + 1, by } }];
}

export function stopReply({ tree }: ConversationState, by: Uuid, reply: Uuid): Decision {
  const running = lookUp(tree, reply)?.reply;
  if (!running) return reject('NOT_FOUND', 'This reply does not exist here.');
  return running.ended || running.stopping ? [] : [{ type: 'ReplyStopRequested', data: { reply, by } }];
}

/** The key of a person: what a temporary conversation says goes with it, and is not carried elsewhere. */
const personKeyOf = (parts: readonly Part[]): string => {
  const key = parts[0]?.text.key ?? '';
  return key.startsWith(personKey('')) ? key : personKey('<who asked for it>');
};

/** Messages of another conversation, as they stand there, in the order in which they hang below each other. */
export function copy(state: ConversationState, home: Uuid, messages: readonly Copy[]): Decision {
  if (!state.forked) return reject('INVALID', 'Messages are copied into a fork only: fork the conversation first.');
  if (messages.length > limits.copies) {
    return reject('TOO_LARGE', `One command copies at most ${limits.copies} messages: send more of them.`);
  }
  const fresh = new Set<Uuid>();
  for (const { message, parent, author, parts, source } of messages) {
    const key = author === null ? personKeyOf(parts) : personKey(author);
    const fault = newIdFault(state, home, message) ?? partsFault(parts, key, source);
    if (fault) return fault;
    if (fresh.has(message)) return reject('INVALID', `The id ${message} is there twice.`);
    if (parent !== null && !fresh.has(parent) && !lookUp(state.tree, parent)) return noMessage;
    fresh.add(message);
  }
  if (messages.length === 0) return [];
  const copied = messages.map((one, at) => ({ ...one, seq: state.messages + 1 + at }));
  return [{ type: 'MessagesCopied', data: { messages: copied } }];
}
