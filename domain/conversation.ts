import { type Part, type Sealed, limits } from './content.js';
import { ASSISTANT, type Decider, type Rejection, reject } from './decider.js';
import type { Clear } from './event.js';
import { type Uuid, bucketOf, isClientId } from './ids.js';
import { type Tree, chunkedBy, emptyTree, lookUp, plant } from './tree.js';

// The names and shapes of events are the storage format: never change one, add a version.

type Posted = { message: Uuid; parent: Uuid | null; seq: number; author: Uuid; parts: readonly Part[] };
type ReplyEnd = { reply: Uuid; attempt: number; parts: readonly Part[]; latencyMs: number };

export type ConversationEvent =
  | { type: 'ConversationStarted'; data: { starter: Uuid; title: Sealed; chars: number; temporary: boolean } }
  | { type: 'ConversationRenamed'; data: { title: Sealed; chars: number; by: 'person' | 'automatic' } }
  | { type: 'ConversationDeleted'; data: { by: Uuid } }
  | { type: 'MessagePosted'; data: Posted }
  | { type: 'ReplyRequested'; data: { reply: Uuid; parent: Uuid; seq: number; by: Uuid } }
  | { type: 'ReplyStarted'; data: { reply: Uuid; attempt: number; executor: Uuid; endpoint: string; model: string } }
  | { type: 'ReplyStopRequested'; data: { reply: Uuid; by: Uuid } }
  | { type: 'ReplyCompleted'; data: ReplyEnd & { firstTokenMs: number; tokens: number; finish: 'stop' | 'length' } }
  | { type: 'ReplyFailed'; data: ReplyEnd & { code: string } }
  | { type: 'ReplyStopped'; data: ReplyEnd };

const replyEnd = { reply: 'clear', attempt: 'clear', parts: 'sealed', latencyMs: 'clear' } as const;

export const conversationContent = {
  ConversationStarted: { starter: 'clear', title: 'sealed', chars: 'clear', temporary: 'clear' },
  ConversationRenamed: { title: 'sealed', chars: 'clear', by: 'clear' },
  ConversationDeleted: { by: 'clear' },
  MessagePosted: { message: 'clear', parent: 'clear', seq: 'clear', author: 'clear', parts: 'sealed' },
  ReplyRequested: { reply: 'clear', parent: 'clear', seq: 'clear', by: 'clear' },
  ReplyStarted: { reply: 'clear', attempt: 'clear', executor: 'clear', endpoint: 'clear', model: 'clear' },
  ReplyStopRequested: { reply: 'clear', by: 'clear' },
  ReplyCompleted: { ...replyEnd, firstTokenMs: 'clear', tokens: 'clear', finish: 'clear' },
  ReplyFailed: { ...replyEnd, code: 'clear' },
  ReplyStopped: replyEnd,
} satisfies Clear<ConversationEvent>;

/** What decisions need of a message. `child` is the newest message below it; text is never held. */
type Node = { readonly parent: Uuid | null; readonly child?: Uuid; readonly reply?: Reply };
type Reply = { readonly attempt: number; readonly stopping: boolean; readonly ended: boolean };

export type ConversationState = {
  readonly status: 'absent' | 'open' | 'deleted';
  readonly starter: Uuid;
  /** The nonce of the title's seal: by it the same renaming is known when it comes again. */
  readonly title: string;
  readonly messages: number;
  readonly tree: Tree<Node>;
};

type NewMessage = { message: Uuid; parts: readonly Part[]; reply: Uuid };
type End<Type extends string, More = unknown> = { type: Type; data: ReplyEnd & More };

export type ConversationCommand =
  | { type: 'StartConversation'; data: NewMessage & { title: Sealed; chars: number; temporary: boolean } }
  | { type: 'PostMessage'; data: NewMessage & { parent: Uuid | null; fork: boolean } }
  | { type: 'RenameConversation'; data: { title: Sealed; chars: number } }
  | { type: 'DeleteConversation'; data: Record<string, never> }
  | { type: 'StopReply'; data: { reply: Uuid } }
  | { type: 'ClaimReply'; data: { reply: Uuid; attempt: number; executor: Uuid; endpoint: string; model: string } }
  | End<'CompleteReply', { firstTokenMs: number; tokens: number; finish: 'stop' | 'length' }>
  | End<'FailReply', { code: string }>
  | End<'EndStoppedReply'>;

