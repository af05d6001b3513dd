import type { MessageRow } from '../../projections/readmodel/core/rows.js';
import type { Part as StoredPart } from '../../domain/content.js';
import { builder, shareable } from './builder.js';
import { nodeId } from './ids.js';
import { type MessageNode, Node, isNode, userNode } from './nodes.js';
import { User } from './user.js';
import { ERASED } from './words.js';

/** A part, and the place that its box is bound to: a copied message keeps that of the message it was copied from. */
type LocatedPart = { readonly part: StoredPart; readonly message: string; readonly index: number };

const TextPart = builder.objectRef<LocatedPart>('TextPart').implement({
  description: 'A piece of text, as markdown.',
  fields: (t) => ({
    text: t.string({
      extensions: shareable,
      description: `The text; "${ERASED}" where it was erased.`,
      resolve: async ({ part, message, index }, _, { load }) => (await load.part(message, index, part.text)) ?? ERASED,
    }),
  }),
});

const Part = builder.unionType('Part', {
  description: 'A part of a message. More kinds will come: ignore those that you do not know.',
  types: [TextPart],
  resolveType: () => TextPart,
});

const ReplyStatus = builder.enumType('ReplyStatus', {
  description: 'How far a reply has come.',
  values: {
    REQUESTED: { value: 'requested', description: 'Asked for; nobody has begun yet.' },
    RUNNING: { value: 'running', description: 'Being written.' },
    COMPLETED: { value: 'completed', description: 'Whole.' },
    FAILED: { value: 'failed', description: 'Broken off by a fault; `code` says which.' },
    STOPPED: { value: 'stopped', description: 'Stopped by a person; the text so far stays.' },
  } as const,
});

const FinishReason = builder.enumType('FinishReason', {
  description: 'Why the model stopped writing.',
  values: {
    STOP: { value: 'stop', description: 'It had said all.' },
    LENGTH: { value: 'length', description: 'There was no room for more.' },
  } as const,
});

export const FeedbackValue = builder.enumType('FeedbackValue', {
  description: 'What a person thinks of a reply.',
  values: {
    UP: { value: 'up', description: 'It is good.' },
    DOWN: { value: 'down', description: 'It is bad.' },
  } as const,
});

/** A person's word on a message. */
type Given = { readonly message: string } & MessageRow['feedback'][string];

const Feedback = builder.objectRef<Given>('Feedback').implement({
  description: "The viewer's own word on a reply. Nobody else sees it, but for those who analyse the events.",
  fields: (t) => ({
    value: t.field({ type: FeedbackValue, description: 'What they think of it.', resolve: ({ value }) => value }),
    comment: t.string({
      nullable: true,
      description: `What they wrote about it, if anything; "${ERASED}" where it was erased.`,
      resolve: async ({ message, comment }, _, { load }) =>
        comment && ((await load.comment(message, comment)) ?? ERASED),
    }),
  }),
});

const Reply = builder.objectRef<NonNullable<MessageRow['reply']>>('Reply').implement({
  description: 'What is known of a message that the assistant writes.',
  fields: (t) => ({
    status: t.field({
      extensions: shareable,
      type: ReplyStatus,
      description: 'How far it has come.',
      resolve: ({ status }) => status,
    }),
    attempt: t.exposeInt('attempt', {
      extensions: shareable,
      description: 'The attempt that this shows; 0 before the first.',
    }),
    stopping: t.exposeBoolean('stopping', { extensions: shareable, description: 'Whether a stop was asked for.' }),
    model: t.exposeString('model', { extensions: shareable, nullable: true, description: 'What writes it.' }),
    code: t.exposeString('code', {
      extensions: shareable,
      nullable: true,
      description: 'Why it failed: a stable code.',
    }),
    finish: t.field({
      extensions: shareable,
      type: FinishReason,
      nullable: true,
      description: 'Why the model stopped writing; null unless it is whole, and where nobody knows.',
      resolve: ({ finish }) => finish,
    }),
    tokens: t.exposeInt('tokens', {
      extensions: shareable,
      nullable: true,
      description: 'How many tokens the model wrote; null unless it is whole, and where nobody knows.',
    }),
  }),
});

const Siblings = builder.objectRef<{ ids: readonly string[]; index: number }>('Siblings').implement({
  description: 'All messages with the same parent.',
  fields: (t) => ({
    ids: t.idList({
      extensions: shareable,
      description: 'Oldest first.',
      resolve: ({ ids }) => ids.map((id) => nodeId('message', id)),
    }),
    index: t.exposeInt('index', { extensions: shareable, description: 'The place of this one among them, from 0.' }),
  }),
});

export const Message = builder.objectRef<MessageNode>('Message').implement({
  description: 'A message of a person, or a reply of the assistant.',
  interfaces: [Node],
  isTypeOf: isNode('message'),
  fields: (t) => ({
    conversation: t.id({
      extensions: shareable,
      description: 'The conversation that it belongs to.',
      resolve: ({ row }) => nodeId('conversation', row.conversation),
    }),
    version: t.int({
      extensions: shareable,
      description: 'The version of the conversation that last changed it: of two copies, the higher is the newer.',
      resolve: ({ row }) => row.version,
    }),
    parent: t.id({
      extensions: shareable,
      nullable: true,
      description: 'The message that it answers; null for a first one.',
      resolve: ({ row }) => (row.parent === null ? null : nodeId('message', row.parent)),
    }),
    seq: t.int({
      extensions: shareable,
      description: 'Its number in the conversation, from 1.',
      resolve: ({ row }) => row.seq,
    }),
    at: t.field({
      extensions: shareable,
      type: 'DateTime',
      description: 'When it was posted or asked for.',
      resolve: ({ row }) => row.at,
    }),
    author: t.field({
      extensions: shareable,
      type: User,
      nullable: true,
      description: 'Who wrote it; null for a reply, and while this server has never seen them.',
      resolve: async ({ row }, _, { load }) => {
        const author = row.author === null ? undefined : await load.user.load(row.author);
        return author ? userNode(author) : null;
      },
    }),
    parts: t.field({
      extensions: shareable,
      type: [Part],
      description: 'What it says. Empty while a reply is being written: follow `replyDeltas`.',
      resolve: ({ row }) => row.parts.map((part, index) => ({ part, message: row.source ?? row.id, index })),
    }),
    reply: t.field({
      extensions: shareable,
      type: Reply,
      nullable: true,
      description: 'Null for what a person wrote.',
      resolve: ({ row }) => row.reply,
    }),
    feedback: t.field({
      type: Feedback,
      nullable: true,
      description: "The viewer's own word on it; null where they gave none.",
      resolve: ({ row }, _, { identity }) => {
        const given = Object.hasOwn(row.feedback, identity.user) ? row.feedback[identity.user] : undefined;
        return given ? { ...given, message: row.id } : null;
      },
    }),
    siblings: t.field({
      extensions: shareable,
      type: Siblings,
      description: 'All messages with the same parent, and the place of this one.',
      resolve: async ({ row }, _, { load }) => {
        const found = await load.siblings.load(row);
        const ids = (await load.canRead(row.conversation)) ? found : [row.id];
        return { ids, index: ids.indexOf(row.id) };
      },
    }),
  }),
});
