import type { Plain } from '../../../commands/client/client.js';
import { type Sealed, conversationKey, personKey } from '../../../domain/content.js';
import { conversation as rules } from '../../../domain/conversation.js';
import { isRejection } from '../../../domain/decider.js';
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
import { CommandOutcome, type Done, outcomeOf, refused } from '../outcome.js';
import { elsewhereFault, keyOfTitle } from './access.js';
import { fork } from './fork.js';
import { type Wish, aimAtConversation, faultOf, send } from './send.js';
import { textPart, titleField, titleOf } from './texts.js';
import { INPUT } from '../words.js';

// The life of a conversation: how it begins, what it is called, whether it is there.

/** Asked here too: a key would be made for it before its owner could refuse it. */
const strayFault = ({ identity }: Context, conversation: Uuid): Done | undefined =>
  bucketOf(conversation) === bucketOf(identity.user)
    ? undefined
    : refused('WRONG_BUCKET', 'A conversation ends in the last three digits of the id of who starts it.');

type Start = Extract<Wish, { type: 'StartConversation' }>;

/** What is wrong with a temporary conversation. Asked here too: the key that is made for it would stay if it is refused. */
async function temporaryFault(context: Context, id: Uuid, expires: string, { data, ...wish }: Start) {
  const user = context.identity.user;
  const key = conversationKey(id);
  const sealed = ({ content }: Plain): Sealed => ({ key, content, box: '' });
  const fault = faultOf(wish);
  if (fault) return fault;
  // Looked for before it is asked whether this wish began it: what was accepted is answered as it was.
  const there = await context.core.conversation(id);
  if ((await outcomeOf(context, user, wish.id))?.status === 'accepted') return undefined;
  const parts = data.parts.map(({ text, ...part }) => ({ ...part, text: sealed(text) }));
  const start = { actor: user, id, type: wish.type, data: { ...data, parts, title: sealed(data.title) } };
  const decided = rules.decide(start, rules.initial);
  if (isRejection(decided)) return refused(decided.rejected, decided.message);
  if (Date.parse(expires) <= context.now()) return refused('INVALID', `${expires} is over: it needs a time to come.`);
  return there && refused('ID_TAKEN', 'This conversation exists: make a new id.');
}

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
      const wish = {
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
      } as const;
      const fault =
        strayFault(context, conversation) ??
        (await elsewhereFault(context, conversation, [message, reply])) ??
        (expires === null ? undefined : await temporaryFault(context, conversation, expires, wish));
      return fault ?? send(context, conversation, wish);
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
