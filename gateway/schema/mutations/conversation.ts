import { conversationKey, personKey } from '../../../domain/content.js';
import { type Uuid, bucketOf } from '../../../domain/ids.js';
import type { Context } from '../../context.js';
import { builder } from '../builder.js';
import { requireNodeId } from '../ids.js';
import {
  ConversationDeleteInput,
  ConversationForkInput,
  ConversationRenameInput,
  ConversationRestoreInput,
  ConversationShareInput,
  ConversationStartInput,
  ConversationUnshareInput,
} from '../inputs/conversation.js';
import { CommandOutcome, type Done, refused } from '../outcome.js';
import { keyOfTitle } from './access.js';
import { fork } from './fork.js';
import { aimAtConversation, faultOf, send } from './send.js';
import { textPart, titleField, titleOf } from './texts.js';
import { INPUT } from '../words.js';

// The life of a conversation: how it begins, what it is called, whether it is there.

/** Asked here too: a key would be made for it before its owner could refuse it. */
const strayFault = ({ identity }: Context, conversation: Uuid): Done | undefined =>
  bucketOf(conversation) === bucketOf(identity.user)
    ? undefined
    : refused('WRONG_BUCKET', 'A conversation ends in the last three digits of the id of who starts it.');

builder.mutationFields((t) => ({
  conversationStart: t.field({
    type: CommandOutcome,
    description: 'Starts a conversation with its first message, and asks for a reply.',
    args: { input: t.arg({ type: ConversationStartInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const message = requireNodeId('message', input.message);
      const reply = requireNodeId('message', input.reply);
      const expires = input.expires ?? null;
      return (
        strayFault(context, conversation) ??
        send(context, conversation, {
          ...aim,
          type: 'StartConversation',
          key: expires === null ? personKey(context.identity.user) : conversationKey(conversation),
          data: {
            message,
            reply,
            parts: [textPart(message, input.text)],
            ...titleField(conversation, titleOf(input.text)),
            expires,
          },
        })
      );
    },
  }),
  conversationFork: t.field({
    type: CommandOutcome,
    description:
      'Starts a conversation that goes on from a branch of another, and copies that branch into it. A long one may take several sendings: while the answer is Pending, send the same again, and it goes on where it was.',
    args: { input: t.arg({ type: ConversationForkInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const origin = requireNodeId('conversation', input.origin);
      const leaf = requireNodeId('message', input.leaf);
      const fault = faultOf(aim) ?? strayFault(context, conversation);
      return fault ?? fork(context, { command: aim.id, conversation, origin, leaf, title: input.title ?? undefined });
    },
  }),
  conversationRename: t.field({
    type: CommandOutcome,
    description: 'Gives a conversation another title.',
    args: { input: t.arg({ type: ConversationRenameInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const key = await keyOfTitle(context, conversation);
      return send(context, conversation, {
        ...aim,
        type: 'RenameConversation',
        key,
        data: titleField(conversation, input.title),
      });
    },
  }),
  conversationDelete: t.field({
    type: CommandOutcome,
    description: 'Deletes a conversation: it is no longer shown, but to its owners as one that they can restore.',
    args: { input: t.arg({ type: ConversationDeleteInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      return send(context, conversation, { ...aim, type: 'DeleteConversation', data: {} });
    },
  }),
  conversationRestore: t.field({
    type: CommandOutcome,
    description: 'Brings a deleted conversation back. Its shares stay ended.',
    args: { input: t.arg({ type: ConversationRestoreInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      return send(context, conversation, { ...aim, type: 'RestoreConversation', data: {} });
    },
  }),
  conversationShare: t.field({
    type: CommandOutcome,
    description: 'Shares a branch of a conversation as it is now: what comes later is not in it.',
    args: { input: t.arg({ type: ConversationShareInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const data = { share: input.share, leaf: requireNodeId('message', input.leaf) };
      return send(context, conversation, { ...aim, type: 'ShareConversation', data });
    },
  }),
  conversationUnshare: t.field({
    type: CommandOutcome,
    description: 'Ends a share of a conversation.',
    args: { input: t.arg({ type: ConversationUnshareInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      return send(context, conversation, { ...aim, type: 'UnshareConversation', data: { share: input.share } });
    },
  }),
}));
