import { builder } from '../builder.js';
import { ofMembership } from './words.js';

export const ConversationReadInput = builder.inputType('ConversationReadInput', {
  description: 'How far the viewer has read. It only goes up.',
  fields: (t) => ({ ...ofMembership(t), seq: t.int({ description: 'The number of the newest message seen.' }) }),
});

export const ConversationPinInput = builder.inputType('ConversationPinInput', {
  description: 'Whether the viewer has a conversation at the top of their list.',
  fields: (t) => ({ ...ofMembership(t), pinned: t.boolean({ description: 'True to pin it, false to let it go.' }) }),
});

export const ConversationArchiveInput = builder.inputType('ConversationArchiveInput', {
  description: 'Whether the viewer has put a conversation away. Others still have it in their lists.',
  fields: (t) => ({
    ...ofMembership(t),
    archived: t.boolean({ description: 'True to put it away, false to take it back.' }),
  }),
});

export const ConversationTagInput = builder.inputType('ConversationTagInput', {
  description: "The viewer's own tags on a conversation: all of them, for they replace those that are there.",
  fields: (t) => ({
    ...ofMembership(t),
    tags: t.stringList({ description: 'At most 20, of 1 to 40 characters each, not blank. None takes all away.' }),
  }),
});

export const BranchChooseInput = builder.inputType('BranchChooseInput', {
  description: 'Which branch of a conversation the viewer wants to see when they open it.',
  fields: (t) => ({ ...ofMembership(t), leaf: t.id({ description: 'The message in which it ends.' }) }),
});

export const ConversationHideInput = builder.inputType('ConversationHideInput', {
  description: 'Whether a conversation stays out of all lists of the viewer.',
  fields: (t) => ({ ...ofMembership(t), hidden: t.boolean({ description: 'True to hide it, false to show it.' }) }),
});
