import { contentOf, charsOf } from '../../../domain/content.js';
import { builder } from '../builder.js';
import { requireNodeId } from '../ids.js';
import { FeedbackGiveInput, MessagePostInput, ReplyRequestInput, ReplyStopInput } from '../inputs/message.js';
import { CommandOutcome } from '../outcome.js';
import { elsewhereFault, keyOfWords } from './access.js';
import { aimAtConversation, send } from './send.js';
import { textPart } from './texts.js';
import { INPUT } from '../words.js';

// What people say, what they ask the assistant for, and what they think of its replies.

builder.mutationFields((t) => ({
  messagePost: t.field({
    type: CommandOutcome,
    description: 'Posts a message, and asks for a reply.',
    args: { input: t.arg({ type: MessagePostInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const message = requireNodeId('message', input.message);
      const reply = requireNodeId('message', input.reply);
      const parent = input.parent == null ? null : requireNodeId('message', input.parent);
      const [fault, key] = await Promise.all([
        elsewhereFault(context, conversation, [message, reply]),
        keyOfWords(context, conversation),
      ]);
      const data = { message, reply, parent, parts: [textPart(message, input.text)], fork: input.fork };
      return fault ?? send(context, conversation, { ...aim, type: 'PostMessage', key, data });
    },
  }),
  replyRequest: t.field({
    type: CommandOutcome,
    description: "Asks for another reply to a person's message.",
    args: { input: t.arg({ type: ReplyRequestInput, description: INPUT }) },
    resolve: async (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const data = { reply: requireNodeId('message', input.reply), parent: requireNodeId('message', input.parent) };
      const fault = await elsewhereFault(context, conversation, [data.reply]);
      return fault ?? send(context, conversation, { ...aim, type: 'RequestReply', data });
    },
  }),
  replyStop: t.field({
    type: CommandOutcome,
    description: 'Asks a running reply to stop. It ends with the text so far.',
    args: { input: t.arg({ type: ReplyStopInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const data = { reply: requireNodeId('message', input.reply) };
      return send(context, conversation, { ...aim, type: 'StopReply', data });
    },
  }),
  feedbackGive: t.field({
    type: CommandOutcome,
    description: 'Says what the viewer thinks of a reply.',
    args: { input: t.arg({ type: FeedbackGiveInput, description: INPUT }) },
    resolve: async (_, { input, input: { comment } }, context) => {
      const { conversation, aim } = aimAtConversation(input);
      const message = requireNodeId('message', input.message);
      const content = contentOf.feedback(message, context.identity.user);
      return send(context, conversation, {
        ...aim,
        type: 'GiveFeedback',
        ...(comment == null ? {} : { key: await keyOfWords(context, conversation) }),
        data: {
          message,
          value: input.value ?? 'none',
          comment: comment == null ? null : { plain: comment, content },
          chars: comment == null ? 0 : charsOf(comment),
        },
      });
    },
  }),
}));
