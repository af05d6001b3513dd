import { builder } from '../builder.js';
import { FeedbackValue } from '../message.js';
import { newMessage, ofConversation, text } from './words.js';

export const MessagePostInput = builder.inputType('MessagePostInput', {
  description: 'A message in a conversation, and the request for a reply to it. For its writers.',
  fields: (t) => ({
    ...ofConversation(t),
    parent: t.id({
      required: false,
      description: 'The leaf that the writer saw; null only for a sibling of the first message.',
    }),
    message: newMessage(t, 'the message'),
    reply: newMessage(t, 'the reply to it'),
    text: text(t),
    fork: t.boolean({
      defaultValue: false,
      description: 'Make a sibling on purpose, where the branch has gone on (edit and send again).',
    }),
  }),
});

export const ReplyRequestInput = builder.inputType('ReplyRequestInput', {
  description: "Another reply to a person's message, beside those that are there. For writers.",
  fields: (t) => ({
    ...ofConversation(t),
    parent: t.id({ description: "The person's message to answer." }),
    reply: newMessage(t, 'the reply'),
  }),
});

export const ReplyStopInput = builder.inputType('ReplyStopInput', {
  description: 'Which reply to stop. For writers.',
  fields: (t) => ({ ...ofConversation(t), reply: t.id({ description: 'The reply.' }) }),
});

export const FeedbackGiveInput = builder.inputType('FeedbackGiveInput', {
  description: "The viewer's word on a reply that has ended. The last word stands.",
  fields: (t) => ({
    ...ofConversation(t),
    message: t.id({ description: 'The reply.' }),
    value: t.field({
      type: FeedbackValue,
      required: false,
      description: 'What the viewer thinks of it; null takes back what they said.',
    }),
    comment: t.string({
      required: false,
      description: 'Why: 1 to 2,000 characters, not blank. Only beside a value.',
    }),
  }),
});
