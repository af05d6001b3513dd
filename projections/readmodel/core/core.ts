import type { Recorded } from '../../../domain/catalogue.js';
import type { Envelope } from '../../../domain/event.js';
import type { ConversationEvent } from '../../../domain/conversation.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import type { Located, Projection } from '../../projection.js';
import type { Stage } from '../table.js';
import type { ConversationRow, CoreNotice, MembershipRow, MessageRow, ReplyStatus, UserRow } from './rows.js';
import { conversations, memberships, messages, users } from './tables.js';

/**
 * What the chat is made of: people, conversations, messages, how far who has read. One projection with one checkpoint,
 * so that what is read together moves together. Content stays sealed: rows need no keys and hash the same after an erasure.
 */
export const core: Projection<CoreNotice> = {
  name: 'core',
  schema: 1,
  tables: [users, conversations, messages, memberships],
  apply: async (events, stage) => {
    const fold = await load(events, stage);
    for (const { event } of events) applyEvent(fold, event);
    await stage.save(users, [...fold.users.values()]);
    await stage.save(conversations, [...fold.conversations.values()]);
    await stage.save(messages, [...fold.messages.values()]);
    await stage.save(memberships, [...fold.memberships.values()]);
    return notices(fold);
  },
};

/** The rows that a batch touches, by id, and the version from which each conversation goes on. */
type Fold = {
  readonly users: Map<Uuid, UserRow>;
  readonly conversations: Map<Uuid, ConversationRow>;
  readonly messages: Map<Uuid, MessageRow>;
  readonly memberships: Map<Uuid, MembershipRow>;
  readonly from: ReadonlyMap<Uuid, number>;
};

const isConversation = (event: Recorded): event is Envelope<ConversationEvent> =>
  parseStream(event.stream).kind === 'conversation';

async function load(events: readonly Located[], stage: Stage): Promise<Fold> {
  const touched = events.map(({ event }) => event).filter(isConversation);
  const ids = new Set(touched.map(({ stream }) => parseStream(stream).id));
  const replies = touched.flatMap(({ data }) => ('reply' in data ? [data.reply] : []));
  const renamed = events.flatMap(({ event }) =>
    event.type === 'ProfileChanged' ? [parseStream(event.stream).id] : [],
  );
  const people = await stage.load<UserRow>(users, new Set(renamed));
  const known = await stage.load<ConversationRow>(conversations, ids);
  const begun = await stage.load<MessageRow>(messages, new Set(replies));
  return {
    users: new Map(people.map((row) => [row.id, row])),
    conversations: new Map(known.map((row) => [row.id, row])),
    messages: new Map(begun.map((row) => [row.id, row])),
    memberships: new Map(),
    from: new Map(known.map(({ id, version }) => [id, version])),
  };
}

function applyEvent(fold: Fold, event: Recorded): void {
  const { id } = parseStream(event.stream);
  switch (event.type) {
    case 'UserRegistered':
      fold.users.set(id, { id, name: event.data.name, registeredAt: event.at });
      return;
    case 'ProfileChanged': {
      const row = fold.users.get(id);
      if (!row) throw new Error(`${event.stream} goes on before it began`);
      fold.users.set(id, { ...row, name: event.data.name });
      return;
    }
    case 'ConversationRead': {
      const { conversation, user, seq } = event.data;
      fold.memberships.set(id, { id, conversation, person: user, readSeq: seq });
      return;
    }
    default:
      if (isConversation(event)) applyConversation(fold, id, event);
  }
}

