import type { MessageRow } from '../../projections/readmodel/core/rows.js';
import type { Part as StoredPart } from '../../domain/content.js';
import { builder } from './builder.js';
import { nodeId } from './ids.js';
import { type MessageNode, Node, userNode } from './nodes.js';
import { User } from './user.js';

type LocatedPart = { readonly part: StoredPart; readonly message: string; readonly index: number };

const TextPart = builder.objectRef<LocatedPart>('TextPart').implement({
  description: 'A piece of text, as markdown.',
  fields: (t) => ({
    text: t.string({
      description: 'The text; "[deleted]" where it was erased.',
      resolve: async ({ part, message, index }, _, { load }) =>
        (await load.part(message, index, part.text)) ?? '[deleted]',
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

const Reply = builder.objectRef<NonNullable<MessageRow['reply']>>('Reply').implement({
  description: 'What is known of a message that the assistant writes.',
  fields: (t) => ({
    status: t.field({ type: ReplyStatus, description: 'How far it has come.', resolve: ({ status }) => status }),
    attempt: t.exposeInt('attempt', { description: 'The attempt that this shows; 0 before the first.' }),
    stopping: t.exposeBoolean('stopping', { description: 'Whether a stop was asked for.' }),
    model: t.exposeString('model', { nullable: true, description: 'What writes it.' }),
    code: t.exposeString('code', { nullable: true, description: 'Why it failed: a stable code.' }),
  }),
});

const Siblings = builder.objectRef<{ ids: readonly string[]; index: number }>('Siblings').implement({
  description: 'All messages with the same parent.',
  fields: (t) => ({
    ids: t.idList({ description: 'Oldest first.', resolve: ({ ids }) => ids.map((id) => nodeId('message', id)) }),
    index: t.exposeInt('index', { description: 'The place of this one among them, from 0.' }),
  }),
});

export const Message = builder.objectRef<MessageNode>('Message').implement({
  description: 'A message of a person, or a reply of the assistant.',
  interfaces: [Node],
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'message',
  fields: (t) => ({
    conversation: t.id({
      description: 'The conversation that it belongs to.',
      resolve: ({ row }) => nodeId('conversation', row.conversation),
    }),
    version: t.int({
      description: 'The version of the conversation that last changed it: of two copies, the higher is the newer.',
      resolve: ({ row }) => row.version,
    }),
    parent: t.id({
      nullable: true,
      description: 'The message that it answers; null for a first one.',
      resolve: ({ row }) => (row.parent === null ? null : nodeId('message', row.parent)),
    }),
    seq: t.int({ description: 'Its number in the conversation, from 1.', resolve: ({ row }) => row.seq }),
    at: t.field({ type: 'DateTime', description: 'When it was posted or asked for.', resolve: ({ row }) => row.at }),
    author: t.field({
      type: User,
      nullable: true,
      description: 'Who wrote it; null for a reply.',
      resolve: async ({ row }, _, { load }) => {
        const author = row.author === null ? undefined : await load.user.load(row.author);
        return author ? userNode(author) : null;
      },
    }),
    parts: t.field({
      type: [Part],
      description: 'What it says. Empty while a reply is being written: follow `replyDeltas`.',
      resolve: ({ row }) => row.parts.map((part, index) => ({ part, message: row.source ?? row.id, index })),
    }),
    reply: t.field({
      type: Reply,
      nullable: true,
      description: 'Null for what a person wrote.',
      resolve: ({ row }) => row.reply,
    }),
    siblings: t.field({
      type: Siblings,
      description: 'All messages with the same parent, and the place of this one.',
      resolve: async ({ row }, _, { load }) => {
        const ids = await load.siblings.load(row);
        return { ids, index: ids.indexOf(row.id) };
      },
    }),
  }),
});
