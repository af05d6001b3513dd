import type { InputFieldBuilder } from '@pothos/core';
import { builder } from '../builder.js';

// Fields that many commands have, each said in one place.

/** What makes the fields of an input. */
type Fields = InputFieldBuilder<typeof builder.$inferSchemaTypes, 'InputObject'>;

/** The id of a command. `home` says whose last three hex digits it has to end in. */
export const commandId = (t: Fields, home: string) =>
  t.field({
    type: 'UUID',
    description: `The id of this command, made by the client: a UUID of version 7 whose last three hex digits are those of ${home}. Sent twice, it is done once.`,
  });

/** The version that a stream must have, if the sender minds. */
export const expected = (t: Fields, what: string) =>
  t.int({
    required: false,
    description: `Do it only if ${what} is still at this version; else the answer is VERSION_MISMATCH. Left out, any version will do.`,
  });

const conversation = (t: Fields) => t.id({ description: 'The conversation.' });

/** What every command to a conversation that is there has. */
export const ofConversation = (t: Fields) => ({
  commandId: commandId(t, "the conversation's id"),
  conversation: conversation(t),
  expected: expected(t, 'the conversation'),
});

/** What every command about the viewer's own relation to a conversation has. */
export const ofMembership = (t: Fields) => ({
  commandId: commandId(t, "the viewer's user id"),
  conversation: conversation(t),
  expected: expected(t, "the viewer's membership"),
});

/** What every command to the viewer's own account has. */
export const ofAccount = (t: Fields) => ({
  commandId: commandId(t, "the viewer's user id"),
  expected: expected(t, 'the account'),
});

/** The id of something new in a conversation. */
export const newMessage = (t: Fields, what: string) =>
  t.id({
    description: `The id of ${what}, made by the client: \`message_\` and a UUID of version 7 with the last three hex digits of the conversation's.`,
  });

export const newConversation = (t: Fields) =>
  t.id({
    description:
      "The id of the new conversation, made by the client: `conversation_` and a UUID of version 7 with the last three hex digits of the viewer's user id.",
  });

export const text = (t: Fields) => t.string({ description: 'What it says: 1 to 100,000 characters, not blank.' });
