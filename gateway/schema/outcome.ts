import type { Sent } from '../../commands/client/client.js';
import { positionToken } from '../../commands/client/position.js';
import { Refused } from '../../commands/command.js';
import { type RejectionCode, SYSTEM } from '../../domain/decider.js';
import { type Uuid, bucketOf, derivedId, parseStream } from '../../domain/ids.js';
import { type Context, PATIENCE, seenConversation } from '../context.js';
import { builder } from './builder.js';
import { errorCodes } from './codes.js';
import { Conversation } from './conversation.js';
import { clientError, nodeId } from './ids.js';
import { conversationNode } from './nodes.js';

/** What came of a command, and the conversation that it was about, as far as that is known. */
type Of<Status> = { readonly sent: Extract<Sent, { status: Status }>; readonly conversation: Uuid | undefined };
export type Done = Of<'accepted'> | Of<'rejected'> | Of<'pending'>;

export function done(sent: Sent, conversation: Uuid | undefined): Done {
  switch (sent.status) {
    case 'accepted':
      return { sent, conversation };
    case 'rejected':
      return { sent, conversation };
    case 'pending':
      return { sent, conversation };
  }
}

/** What the gateway refuses itself: it left no trace. */
export const refused = (code: RejectionCode, message: string): Done =>
  done({ status: 'rejected', code, message }, undefined);

const ErrorCode = builder.enumType('ErrorCode', {
  description: 'Why a command was refused. Codes are stable; messages are for people.',
  values: errorCodes,
});

const CommandError = builder.interfaceRef<Of<'rejected'>>('CommandError').implement({
  description: 'A command that was refused. It changed nothing.',
  fields: (t) => ({
    code: t.field({ type: ErrorCode, description: 'The reason, stable.', resolve: ({ sent }) => sent.code }),
    message: t.string({ description: 'What is wrong and what to do.', resolve: ({ sent }) => sent.message }),
  }),
});

const Accepted = builder.objectRef<Of<'accepted'>>('Accepted').implement({
  description: 'It is in the log and will not be lost.',
  fields: (t) => ({
    position: t.field({
      type: 'Position',
      description: 'From where on every view shows it.',
      resolve: ({ sent }, _, { log }) => positionToken(log, [sent.position]),
    }),
    conversation: t.field({
      type: Conversation,
      nullable: true,
      description: 'What it changed; null where that is no conversation, or the view does not show it (yet).',
      resolve: async ({ sent, conversation }, _, context) => {
        if (conversation === undefined || !(await context.core.reached(sent.position, PATIENCE))) return null;
        // The row of a stream that is held up is one from before.
        if (await context.load.parked.load(sent.stream)) return null;
        const row = await seenConversation(context, conversation);
        return row ? conversationNode(row) : null;
      },
    }),
  }),
});

const Conflict = builder.objectRef<Of<'rejected'>>('Conflict').implement({
  description: 'The branch has grown since: look at what came, and send again.',
  interfaces: [CommandError],
  fields: (t) => ({
    head: t.id({
      description: 'The newest message of the branch.',
      resolve: ({ sent }) => nodeId('message', sent.head ?? ''),
    }),
  }),
});

const Rejected = builder.objectRef<Of<'rejected'>>('Rejected').implement({
  description: 'It was refused for another reason.',
  interfaces: [CommandError],
});

const Pending = builder.objectRef<Of<'pending'>>('Pending').implement({
  description: 'No answer came in time. It may still be done: ask `commandOutcome`, or send it again with the same id.',
  fields: (t) => ({
    commandId: t.field({ type: 'UUID', description: 'Its id.', resolve: ({ sent }) => sent.command }),
  }),
});

export const CommandOutcome = builder.unionType('CommandOutcome', {
  description: 'What came of a command. Nothing that happens after acceptance turns into an error.',
  types: [Accepted, Conflict, Rejected, Pending],
  resolveType: ({ sent }) => {
    if (sent.status === 'accepted') return 'Accepted';
    if (sent.status === 'pending') return 'Pending';
    return sent.code === 'CONFLICT' ? 'Conflict' : 'Rejected';
  },
});

/** The id of what the installation does when an operator asks: two operators may have chosen the same one. */
export const houseCommandId = (operator: Uuid, id: Uuid): Uuid => derivedId(operator, id, bucketOf(id));

builder.queryField('commandOutcome', (t) =>
  t.field({
    type: CommandOutcome,
    nullable: true,
    description:
      'What came of a command of the viewer, by its id. Null if it is not decided, or forgotten after 8 days: sent again with the same id, it is done once.',
    args: { id: t.arg({ type: 'UUID', description: 'The `commandId` that it was sent with.' }) },
    resolve: async (_, { id }, context) => {
      const { user, roles } = context.identity;
      const own = await outcomeOf(context, user, id);
      const answer =
        own ?? (roles.includes('ops') ? await outcomeOf(context, SYSTEM, houseCommandId(user, id)) : undefined);
      return answer && done(answer, answer.status === 'accepted' ? conversationOf(answer.stream) : undefined);
    },
  }),
);

/** What came of a command. Throws UNAVAILABLE where that cannot be told right now. */
export const outcomeOf = ({ outcome }: Context, actor: string, id: Uuid): ReturnType<Context['outcome']> =>
  outcome({ actor, id }).catch((error: unknown) => {
    throw error instanceof Refused ? clientError(error.code, error.message) : error;
  });

/** The conversation that a stream is, if it is one. */
function conversationOf(stream: string): Uuid | undefined {
  const { kind, id } = parseStream(stream);
  return kind === 'conversation' ? id : undefined;
}
