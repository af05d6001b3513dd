import { OperationError } from '../../../projections/wishes.js';
import { streamOf } from '../../../domain/ids.js';
import { builder } from '../builder.js';
import { clientError, requireNodeId } from '../ids.js';
import { UserReinstateInput, UserSuspendInput } from '../inputs/account.js';
import { requireOps } from '../operators.js';
import { CommandOutcome } from '../outcome.js';
import { aimAt, sendForOperator } from './send.js';
import { INPUT } from '../words.js';

// What those who run the installation do. Each act and its reason stand in the audit.

builder.mutationFields((t) => ({
  userSuspend: t.field({
    type: CommandOutcome,
    description: 'Keeps a person out: what they send is refused, and what they have open is closed. For ops, and never for oneself.',
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
  deadLetterRetry: t.field({
    type: 'Boolean',
    description:
      'Tries again to take an event into a view that refused it, and then what has waited behind it. True once that is done; else the code is NOT_PARKED, RETRY_REFUSED, UNKNOWN_VIEW or NO_ANSWER. For ops.',
    args: {
      view: t.arg.string({ description: 'The view, as `deadLetters` names it.' }),
      stream: t.arg.string({ description: 'The stream that waits, as `deadLetters` names it.' }),
    },
    resolve: async (_, { view, stream }, context) => {
      requireOps(context);
      try {
        await context.operations.retry(view, stream);
        return true;
      } catch (error) {
        throw error instanceof OperationError ? clientError(error.code, error.message) : error;
      }
    },
  }),
}));
