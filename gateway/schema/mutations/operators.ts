import { randomUUID } from 'node:crypto';
import { isUndecided } from '../../../commands/client/client.js';
import { SYSTEM } from '../../../domain/decider.js';
import { instanceStream, nameFor, parseStream, streamOf } from '../../../domain/ids.js';
import { OperationError } from '../../../projections/wishes.js';
import type { Context } from '../../context.js';
import { builder } from '../builder.js';
import { clientError, requireNodeId } from '../ids.js';
import { UserReinstateInput, UserSuspendInput } from '../inputs/account.js';
import { requireOps } from '../operators.js';
import { CommandOutcome } from '../outcome.js';
import { aimAt, sendForOperator } from './send.js';
import { INPUT } from '../words.js';

// What those who run the installation do. Each act and its reason stand in the audit.

/**
 * Records what is no command before it is tried, for afterwards nothing would send the record again. Throws BAD_INPUT
 * where the audit does not take it, and UNAVAILABLE.
 */
async function record({ client, identity }: Context, action: string, target: string, reason: string): Promise<void> {
  const sent = await client.send({
    id: nameFor(instanceStream, identity.user, randomUUID()),
    actor: SYSTEM,
    stream: instanceStream,
    type: 'RecordAction',
    data: { by: identity.user, action, target, reason },
  });
  if (sent.status === 'rejected' && !isUndecided(sent)) throw clientError('BAD_INPUT', sent.message);
  if (sent.status !== 'accepted') {
    throw clientError(
      'UNAVAILABLE',
      'Nothing was tried, for it cannot be recorded in the audit. Try again in a moment.',
    );
  }
}

/** Throws BAD_INPUT on what names no stream. */
function requireStream(name: string): void {
  try {
    parseStream(name);
  } catch {
    throw clientError('BAD_INPUT', `"${name}" names no stream: take it from deadLetters.`);
  }
}

builder.mutationFields((t) => ({
  userSuspend: t.field({
    type: CommandOutcome,
    description:
      'Keeps a person out: what they send is refused, and what they have open is closed. For ops, and never for oneself.',
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
      reason: t.arg.string({
        description: 'Why: 1 to 500 characters, in the clear. It is kept in the audit for good.',
      }),
    },
    resolve: async (_, { view, stream, reason }, context) => {
      requireOps(context);
      requireStream(stream);
      await record(context, 'retry', `${view} ${stream}`, reason);
      try {
        await context.operations.retry(view, stream);
        return true;
      } catch (error) {
        throw error instanceof OperationError ? clientError(error.code, error.message) : error;
      }
    },
  }),
}));
