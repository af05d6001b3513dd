import type { MessageFieldsFragment, ThreadConversationFieldsFragment } from '../gql/generated/graphql.js';

export type Message = MessageFieldsFragment;
export type Conversation = ThreadConversationFieldsFragment;

/** A conversation as one screen knows it. Plain data; every change goes through the functions below. */
export type Thread = {
  readonly conversation: Conversation | undefined;
  readonly messages: Readonly<Record<string, Message>>;
  /** The version that this shows: where the subscription goes on. */
  readonly asOf: number;
  /** The message in which the shown branch ends. */
  readonly leaf: string | undefined;
};

export const blankThread: Thread = { conversation: undefined, messages: {}, asOf: 0, leaf: undefined };

export type Update = {
  readonly to: number;
  readonly conversation?: Conversation | null;
  readonly messages: readonly Message[];
};

/** Puts rows in by (id, version): of two copies the newer stays, whatever the order in which they come. */
export function merge(thread: Thread, { to, conversation, messages }: Update): Thread {
  const merged = { ...thread.messages };
  for (const message of messages) {
    const known = merged[message.id];
    if (!known || known.version < message.version) merged[message.id] = message;
  }
  for (const { siblings } of messages) tellSiblings(merged, siblings.ids);
  const newer = conversation && (thread.conversation?.version ?? 0) <= conversation.version;
  const leaf = thread.leaf ?? conversation?.head;
  return {
    conversation: newer ? conversation : thread.conversation,
    messages: merged,
    asOf: Math.max(thread.asOf, to),
    leaf: leaf === undefined ? undefined : newestBelow(merged, leaf),
  };
}

/** A new sibling does not change the rows beside it, so they learn of it here: of two lists, the longer is the newer. */
function tellSiblings(messages: Record<string, Message>, ids: readonly string[]): void {
  for (const [index, id] of ids.entries()) {
    const known = messages[id];
    if (known && known.siblings.ids.length < ids.length) {
      messages[id] = { ...known, siblings: { ids: [...ids], index } };
    }
  }
}

/** The newest message below this one: where its branch goes on. */
function newestBelow(messages: Readonly<Record<string, Message>>, leaf: string): string {
  const children = Object.values(messages).filter(({ parent }) => parent === leaf);
  const [newest] = children.toSorted((a, b) => b.seq - a.seq);
  return newest ? newestBelow(messages, newest.id) : leaf;
}

/** The ids of the shown branch, oldest first, as far up as it is loaded. */
export function branchOf({ messages, leaf }: Thread): readonly string[] {
  const ids: string[] = [];
  for (let id: string | null | undefined = leaf; id != null && messages[id]; id = messages[id]?.parent) ids.push(id);
  return ids.toReversed();
}

export type Expected = {
  readonly message: string;
  readonly reply: string;
  readonly parent: string | null;
  readonly text: string;
};

/** A message that was just sent, and the reply that it asks for, before the log has them: version 0 yields to any other. */
export function expectPost(thread: Thread, { message, reply, parent, text }: Expected): Thread {
  const seq = Math.max(0, ...Object.values(thread.messages).map((known) => known.seq)) + 1;
  const at = new Date().toISOString();
  const alone = (id: string) => ({ ids: [id], index: 0 });
  const posted: Message = {
    id: message,
    version: 0,
    parent,
    seq,
    at,
    parts: [{ text }],
    reply: null,
    siblings: alone(message),
  };
  const asked: Message = {
    id: reply,
    version: 0,
    parent: message,
    seq: seq + 1,
    at,
    parts: [],
    reply: { status: 'REQUESTED', attempt: 0, stopping: false, model: null, code: null },
    siblings: alone(reply),
  };
  return { ...thread, messages: { ...thread.messages, [message]: posted, [reply]: asked }, leaf: reply };
}

/** Takes an expected post back, as long as the log has not confirmed it. */
export function withdraw(thread: Thread, ids: readonly string[]): Thread {
  const gone = ids.filter((id) => thread.messages[id]?.version === 0);
  const left = Object.fromEntries(Object.entries(thread.messages).filter(([id]) => !gone.includes(id)));
  if (gone.length === 0) return thread;
  const end = thread.messages[gone[0] ?? '']?.parent ?? thread.conversation?.head;
  return { ...thread, messages: left, leaf: end === undefined ? undefined : newestBelow(left, end) };
}

/** Whether a reply is still to be written or being written. */
export const isRunning = ({ reply }: Message): boolean => reply?.status === 'REQUESTED' || reply?.status === 'RUNNING';

/** The text of a message. */
export const textOf = ({ parts }: Message): string => parts.map(({ text }) => text).join('\n\n');

/** The text of a running reply: deltas put together by attempt and offset, each piece once. */
export type Stream = { readonly attempt: number; readonly text: string };
export type Delta = { readonly attempt: number; readonly offset: number; readonly text: string };

export function mergeDelta(stream: Stream, { attempt, offset, text }: Delta): Stream {
  if (attempt < stream.attempt) return stream;
  const before = attempt > stream.attempt ? '' : stream.text;
  if (offset > before.length) return stream;
  return { attempt, text: offset + text.length <= before.length ? before : before.slice(0, offset) + text };
}