function applyConversation(fold: Fold, id: Uuid, event: Envelope<ConversationEvent>): void {
  const { version, at } = event;
  if (event.type === 'ConversationStarted') {
    const { starter, title } = event.data;
    fold.conversations.set(id, {
      id,
      version,
      starter,
      title,
      titledBy: 'automatic',
      startedAt: at,
      activeAt: at,
      lastSeq: 0,
      head: id,
      postedSeq: 0,
      deleted: false,
    });
    return;
  }
  const row = fold.conversations.get(id);
  if (!row) throw new Error(`${event.stream} goes on before it started`);
  const change = (changed: Partial<ConversationRow>): void => {
    fold.conversations.set(id, { ...row, ...changed, version });
  };
  const add = (message: Pick<MessageRow, 'id' | 'parent' | 'seq' | 'author' | 'parts' | 'reply'>): void => {
    fold.messages.set(message.id, { ...message, conversation: id, version, at });
    const posted = message.author === row.starter ? { postedSeq: message.seq } : {};
    change({ activeAt: at, lastSeq: message.seq, head: message.id, ...posted });
  };
  const changeReply = (
    reply: Uuid,
    changed: Partial<NonNullable<MessageRow['reply']>>,
    parts?: MessageRow['parts'],
  ) => {
    const message = fold.messages.get(reply);
    if (!message?.reply) throw new Error(`${event.stream} ends or starts a reply that it never requested`);
    const changedReply = { ...message.reply, ...changed };
    fold.messages.set(reply, { ...message, version, parts: parts ?? message.parts, reply: changedReply });
    change({});
  };
  const end = (status: ReplyStatus, code: string | null, { data }: { data: ReplyEnd }): void =>
    changeReply(data.reply, { status, code, attempt: data.attempt }, data.parts);

  switch (event.type) {
    case 'ConversationRenamed':
      return change({ title: event.data.title, titledBy: event.data.by });
    case 'ConversationDeleted':
    case 'ConversationExpired':
      return change({ deleted: true });
    case 'ConversationRestored':
      return change({ deleted: false });
    case 'MessagesCopied': {
      // What was taken over is not news to who took it.
      const { starter: by } = row;
      for (const { source: _, message, author, ...copied } of event.data.messages) {
        const reply = { status: 'completed', attempt: 0, by, stopping: false, model: null, code: null } as const;
        add({ ...copied, id: message, author, reply: author === null ? reply : null });
      }
      const last = event.data.messages.at(-1);
      return change(last ? { activeAt: at, lastSeq: last.seq, head: last.message, postedSeq: last.seq } : {});
    }
    case 'MessagePosted': {
      const { message, parent, seq, author, parts } = event.data;
      return add({ id: message, parent, seq, author, parts, reply: null });
    }
    case 'ReplyRequested': {
      const { reply, parent, seq, by } = event.data;
      const asked = { status: 'requested', attempt: 0, by, stopping: false, model: null, code: null } as const;
      return add({ id: reply, parent, seq, author: null, parts: [], reply: asked });
    }
    case 'ReplyStarted': {
      const { reply, attempt, model } = event.data;
      return changeReply(reply, { status: 'running', attempt, model });
    }
    case 'ReplyStopRequested':
      return changeReply(event.data.reply, { stopping: true });
    case 'ReplyCompleted':
      return end('completed', null, event);
    case 'ReplyFailed':
      return end('failed', event.data.code, event);
    case 'ReplyStopped':
      return end('stopped', null, event);
    default:
      // Nothing that is shown here yet. The row moves on all the same: whoever follows it must see no gap.
      return change({});
  }
}

type ReplyEnd = { reply: Uuid; attempt: number; parts: MessageRow['parts'] };

/** One notice per conversation with the rows that this batch changed, and one per reading mark. */
function notices({ conversations: rows, messages: changed, memberships: marks, from }: Fold): readonly CoreNotice[] {
  const fresh = new Map<Uuid, MessageRow[]>();
  for (const row of changed.values()) {
    const others = fresh.get(row.conversation);
    if (others) others.push(row);
    else fresh.set(row.conversation, [row]);
  }
  const touched = [...rows.values()].map((conversation) => ({
    from: from.get(conversation.id) ?? 0,
    to: conversation.version,
    conversation,
    messages: (fresh.get(conversation.id) ?? []).toSorted((a, b) => a.seq - b.seq),
  }));
  return [...touched, ...[...marks.values()].map((read) => ({ read }))];
}
