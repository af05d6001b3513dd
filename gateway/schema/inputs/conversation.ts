import { builder } from '../builder.js';
import { commandId, newConversation, newMessage, ofConversation, text } from './words.js';

export const ConversationStartInput = builder.inputType('ConversationStartInput', {
  description: 'A new conversation, its first message, and the request for a reply to that.',
  fields: (t) => ({
    commandId: commandId(t, "the conversation's id"),
    conversation: newConversation(t),
    message: newMessage(t, 'the message'),
    reply: newMessage(t, 'the reply to it'),
    text: text(t),
    expires: t.field({
      type: 'DateTime',
      required: false,
      description:
        'Makes it temporary: sealed under a key of its own, for the viewer alone, and gone for good from this time on. ISO 8601 in UTC with milliseconds, as 2026-01-31T09:15:00.000Z.',
    }),
  }),
});

export const ConversationForkInput = builder.inputType('ConversationForkInput', {
  description: 'A new conversation that goes on from a branch of another: its messages are copied into it.',
  fields: (t) => ({
    commandId: commandId(t, "the new conversation's id"),
    conversation: newConversation(t),
    origin: t.id({ description: 'The conversation to go on from. A temporary one cannot be forked.' }),
    leaf: t.id({ description: 'The message of it in which the branch to copy ends. Its reply must not be running.' }),
    title: t.string({
      required: false,
      description: 'The title: 1 to 200 characters. Left out, it is that of the origin.',
    }),
  }),
});

export const ConversationRenameInput = builder.inputType('ConversationRenameInput', {
  description: 'A new title for a conversation. For its owners.',
  fields: (t) => ({
    ...ofConversation(t),
    title: t.string({ description: 'The title: 1 to 200 characters, not blank.' }),
  }),
});

export const ConversationDeleteInput = builder.inputType('ConversationDeleteInput', {
  description: 'Which conversation to delete. For its owners.',
  fields: ofConversation,
});

export const ConversationRestoreInput = builder.inputType('ConversationRestoreInput', {
  description: 'Which deleted conversation to bring back. For its owners.',
  fields: ofConversation,
});

export const ConversationShareInput = builder.inputType('ConversationShareInput', {
  description: 'Which branch of a conversation to share. For its owners; a temporary one cannot be shared.',
  fields: (t) => ({
    ...ofConversation(t),
    share: t.field({
      type: 'UUID',
      description:
        "The id of the share, made by the client: a UUID of version 7 with the last three hex digits of the conversation's.",
    }),
    leaf: t.id({ description: 'The message in which the shared branch ends. Its reply must not be running.' }),
  }),
});

export const ConversationUnshareInput = builder.inputType('ConversationUnshareInput', {
  description: 'Which share of a conversation to end. For its owners.',
  fields: (t) => ({ ...ofConversation(t), share: t.field({ type: 'UUID', description: 'The id of the share.' }) }),
});
