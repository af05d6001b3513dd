import { charsOf, contentOf } from '../../../domain/content.js';
import { streamOf } from '../../../domain/ids.js';
import { builder } from '../builder.js';
import { AccountEraseInput, PreferencesChangeInput, ProfileChangeInput } from '../inputs/account.js';
import { CommandOutcome } from '../outcome.js';
import { aimAt, send } from './send.js';
import { INPUT } from '../words.js';

// The viewer's own account.

builder.mutationFields((t) => ({
  profileChange: t.field({
    type: CommandOutcome,
    description: "Changes the viewer's name.",
    args: { input: t.arg({ type: ProfileChangeInput, description: INPUT }) },
    resolve: (_, { input, input: { name } }, context) => {
      const { user } = context.identity;
      return send(context, undefined, {
        ...aimAt(input, streamOf('user', user)),
        type: 'ChangeProfile',
        data: { name: { plain: name, content: contentOf.name(user) }, chars: charsOf(name) },
      });
    },
  }),
  preferencesChange: t.field({
    type: CommandOutcome,
    description: 'Replaces how the viewer wants things.',
    args: { input: t.arg({ type: PreferencesChangeInput, description: INPUT }) },
    resolve: (_, { input, input: { instructions, theme, language } }, context) => {
      const { user } = context.identity;
      return send(context, undefined, {
        ...aimAt(input, streamOf('user', user)),
        type: 'ChangePreferences',
        data: {
          instructions: instructions == null ? null : { plain: instructions, content: contentOf.instructions(user) },
          chars: instructions == null ? 0 : charsOf(instructions),
          theme,
          language: language ?? null,
        },
      });
    },
  }),
  accountErase: t.field({
    type: CommandOutcome,
    description:
      'Erases the viewer: their key is destroyed, and with it every text of theirs, they leave every conversation, and their account is gone. It cannot be taken back.',
    args: { input: t.arg({ type: AccountEraseInput, description: INPUT }) },
    resolve: (_, { input }, context) => {
      const { user } = context.identity;
      return send(context, undefined, {
        ...aimAt(input, streamOf('user', user)),
        type: 'EraseUser',
        data: { by: user },
      });
    },
  }),
}));
