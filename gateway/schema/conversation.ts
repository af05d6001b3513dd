import { type Context, seenConversation, staleness, streamsOf } from '../context.js';
import { builder, shareable } from './builder.js';
import { nodeId, parseNodeId } from './ids.js';
import { Member, MemberRole } from './member.js';
import { type ConversationNode, Node, conversationNode, isNode, userNode } from './nodes.js';
import { Thread, chosenLeaf, readThread } from './thread.js';
import { User } from './user.js';
import { ERASED, FRESH } from './words.js';

const Share = builder.objectRef<{ readonly id: string; readonly leaf: string }>('Share').implement({
  description: 'A branch of a conversation that is shown to whoever has the link.',
  fields: (t) => ({
    id: t.field({ extensions: shareable, type: 'UUID', description: 'Its id.', resolve: ({ id }) => id }),
    leaf: t.id({
      extensions: shareable,
      description: 'The message in which it ends.',
      resolve: ({ leaf }) => nodeId('message', leaf),
    }),
  }),
});

const Origin = builder.objectRef<{ readonly conversation: string; readonly message: string }>('Origin').implement({
  description: 'Where a fork comes from. The viewer need not be able to see it.',
  fields: (t) => ({
    conversation: t.id({
      extensions: shareable,
      description: 'The conversation from which it was taken.',
      resolve: ({ conversation }) => nodeId('conversation', conversation),
    }),
    message: t.id({
      extensions: shareable,
      description: 'The message up to which it was taken.',
      resolve: ({ message }) => nodeId('message', message),
    }),
  }),
});

/** What is the viewer's own in a conversation; undefined once they are a member no longer, as live updates may find. */
const seenIn = async ({ row }: ConversationNode, { load }: Context) => ('role' in row ? row : load.seen.load(row.id));

/** How far the viewer has read: what they posted themselves they have read. */
async function readIn(node: ConversationNode, context: Context): Promise<number> {
  const [seen, { readSeq }] = await Promise.all([seenIn(node, context), context.load.relation(node.row.id)]);
  return Math.max(readSeq, seen?.postedSeq ?? 0);
}

