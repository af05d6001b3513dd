import type { ConversationEvent } from '../../../domain/conversation.js';
import type { ReplyEnd } from '../../../domain/conversation-events.js';
import type { Envelope } from '../../../domain/event.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import type { ConversationRow, MemberRow, MessageRow } from './rows.js';

/** What a batch touches of one conversation. Its members and messages are replaced, never changed in place. */
export type Conversation = {
  /** The fold's own: each event changes it, and most of it stays as it was. */
  row: { -readonly [Field in keyof ConversationRow]: ConversationRow[Field] } | undefined;
  /** All of them, by person: tombstones too. */
  readonly members: Map<Uuid, MemberRow>;
  /** By id: those that the batch brings, and those that it speaks of. */
  readonly messages: Map<Uuid, MessageRow>;
};

/** The message that an event changes, if it does: it must be at hand when that is folded. */
export function changedBy({ type, data }: ConversationEvent): Uuid | undefined {
  switch (type) {
    case 'ReplyStarted':
    case 'ReplyStopRequested':
    case 'ReplyCompleted':
    case 'ReplyFailed':
    case 'ReplyStopped':
      return data.reply;
    case 'FeedbackGiven':
      return data.message;
    default:
      return undefined;
  }
}

/** Every event moves the row on, even where it changes nothing that is shown: whoever follows it must see no gap. */
export function foldConversation(conversation: Conversation, event: Envelope<ConversationEvent>): void {
  const { version } = event;
  if (event.type === 'ConversationStarted') {
    conversation.row = started(event);
    join(conversation, event.data.starter, 'owner', event);
    return;
  }
  const { row } = conversation;
  if (!row) throw new Error(`${event.stream} goes on before it started`);
  Object.assign(row, changes(conversation, row, event));
  row.version = version;
}

type Started = Envelope<Extract<ConversationEvent, { type: 'ConversationStarted' }>>;

const started = ({ stream, version, at, data: { starter, title, expires, origin } }: Started): ConversationRow => {
  const { id } = parseStream(stream);
  return {
    id,
    version,
    starter,
    title,
    titledBy: 'automatic',
    startedAt: at,
    activeAt: at,
    lastSeq: 0,
    head: id,
    deleted: false,
    expired: false,
    expires,
    origin,
    shares: [],
  };
};

/** What an event makes of the row of a conversation; those of its messages and members it puts into their places. */
function changes(conversation: Conversation, row: ConversationRow, event: Envelope<ConversationEvent>): Changed {
  switch (event.type) {
    case 'ConversationRenamed':
      return { title: event.data.title, titledBy: event.data.by };
    case 'ConversationDeleted':
      return { deleted: true, shares: [] };
    case 'ConversationRestored':
      return { deleted: false };
    case 'ConversationExpired':
      return { deleted: true, expired: true, shares: [] };
    case 'ConversationShared': {
      const { share: id, leaf } = event.data;
      return { shares: [...row.shares, { id, leaf }] };
    }
    case 'ConversationUnshared':
      return { shares: row.shares.filter(({ id }) => id !== event.data.share) };
    case 'MessagePosted': {
      const { message, parent, seq, author, parts } = event.data;
      moveMarker(conversation, author, seq, event);
      return add(conversation, row.id, event, [{ ...plain, id: message, parent, seq, author, parts }]);
    }
    case 'MessagesCopied': {
      const copies = event.data.messages.map(({ message: id, ...copied }) => {
        const reply = { ...asked(row.starter), status: 'completed' } as const;
        return { ...plain, ...copied, id, reply: copied.author === null ? reply : null };
      });
      // What was taken over is not news to who took it.
      moveMarker(conversation, row.starter, copies.at(-1)?.seq, event);
      return add(conversation, row.id, event, copies);
    }
    case 'ReplyRequested': {
      const { reply: id, parent, seq, by } = event.data;
      return add(conversation, row.id, event, [{ ...plain, id, parent, seq, reply: asked(by) }]);
    }
    case 'ReplyStarted': {
      const { reply, attempt, model } = event.data;
      return changeReply(conversation, event, reply, { status: 'running', attempt, model });
    }
    case 'ReplyStopRequested':
      return changeReply(conversation, event, event.data.reply, { stopping: true });
    case 'ReplyCompleted': {
      const { finish, tokens } = event.data;
      return endReply(conversation, event, event.data, { status: 'completed', finish, tokens });
    }
    case 'ReplyFailed':
      return endReply(conversation, event, event.data, { status: 'failed', code: event.data.code });
    case 'ReplyStopped':
      return endReply(conversation, event, event.data, { status: 'stopped' });
    case 'FeedbackGiven': {
      const { message, by, value, comment } = event.data;
      const said = messageOf(conversation, event, message);
      const { [by]: _, ...others } = said.feedback;
      const feedback = value === 'none' ? others : { ...others, [by]: { value, comment } };
      conversation.messages.set(message, { ...said, version: event.version, feedback });
      return {};
    }
    case 'MemberAdded':
      join(conversation, event.data.user, event.data.role, event);
      return {};
    case 'MemberRoleChanged':
      changeMember(conversation, event.data.user, { role: event.data.role }, event);
      return {};
    case 'MemberRemoved':
    case 'MemberErased':
      changeMember(conversation, event.data.user, { removed: true }, event);
      return {};
    // What its home owes to others, how its title comes to be, and that its key is gone: none of it is shown.
    case 'ConversationPurged':
    case 'TitleStarted':
    case 'TitleFailed':
    case 'MembershipTold':
      return {};
    case 'ConversationStarted':
      throw new Error(`${event.stream} starts twice`);
  }
}