type Decision = readonly ConversationEvent[] | Rejection;

const withReply = (state: ConversationState, id: Uuid, change: Partial<Reply>): ConversationState => {
  const node = lookUp(state.tree, id);
  if (!node?.reply) throw new Error(`the log ends or starts a reply that it never requested: ${id}`);
  return { ...state, tree: plant(state.tree, id, { ...node, reply: { ...node.reply, ...change } }) };
};

/** The first 12 bytes of a box: no other sealing has them. */
const nonceOf = ({ box }: Sealed): string => box.slice(0, 16);

const withMessage = (state: ConversationState, id: Uuid, node: Node): ConversationState => {
  const parent = node.parent === null ? undefined : lookUp(state.tree, node.parent);
  const tree = parent && node.parent !== null ? plant(state.tree, node.parent, { ...parent, child: id }) : state.tree;
  return { ...state, messages: state.messages + 1, tree: plant(tree, id, node) };
};

function evolve(state: ConversationState, event: ConversationEvent): ConversationState {
  switch (event.type) {
    case 'ConversationStarted':
      return { ...state, status: 'open', starter: event.data.starter, title: nonceOf(event.data.title) };
    case 'ConversationRenamed':
      return { ...state, title: nonceOf(event.data.title) };
    case 'ConversationDeleted':
      return { ...state, status: 'deleted' };
    case 'MessagePosted':
      return withMessage(state, event.data.message, { parent: event.data.parent });
    case 'ReplyRequested': {
      const reply = { attempt: 0, stopping: false, ended: false };
      return withMessage(state, event.data.reply, { parent: event.data.parent, reply });
    }
    case 'ReplyStarted':
      return withReply(state, event.data.reply, { attempt: event.data.attempt });
    case 'ReplyStopRequested':
      return withReply(state, event.data.reply, { stopping: true });
    case 'ReplyCompleted':
    case 'ReplyFailed':
    case 'ReplyStopped':
      return withReply(state, event.data.reply, { ended: true });
  }
}

const notFound = reject('NOT_FOUND', 'This conversation does not exist, or it is not yours.');

/** The newest message below this one: where its branch ends now. */
function leafBelow(tree: Tree<Node>, id: Uuid): Uuid {
  let leaf = id;
  for (let child = lookUp(tree, leaf)?.child; child !== undefined; child = lookUp(tree, leaf)?.child) leaf = child;
  return leaf;
}

/** What is wrong with the length of a title, if anything. */
function titleFault(chars: number): Rejection | undefined {
  if (chars === 0) return reject('INVALID', 'A title needs some text.');
  if (chars > limits.title) return reject('TOO_LARGE', `A title has at most ${limits.title} characters.`);
  return undefined;
}

/** A message and the request for its reply, or what is wrong with them. */
function post(state: ConversationState, home: Uuid, author: Uuid, parent: Uuid | null, data: NewMessage): Decision {
  for (const id of [data.message, data.reply]) {
    if (!isClientId(id)) return reject('INVALID', `The id ${id} is not a UUID of version 7.`);
    if (bucketOf(id) !== bucketOf(home)) {
      return reject('WRONG_BUCKET', `The id ${id} must end in the last three digits of its conversation's id.`);
    }
    if (lookUp(state.tree, id)) return reject('ID_TAKEN', `The id ${id} is taken: make a new one.`);
  }
  if (data.message === data.reply) return reject('INVALID', 'A message and its reply need two ids.');
  const chars = data.parts.reduce((sum, part) => sum + part.chars, 0);
  if (chars === 0) return reject('INVALID', 'A message needs some text.');
  if (chars > limits.message || data.parts.length > limits.parts) {
    return reject('TOO_LARGE', `A message has at most ${limits.message} characters in ${limits.parts} parts.`);
  }
  const { message, parts, reply } = data;
  const seq = state.messages + 1;
  return [
    { type: 'MessagePosted', data: { message, parent, seq, author, parts } },
    { type: 'ReplyRequested', data: { reply, parent: message, seq: seq + 1, by: author } },
  ];
}

