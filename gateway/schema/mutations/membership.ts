import { charsOf, contentOf } from '../../../domain/content.js';
import { type Uuid, membershipId, membershipStream } from '../../../domain/ids.js';
import type { Context } from '../../context.js';
import { builder } from '../builder.js';
import { requireNodeId } from '../ids.js';
import {
  BranchChooseInput,
  ConversationArchiveInput,
  ConversationHideInput,
  ConversationPinInput,
  ConversationReadInput,
  ConversationTagInput,
} from '../inputs/membership.js';
import { CommandOutcome, type Done } from '../outcome.js';
import { notFound, seenSoon } from './access.js';
import { type Wish, aimAt, send } from './send.js';
import { INPUT } from '../words.js';

// The viewer's own relation to a conversation. It lives at their home, whose owner cannot know who is a member of
// conversations elsewhere: so that is asked here, of the view.

type Input = { readonly commandId: Uuid; readonly expected?: number | null | undefined; readonly conversation: string };
type Data = Extract<Wish, { data: { conversation: Uuid } }>;
type Change = Data extends infer W ? (W extends Data ? Pick<W, 'type' | 'data'> : never) : never;

async function relate(context: Context, input: Input, change: (conversation: Uuid) => Change): Promise<Done> {
  const conversation = requireNodeId('conversation', input.conversation);
  const wish = { ...aimAt(input, membershipStream(conversation, context.identity.user)), ...change(conversation) };
  return (await seenSoon(context, conversation)) ? send(context, conversation, wish) : notFound;
}

builder.mutationFields((t) => ({
  conversationRead: t.field({
    type: CommandOutcome,
    description: 'Marks everything up to a seq as read.',
    args: { input: t.arg({ type: ConversationReadInput, description: INPUT }) },
    resolve: (_, { input }, context) =>
      relate(context, input, (conversation) => ({ type: 'MarkRead', data: { conversation, seq: input.seq } })),
  }),
  conversationPin: t.field({
    type: CommandOutcome,
    description: "Puts a conversation at the top of the viewer's list, or lets it go.",
    args: { input: t.arg({ type: ConversationPinInput, description: INPUT }) },
    resolve: (_, { input: { pinned, ...input } }, context) =>
      relate(context, input, (conversation) => ({ type: 'PinConversation', data: { conversation, pinned } })),
  }),
  conversationArchive: t.field({
    type: CommandOutcome,
    description: "Puts a conversation away from the viewer's list, or takes it back.",
    args: { input: t.arg({ type: ConversationArchiveInput, description: INPUT }) },
    resolve: (_, { input: { archived, ...input } }, context) =>
      relate(context, input, (conversation) => ({ type: 'ArchiveConversation', data: { conversation, archived } })),
  }),
  conversationTag: t.field({
    type: CommandOutcome,
    description: "Replaces the viewer's tags on a conversation.",
    args: { input: t.arg({ type: ConversationTagInput, description: INPUT }) },
    resolve: (_, { input }, context) =>
      relate(context, input, (conversation) => {
        const membership = membershipId(conversation, context.identity.user);
        const tags = input.tags.map((tag, n) => ({
          text: { plain: tag, content: contentOf.tag(membership, n) },
          chars: charsOf(tag),
        }));
        return { type: 'TagConversation', data: { conversation, tags } };
      }),
  }),
  branchChoose: t.field({
    type: CommandOutcome,
    description: 'Chooses the branch that the viewer sees when they open a conversation.',
    args: { input: t.arg({ type: BranchChooseInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const leaf = requireNodeId('message', input.leaf);
      return relate(context, input, (conversation) => ({ type: 'ChooseBranch', data: { conversation, leaf } }));
    },
  }),
  conversationHide: t.field({
    type: CommandOutcome,
    description: 'Takes a conversation out of all lists of the viewer, or back into them.',
    args: { input: t.arg({ type: ConversationHideInput, description: INPUT }) },
    resolve: (_, { input: { hidden, ...input } }, context) =>
      relate(context, input, (conversation) => ({ type: 'HideConversation', data: { conversation, hidden } })),
  }),
}));
