import type { InboxPage } from '../../projections/readmodel/core/rows.js';
import { ownConversation, shows } from '../context.js';
import { builder } from './builder.js';
import { clientError, nodeId, parseNodeId } from './ids.js';
import { Message } from './message.js';
import { type ConversationNode, type MessageNode, Node, conversationNode, messageNode } from './nodes.js';
import { cursorOf, pageSize } from './paging.js';

const isConversation = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'conversation';

/** A page of one branch. `older` says whether the root is still further up. */
type ThreadPage = { readonly messages: readonly MessageNode[]; readonly asOf: number; readonly older: boolean };

const Thread = builder.objectRef<ThreadPage>('Thread').implement({
  description: 'A page of one branch, oldest message first.',
  fields: (t) => ({
    messages: t.field({
      type: [Message],
      description: 'Its messages, oldest first.',
      resolve: ({ messages }) => [...messages],
    }),
    asOf: t.exposeInt('asOf', {
      description: 'The version of the conversation that this page shows: subscribe from here.',
    }),
    before: t.string({
      nullable: true,
      description: 'The cursor of the next older page; null at the root.',
      resolve: ({ messages: [oldest], older }) => (older && oldest ? nodeId('message', oldest.row.id) : null),
    }),
  }),
});

export const Conversation = builder.objectRef<ConversationNode>('Conversation').implement({
  description: 'A conversation: a tree of messages, of which one branch is shown.',
  interfaces: [Node],
  isTypeOf: isConversation,
  fields: (t) => ({
    version: t.int({ description: 'The version of its stream that this shows.', resolve: ({ row }) => row.version }),
    title: t.string({
      nullable: true,
      description: 'Null where it was erased, or the conversation is deleted.',
      resolve: ({ row }, _, { load }) => (row.deleted ? null : load.title(row)),
    }),
    startedAt: t.field({ type: 'DateTime', description: 'When it began.', resolve: ({ row }) => row.startedAt }),
    activeAt: t.field({
      type: 'DateTime',
      description: 'The time of its newest message.',
      resolve: ({ row }) => row.activeAt,
    }),
    head: t.id({
      description: 'The newest message: where the thread ends unless another leaf is asked for.',
      resolve: ({ row }) => nodeId('message', row.head),
    }),
    lastSeq: t.int({ description: 'The number of its newest message.', resolve: ({ row }) => row.lastSeq }),
    readSeq: t.int({
      description: 'How far the viewer has read.',
      resolve: ({ row }, _, { load }) => load.readSeq.load(row.id),
    }),
    unread: t.int({
      description: 'How many messages the viewer has not seen.',
      resolve: async ({ row }, _, { load }) => Math.max(0, row.lastSeq - (await load.readSeq.load(row.id))),
    }),
    deleted: t.boolean({
      description: 'A tombstone: it is gone, and says so to whoever still shows it.',
      resolve: ({ row }) => row.deleted,
    }),
    stale: t.exposeBoolean('stale', {
      description: 'Whether the wait for `after` ran out of time, so that this may not show it yet.',
    }),
    thread: t.field({
      type: Thread,
      description: 'From a leaf (the head, if none is given) towards the root.',
      args: {
        leaf: t.arg.id({ required: false, description: 'The message in which the branch ends.' }),
        before: t.arg.string({ required: false, description: 'The cursor of an older page.' }),
        first: t.arg.int({ defaultValue: 50, description: 'How many messages: 1 to 100.' }),
      },
      resolve: async ({ row }, { leaf, before, first }, { core }) => {
        const size = pageSize(first);
        const from = before ?? leaf ?? nodeId('message', row.head);
        const end = parseNodeId('message', from);
        if (end === undefined) throw clientError('BAD_ID', `"${from}" is not the id of a message.`);
        if (row.deleted) return { messages: [], asOf: row.version, older: false };
        const found = await core.branch(row.id, end, size, before == null);
        const messages = found.toReversed().map(messageNode);
        return { messages, asOf: row.version, older: messages[0]?.row.parent != null };
      },
    }),
  }),
});

const PageInfo = builder.objectRef<InboxPage>('PageInfo').implement({
  description: 'Where a page ends.',
  fields: (t) => ({
    hasNextPage: t.exposeBoolean('more', { description: 'Whether there is more.' }),
    endCursor: t.string({
      nullable: true,
      description: 'Pass it as `after` for the next page.',
      resolve: ({ rows }) => {
        const last = rows.at(-1);
        return last ? cursorOf(last) : null;
      },
    }),
  }),
});

export const ConversationConnection = builder.objectRef<InboxPage>('ConversationConnection').implement({
  description: 'A page of conversations.',
  fields: (t) => ({
    nodes: t.field({
      type: [Conversation],
      description: 'The conversations of this page.',
      resolve: ({ rows }) => rows.map((row) => conversationNode(row)),
    }),
    pageInfo: t.field({ type: PageInfo, description: 'Where it ends.', resolve: (page) => page }),
  }),
});

builder.queryField('conversation', (t) =>
  t.field({
    type: Conversation,
    nullable: true,
    description: "One of the viewer's conversations.",
    args: {
      id: t.arg.id(),
      after: t.arg({
        type: 'Position',
        required: false,
        description: 'Wait until the view shows this position, 2 s at most.',
      }),
    },
    resolve: async (_, { id, after }, context) => {
      const fresh = await shows(context, after);
      const uuid = parseNodeId('conversation', id);
      const row = uuid === undefined ? undefined : await ownConversation(context, uuid);
      return row ? conversationNode(row, !fresh) : null;
    },
  }),
);