/** Ends the running attempt of a reply: the first end wins, a late one changes nothing. */
function end(state: ConversationState, ended: ConversationEvent & { data: ReplyEnd }): Decision {
  const reply = lookUp(state.tree, ended.data.reply)?.reply;
  if (!reply) return notFound;
  if (reply.ended) return [];
  return reply.attempt === ended.data.attempt
    ? [ended]
    : reject('STALE', `Attempt ${ended.data.attempt} was overtaken by ${reply.attempt}.`);
}

function decide(command: { actor: string; id: Uuid } & ConversationCommand, state: ConversationState): Decision {
  const { actor, id, type, data } = command;
  if (type === 'StartConversation') {
    if (state.status !== 'absent') return reject('ID_TAKEN', 'This conversation exists: make a new id.');
    if (!isClientId(id)) return reject('INVALID', `The id ${id} is not a UUID of version 7.`);
    if (bucketOf(id) !== bucketOf(actor)) {
      return reject('WRONG_BUCKET', 'A conversation ends in the last three digits of the id of who starts it.');
    }
    const fault = titleFault(data.chars);
    if (fault) return fault;
    const first = post(state, id, actor, null, data);
    if ('rejected' in first) return first;
    const { title, chars, temporary } = data;
    return [{ type: 'ConversationStarted', data: { starter: actor, title, chars, temporary } }, ...first];
  }

  if (state.status === 'absent') return notFound;
  if (actor === ASSISTANT) {
    switch (type) {
      case 'ClaimReply': {
        const reply = lookUp(state.tree, data.reply)?.reply;
        if (!reply) return notFound;
        if (reply.ended || data.attempt !== reply.attempt + 1) {
          return reject('STALE', `The reply is at attempt ${reply.attempt}${reply.ended ? ', ended' : ''}.`);
        }
        return [{ type: 'ReplyStarted', data }];
      }
      case 'CompleteReply':
        return end(state, { type: 'ReplyCompleted', data });
      case 'FailReply':
        return end(state, { type: 'ReplyFailed', data });
      case 'EndStoppedReply':
        return end(state, { type: 'ReplyStopped', data });
      default:
        return notFound;
    }
  }

  if (actor !== state.starter) return notFound;
  if (type === 'DeleteConversation') {
    return state.status === 'deleted' ? [] : [{ type: 'ConversationDeleted', data: { by: actor } }];
  }
  if (state.status === 'deleted') return notFound;
  switch (type) {
    case 'PostMessage': {
      // Asked first: a message that is here already has a child, and must not be taken for a conflict with itself.
      const posted = post(state, id, actor, data.parent, data);
      if ('rejected' in posted) return posted;
      const parent = data.parent === null ? undefined : lookUp(state.tree, data.parent);
      if (data.parent !== null && !parent) return reject('NOT_FOUND', 'The message to answer does not exist here.');
      if (data.parent === null && !data.fork) return reject('INVALID', 'Only the first message has no parent.');
      if (parent?.reply && !parent.reply.ended) {
        return reject('REPLY_RUNNING', 'The reply is still running: wait for its end, or stop it.');
      }
      if (!data.fork && data.parent !== null && parent?.child !== undefined) {
        const head = leafBelow(state.tree, data.parent);
        return reject('CONFLICT', 'The conversation has gone on elsewhere: look at it and send again.', head);
      }
      return posted;
    }
    case 'RenameConversation': {
      const fault = titleFault(data.chars);
      if (fault) return fault;
      return nonceOf(data.title) === state.title
        ? []
        : [{ type: 'ConversationRenamed', data: { ...data, by: 'person' } }];
    }
    case 'StopReply': {
      const reply = lookUp(state.tree, data.reply)?.reply;
      if (!reply) return reject('NOT_FOUND', 'This reply does not exist here.');
      return reply.ended || reply.stopping
        ? []
        : [{ type: 'ReplyStopRequested', data: { reply: data.reply, by: actor } }];
    }
    default:
      return notFound;
  }
}

export const conversation: Decider<ConversationState, ConversationCommand, ConversationEvent> = {
  initial: { status: 'absent', starter: '', title: '', messages: 0, tree: emptyTree },
  evolve,
  decide,
  chunked: chunkedBy(
    ({ tree }) => tree,
    (state, tree) => ({ ...state, tree }),
  ),
};
