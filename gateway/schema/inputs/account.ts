import { builder } from '../builder.js';
import { Theme } from '../viewer.js';
import { commandId, ofAccount } from './words.js';

export const ProfileChangeInput = builder.inputType('ProfileChangeInput', {
  description: 'What others see of the viewer.',
  fields: (t) => ({
    ...ofAccount(t),
    name: t.string({ description: 'The name to go by: 1 to 100 characters, not blank.' }),
  }),
});

export const PreferencesChangeInput = builder.inputType('PreferencesChangeInput', {
  description: 'How the viewer wants things: all of it, for it replaces what was there.',
  fields: (t) => ({
    ...ofAccount(t),
    instructions: t.string({
      required: false,
      description: 'What the assistant should know and do: 1 to 10,000 characters, not blank. Null: nothing.',
    }),
    theme: t.field({ type: Theme, description: 'Light or dark.' }),
    language: t.string({ required: false, description: 'A BCP 47 tag, as `en` or `pt-BR`. Null: no wish.' }),
  }),
});

export const AccountEraseInput = builder.inputType('AccountEraseInput', {
  description: "The end of the viewer's account. It cannot be taken back.",
  fields: (t) => ({ commandId: commandId(t, "the viewer's user id") }),
});

/** What operators say about what they do. */
export const UserSuspendInput = builder.inputType('UserSuspendInput', {
  description: 'Whom to keep out, and why.',
  fields: (t) => ({
    commandId: commandId(t, "the person's id"),
    user: t.id({ description: 'The person.' }),
    reason: t.string({ description: 'Why: 1 to 500 characters, in the clear. It is kept in the audit for good.' }),
  }),
});

export const UserReinstateInput = builder.inputType('UserReinstateInput', {
  description: 'Whom to let in again, and why.',
  fields: (t) => ({
    commandId: commandId(t, "the person's id"),
    user: t.id({ description: 'The person.' }),
    reason: t.string({ description: 'Why: 1 to 500 characters, in the clear. It is kept in the audit for good.' }),
  }),
});