type Changed = Partial<ConversationRow>;
type At = Pick<Envelope, 'stream' | 'version' | 'at'>;
type Reply = NonNullable<MessageRow['reply']>;

/** A message that nobody has said anything about, and that comes from here. */
const plain = { author: null, parts: [], source: null, feedback: {}, reply: null } as const;

const asked = (by: Uuid) =>
  ({
    status: 'requested',
    attempt: 0,
    by,
    stopping: false,
    model: null,
    code: null,
    finish: null,
    tokens: null,
  }) as const satisfies Reply;

type NewMessage = Omit<MessageRow, 'conversation' | 'version' | 'at'>;

function add(
  { messages }: Conversation,
  conversation: Uuid,
  { version, at }: At,
  added: readonly NewMessage[],
): Changed {
  for (const message of added) messages.set(message.id, { ...message, conversation, version, at });
  const newest = added.at(-1);
  return newest ? { activeAt: at, lastSeq: newest.seq, head: newest.id } : {};
}

function messageOf({ messages }: Conversation, { stream }: At, id: Uuid): MessageRow {
  const message = messages.get(id);
  if (!message) throw new Error(`${stream} speaks of a message that was never there: ${id}`);
  return message;
}

function changeReply(
  conversation: Conversation,
  at: At,
  id: Uuid,
  changed: Partial<Reply>,
  parts?: MessageRow['parts'],
) {
  const message = messageOf(conversation, at, id);
  if (!message.reply) throw new Error(`${at.stream} ends or starts a reply that it never requested: ${id}`);
  const reply = { ...message.reply, ...changed };
  conversation.messages.set(id, { ...message, version: at.version, parts: parts ?? message.parts, reply });
  return {};
}

const endReply = (conversation: Conversation, at: At, { reply, attempt, parts }: ReplyEnd, ended: Partial<Reply>) =>
  changeReply(conversation, at, reply, { ...ended, attempt }, parts);

function join({ members }: Conversation, person: Uuid, role: MemberRow['role'], { stream, version }: At): void {
  const { id: conversation } = parseStream(stream);
  const postedSeq = members.get(person)?.postedSeq ?? 0;
  members.set(person, { conversation, person, version, role, removed: false, joined: version, postedSeq });
}

function changeMember({ members }: Conversation, person: Uuid, changed: Partial<MemberRow>, at: At): void {
  const member = members.get(person);
  if (!member || member.removed) throw new Error(`${at.stream} speaks of a member who is none: ${person}`);
  members.set(person, { ...member, ...changed, version: at.version });
}

function moveMarker(conversation: Conversation, person: Uuid, postedSeq: number | undefined, at: At): void {
  if (postedSeq !== undefined) changeMember(conversation, person, { postedSeq }, at);
}