export const Conversation = builder.objectRef<ConversationNode>('Conversation').implement({
  description:
    'A conversation: a tree of messages, of which one branch is shown. When it is deleted, its tombstone has no content; ' +
    'its owners still find it, and can restore it.',
  interfaces: [Node],
  isTypeOf: isNode('conversation'),
  fields: (t) => ({
    version: t.int({
      extensions: shareable,
      description: 'The version of its stream that this shows.',
      resolve: ({ row }) => row.version,
    }),
    title: t.string({
      extensions: shareable,
      nullable: true,
      description: 'Null where it was erased, or the conversation is deleted.',
      resolve: ({ row }, _, { load }) => (row.deleted ? null : load.title(row)),
    }),
    startedAt: t.field({
      extensions: shareable,
      type: 'DateTime',
      description: 'When it began.',
      resolve: ({ row }) => row.startedAt,
    }),
    activeAt: t.field({
      extensions: shareable,
      type: 'DateTime',
      description: 'The time of its newest message.',
      resolve: ({ row }) => row.activeAt,
    }),
    starter: t.field({
      extensions: shareable,
      type: User,
      nullable: true,
      description: 'Who began it. Null while this server has never seen them.',
      resolve: async ({ row }, _, { load }) => {
        const user = await load.user.load(row.starter);
        return user ? userNode(user) : null;
      },
    }),
    role: t.field({
      type: MemberRole,
      nullable: true,
      description:
        'What the viewer may do here. Null in a live update that came just before they ceased to be a member.',
      resolve: async (node, _, context) => (await seenIn(node, context))?.role ?? null,
    }),
    members: t.field({
      extensions: shareable,
      type: [Member],
      description: 'Who belongs to it, in the order in which they came.',
      resolve: async ({ row }, _, { load }) => [...(await load.members.load(row.id))],
    }),
    head: t.id({
      extensions: shareable,
      description: 'The newest message of all branches.',
      resolve: ({ row }) => nodeId('message', row.head),
    }),
    leaf: t.id({
      description:
        'Where the thread ends unless another leaf is asked for: in the branch that the viewer chose, else in `head`.',
      resolve: async ({ row }, _, context) => {
        const leaf = await chosenLeaf(row, context);
        const shown = leaf === row.head || (await context.load.canRead(row.id));
        return nodeId('message', shown ? leaf : row.head);
      },
    }),
    lastSeq: t.int({
      extensions: shareable,
      description: 'The number of its newest message.',
      resolve: ({ row }) => row.lastSeq,
    }),
    readSeq: t.int({
      description: 'How far the viewer has read: the number of a message. What they post themselves they have read.',
      resolve: (node, _, context) => readIn(node, context),
    }),
    unread: t.int({
      description: 'How many messages the viewer has not seen.',
      resolve: async (node, _, context) => Math.max(0, node.row.lastSeq - (await readIn(node, context))),
    }),
    pinned: t.boolean({
      description: 'Whether the viewer keeps it on top.',
      resolve: async ({ row }, _, { load }) => (await load.relation(row.id)).pinned,
    }),
    archived: t.boolean({
      description: 'Whether the viewer has put it away.',
      resolve: async ({ row }, _, { load }) => (await load.relation(row.id)).archived,
    }),
    hidden: t.boolean({
      description:
        'Whether the viewer wants it out of their lists. It is in none of them; by its id it is still found.',
      resolve: async ({ row }, _, { load }) => (await load.relation(row.id)).hidden,
    }),
    tags: t.stringList({
      description: `The viewer's own words for it; "${ERASED}" where one was erased.`,
      resolve: async ({ row }, _, { load }) => {
        const { tags } = await load.relation(row.id);
        const texts = await Promise.all(tags.map(({ text }, n) => load.tag(row.id, n, text)));
        return row.deleted ? [] : texts.map((text) => text ?? ERASED);
      },
    }),
    shares: t.field({
      extensions: shareable,
      type: [Share],
      description: 'The branches that are shown to whoever has their links.',
      resolve: ({ row }) => [...row.shares],
    }),
    origin: t.field({
      extensions: shareable,
      type: Origin,
      nullable: true,
      description: 'Where it was forked from; null where it began by itself.',
      resolve: ({ row }) => row.origin,
    }),
    expires: t.field({
      extensions: shareable,
      type: 'DateTime',
      nullable: true,
      description: 'When it ends and all of its text is erased; null unless it is a temporary one.',
      resolve: ({ row }) => row.expires,
    }),
    deleted: t.boolean({
      extensions: shareable,
      description: 'A tombstone: it is gone, and says so to whoever still shows it.',
      resolve: ({ row }) => row.deleted,
    }),
    thread: t.field({
      type: Thread,
      description: 'From a leaf towards the root; or around a message.',
      args: {
        leaf: t.arg.id({
          required: false,
          description: 'The message in which the branch ends; if none is given, the conversation’s `leaf`.',
        }),
        around: t.arg.id({
          required: false,
          description: 'The message in the middle of the page, instead of a leaf: to jump to it.',
        }),
        before: t.arg.string({ required: false, description: 'The cursor of an older page, instead of a leaf.' }),
        first: t.arg.int({ defaultValue: 50, description: 'How many messages: 1 to 100.' }),
      },
      resolve: readThread,
    }),
  }),
});

builder.queryField('conversation', (t) =>
  t.field({
    type: Conversation,
    nullable: true,
    description: 'A conversation in which the viewer is a member. Null where it is not theirs to see, or not there.',
    args: {
      id: t.arg.id({ description: 'The id of the conversation.' }),
      after: t.arg({ type: 'Position', required: false, description: FRESH }),
    },
    resolve: async (_, { id, after }, context) => {
      const isStale = await staleness(context, after);
      const uuid = parseNodeId('conversation', id);
      if (uuid === undefined) return null;
      const stale = await isStale(...streamsOf(context, uuid));
      const row = await seenConversation(context, uuid);
      return row ? conversationNode(row, stale) : null;
    },
  }),
);
