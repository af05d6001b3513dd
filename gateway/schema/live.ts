import type { Uuid } from '../../domain/ids.js';
import type { SeenConversation } from '../../projections/readmodel/core/rows.js';
import type { ReplyDelta as Delta } from '../../projections/sessions/sessions.js';
import { type Context, seenConversation, shows } from '../context.js';
import type { ConversationDelivery } from '../live/conversation.js';
import { type InboxDelivery, followInbox } from '../live/inbox.js';
import { builder, cursor, shareable } from './builder.js';
import { Conversation } from './conversation.js';
import { clientError, nodeId, requireNodeId } from './ids.js';
import { Member } from './member.js';
import { Message } from './message.js';
import { conversationNode, messageNode, userNode } from './nodes.js';
import { User } from './user.js';

const ConversationUpdate = builder.objectRef<ConversationDelivery>('ConversationUpdate').implement({
  description: 'The rows that versions from + 1 to `to` changed; put them in by (id, version).',
  fields: (t) => ({
    from: t.exposeInt('from', { extensions: shareable, description: 'The version that the subscriber had.' }),
    to: t.exposeInt('to', {
      extensions: shareable,
      description: 'The version that they have now: subscribe again from here.',
    }),
    conversation: t.field({
      extensions: shareable,
      type: Conversation,
      nullable: true,
      description:
        'The conversation itself, newer than `to` where updates with more follow. Null where `removed` holds, or where an error beside it says why.',
      resolve: (update) => (update.removed ? null : conversationNode(update.conversation)),
    }),
    removed: t.exposeBoolean('removed', {
      extensions: shareable,
      description: 'Whether the viewer is a member no longer: then this is the last update.',
    }),
    messages: t.field({
      extensions: shareable,
      type: [Message],
      description: 'The messages that are new or changed, as they are now.',
      resolve: (update) => (update.removed || update.conversation.deleted ? [] : update.messages.map(messageNode)),
    }),
    members: t.field({
      extensions: shareable,
      type: [Member],
      description: 'The members who came, changed or went.',
      resolve: (update) => (update.removed || update.conversation.deleted ? [] : [...update.members]),
    }),
  }),
});

const ReplyDelta = builder.objectRef<Delta>('ReplyDelta').implement({
  description:
    'Text of a running reply from `offset` on. A higher attempt replaces what came before, a lower one is old.',
  fields: (t) => ({
    reply: t.id({ extensions: shareable, description: 'The reply.', resolve: ({ reply }) => nodeId('message', reply) }),
    attempt: t.exposeInt('attempt', { extensions: shareable, description: 'Which attempt this belongs to.' }),
    part: t.exposeInt('part', { extensions: shareable, description: 'Which part of the message, from 0.' }),
    offset: t.exposeInt('offset', {
      extensions: shareable,
      description: 'Where in the part it goes, in UTF-16 units.',
    }),
    text: t.exposeString('text', { extensions: shareable, description: 'The text.' }),
  }),
});

const InboxUpdate = builder.objectRef<InboxDelivery>('InboxUpdate').implement({
  description: 'A change of the sidebar. Per conversation the highest version wins.',
  fields: (t) => ({
    complete: t.exposeBoolean('complete', {
      description: 'Whether this is the whole first page, which replaces what was there, or single changes.',
    }),
    conversations: t.field({
      type: [Conversation],
      description: 'Conversations in the list, as they are now.',
      resolve: ({ rows }) => rows.map((row) => conversationNode(row)),
    }),
    gone: t.idList({
      description: 'Conversations that left the list: deleted, archived, hidden, or the viewer is a member no longer.',
      resolve: ({ gone }) => gone.map((id) => nodeId('conversation', id)),
    }),
  }),
});

const TypingUpdate = builder.objectRef<readonly Uuid[]>('TypingUpdate').implement({
  description: 'Who types in a conversation.',
  fields: (t) => ({
    people: t.field({
      extensions: shareable,
      type: [User],
      description: 'All who type now, but for the viewer.',
      resolve: async (people, _, { load }) => {
        const rows = await Promise.all(people.map((person) => load.user.load(person)));
        return rows.flatMap((row) => (row ? [userNode(row)] : []));
      },
    }),
  }),
});

const FIRST = 'Wait until the view shows this position, 2 s at most.';
const notFound = () => clientError('NOT_FOUND', 'This conversation does not exist, or it is not yours.');

/** A conversation that the viewer may read. Unknown and forbidden look alike. */
async function readable(context: Context, id: Uuid): Promise<SeenConversation> {
  const row = await seenConversation(context, id);
  if (!row) throw notFound();
  return row;
}

builder.subscriptionFields((t) => ({
  conversationEvents: t.field({
    extensions: shareable,
    type: ConversationUpdate,
    description: 'Everything that happens in a conversation after version `asOf`: each change once, in order.',
    args: {
      id: t.arg.id({ description: 'The conversation.' }),
      asOf: t.arg.int({
        extensions: cursor,
        description: 'The version that the subscriber has. Raise it before subscribing again.',
      }),
      after: t.arg({ extensions: cursor, type: 'Position', required: false, description: FIRST }),
    },
    subscribe: async (_, args, context) => {
      await shows(context, args.after);
      const { id } = await readable(context, requireNodeId('conversation', args.id));
      return context.groups.conversations.follow({ id }, context.identity.user, args.asOf, context.seat);
    },
    resolve: (update) => update,
  }),
  replyDeltas: t.field({
    extensions: shareable,
    type: ReplyDelta,
    description: 'A running reply as it is written: first the text so far, then what comes. Ends when the reply ends.',
    args: {
      id: t.arg.id({ description: 'The reply.' }),
      after: t.arg({ extensions: cursor, type: 'Position', required: false, description: FIRST }),
    },
    subscribe: async (_, args, context) => {
      await shows(context, args.after);
      const [row] = await context.core.messages([requireNodeId('message', args.id)]);
      if (!row?.reply) throw notFound();
      const { id, deleted } = await readable(context, row.conversation);
      if (deleted) throw notFound();
      return context.groups.replies.follow(
        { id: row.id, conversation: id },
        context.identity.user,
        undefined,
        context.seat,
      );
    },
    resolve: (delta) => delta,
  }),
  inbox: t.field({
    type: InboxUpdate,
    description: 'The sidebar: first a whole page, then each conversation as it changes.',
    subscribe: (_, __, context) => followInbox(context, context.identity.user),
    resolve: (update) => update,
  }),
  typing: t.field({
    extensions: shareable,
    type: TypingUpdate,
    description: 'Who types in a conversation: first as it is, then at each change.',
    args: { conversation: t.arg.id({ description: 'The conversation.' }) },
    subscribe: async (_, args, context) => {
      const { id, deleted } = await readable(context, requireNodeId('conversation', args.conversation));
      if (deleted) throw notFound();
      return context.groups.typing.follow({ id }, context.identity.user, undefined, context.seat);
    },
    resolve: (people) => people,
  }),
}));

builder.mutationField('typingSet', (t) =>
  t.boolean({
    description:
      'Tells the others that the viewer types, for 6 s unless it is told again, or that they stopped. Nothing is kept of it, and it is always true.',
    args: {
      conversation: t.arg.id({ description: 'The conversation.' }),
      typing: t.arg.boolean({ description: 'Whether they type.' }),
    },
    resolve: async (_, args, context) => {
      const { id, deleted } = await readable(context, requireNodeId('conversation', args.conversation));
      if (deleted) throw notFound();
      context.sessions.setTyping(id, context.identity.user, args.typing);
      return true;
    },
  }),
);
