import { streamOf } from '../../../domain/ids.js';
import { builder } from '../builder.js';
import { requireNodeId } from '../ids.js';
import { UserReinstateInput, UserSuspendInput } from '../inputs/account.js';
import { CommandOutcome } from '../outcome.js';
import { aimAt, sendForOperator } from './send.js';
import { INPUT } from '../words.js';

// What those who run the installation do. Each act and its reason stand in the audit.

builder.mutationFields((t) => ({
  userSuspend: t.field({
    type: CommandOutcome,
    description: 'Keeps a person out: what they send is refused, and what they have open is closed. For ops.',
    args: { input: t.arg({ type: UserSuspendInput, description: INPUT }) },
    resolve: (_, { input, input: { reason } }, context) => {
      const user = requireNodeId('user', input.user);
      const data = { by: context.identity.user, reason };
      const wish = { ...aimAt(input, streamOf('user', user)), type: 'SuspendUser', data } as const;
      return sendForOperator(context, wish, 'suspend user', user);
    },
  }),
  userReinstate: t.field({
    type: CommandOutcome,
    description: 'Lets a suspended person in again. For ops.',
    args: { input: t.arg({ type: UserReinstateInput, description: INPUT }) },
    resolve: (_, { input, input: { reason } }, context) => {
      const user = requireNodeId('user', input.user);
      const data = { by: context.identity.user, reason };
      const wish = { ...aimAt(input, streamOf('user', user)), type: 'ReinstateUser', data } as const;
      return sendForOperator(context, wish, 'reinstate user', user);
    },
  }),
}));
