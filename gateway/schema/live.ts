import type { ReplyDelta as Delta } from '../../projections/sessions/sessions.js';
import { seenConversation, shows } from '../context.js';
import { type ConversationDelivery, followConversation } from '../live/conversation.js';
import { type InboxDelivery, followInbox } from '../live/inbox.js';
import { followReply } from '../live/reply.js';
import { builder } from './builder.js';
import { Conversation } from './conversation.js';
import { clientError, nodeId, requireNodeId } from './ids.js';
import { Message } from './message.js';
import { conversationNode, messageNode } from './nodes.js';

const ConversationUpdate = builder.objectRef<ConversationDelivery>('ConversationUpdate').implement({
  description: 'The rows that versions from + 1 to `to` changed; put them in by (id, version).',
  fields: (t) => ({
    from: t.exposeInt('from', { description: 'The version that the subscriber had.' }),
    to: t.exposeInt('to', { description: 'The version that they have now: subscribe again from here.' }),
    conversation: t.field({
      type: Conversation,
      description: 'The conversation itself.',
      resolve: ({ conversation }) => conversationNode(conversation),
    }),
    messages: t.field({
      type: [Message],
      description: 'The messages that are new or changed, as they are now.',
      resolve: ({ messages, conversation }) => (conversation.deleted ? [] : messages.map(messageNode)),
    }),
  }),
});

const ReplyDelta = builder.objectRef<Delta>('ReplyDelta').implement({
  description:
    'Text of a running reply from `offset` on. A higher attempt replaces what came before, a lower one is old.',
  fields: (t) => ({
    reply: t.id({ description: 'The reply.', resolve: ({ reply }) => nodeId('message', reply) }),
    attempt: t.exposeInt('attempt', { description: 'Which attempt this belongs to.' }),
    part: t.exposeInt('part', { description: 'Which part of the message, from 0.' }),
    offset: t.exposeInt('offset', { description: 'Where in the part it goes, in UTF-16 units.' }),
    text: t.exposeString('text', { description: 'The text.' }),
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
      description: 'The conversations, tombstones too.',
      resolve: ({ rows }) => rows.map((row) => conversationNode(row)),
    }),
  }),
});

const notFound = () => clientError('NOT_FOUND', 'This conversation does not exist, or it is not yours.');
const after = 'Wait until the view shows this position, 2 s at most.';

builder.subscriptionFields((t) => ({
  conversationEvents: t.field({
    type: ConversationUpdate,
    description: 'Everything that happens in a conversation after version `asOf`: each change once, in order.',
    args: {
      id: t.arg.id(),
      asOf: t.arg.int({ description: 'The version that the subscriber has. Raise it before subscribing again.' }),
      after: t.arg({ type: 'Position', required: false, description: after }),
    },
    subscribe: async (_, args, context) => {
      await shows(context, args.after);
      const id = requireNodeId('conversation', args.id);
      const own = await seenConversation(context, id);
      if (!own) throw notFound();
      return followConversation(context, id, args.asOf);
    },
    resolve: (notice) => notice,
  }),
  replyDeltas: t.field({
    type: ReplyDelta,
    description: 'A running reply as it is written: first the text so far, then what comes. Ends when the reply ends.',
    args: { id: t.arg.id(), after: t.arg({ type: 'Position', required: false, description: after }) },
    subscribe: async (_, args, context) => {
      await shows(context, args.after);
      const id = requireNodeId('message', args.id);
      // Attached before the row is read, so that an end in between is not missed.
      const deltas = await followReply(context.sessions, id);
      const [row] = await context.core.messages([id]);
      const own = row && (await seenConversation(context, row.conversation));
      if (!row?.reply || !own || own.deleted) {
        await deltas.return(undefined);
        throw notFound();
      }
      if (!['requested', 'running'].includes(row.reply.status)) await deltas.return(undefined);
      return deltas;
    },
    resolve: (delta) => delta,
  }),
  inbox: t.field({
    type: InboxUpdate,
    description: 'The sidebar: first a whole page, then each conversation as it changes.',
    subscribe: (_, __, context) => followInbox(context, context.identity.user),
    resolve: (update) => update,
  }),
}));
