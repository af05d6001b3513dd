import { builder } from './builder.js';

const named = (bucket: string): string =>
  `The id of this command: a UUID of version 7 whose last three hex digits are those of the ${bucket}. Sent twice, it is done once.`;

const words = {
  message: 'The id of the message, made by the client.',
  reply: 'The id of the reply to it, made by the client.',
  text: 'What it says: 1 to 100,000 characters.',
  conversation: 'The conversation.',
  command: named('conversation'),
};

export const ConversationStartInput = builder.inputType('ConversationStartInput', {
  description:
    "The ids of conversation, message and reply are the client's: UUIDs of version 7. The conversation's last three hex " +
    "digits are those of the viewer's user id; the message's and the reply's are those of the conversation.",
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: words.command }),
    conversation: t.id({ description: 'The id of the conversation, made by the client.' }),
    message: t.id({ description: words.message }),
    reply: t.id({ description: words.reply }),
    text: t.string({ description: words.text }),
  }),
});

export const MessagePostInput = builder.inputType('MessagePostInput', {
  description: 'A message in a conversation, and the request for a reply to it.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: words.command }),
    conversation: t.id({ description: words.conversation }),
    parent: t.id({
      required: false,
      description: 'The leaf that the writer saw; null only for a sibling of the first message.',
    }),
    message: t.id({ description: words.message }),
    reply: t.id({ description: words.reply }),
    text: t.string({ description: words.text }),
    fork: t.boolean({
      defaultValue: false,
      description: 'Make a sibling on purpose, where the branch has gone on (edit and send again).',
    }),
  }),
});

export const ConversationRenameInput = builder.inputType('ConversationRenameInput', {
  description: 'A new title for a conversation.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: words.command }),
    conversation: t.id({ description: words.conversation }),
    title: t.string({ description: 'The title: 1 to 200 characters.' }),
  }),
});

export const ConversationDeleteInput = builder.inputType('ConversationDeleteInput', {
  description: 'Which conversation to delete.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: words.command }),
    conversation: t.id({ description: words.conversation }),
  }),
});

export const ConversationReadInput = builder.inputType('ConversationReadInput', {
  description: 'How far the viewer has read.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: named('viewer') }),
    conversation: t.id({ description: words.conversation }),
    seq: t.int({ description: 'The number of the newest message seen.' }),
  }),
});

export const ReplyStopInput = builder.inputType('ReplyStopInput', {
  description: 'Which reply to stop.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: words.command }),
    conversation: t.id({ description: words.conversation }),
    reply: t.id({ description: 'The reply.' }),
  }),
});
