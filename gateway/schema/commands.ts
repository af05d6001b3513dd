import type { Draft, Sent } from '../../commands/client/client.js';
import { positionToken } from '../../commands/client/position.js';
import { Refused } from '../../commands/command.js';
import { contentOf, cutLine, personKey } from '../../domain/content.js';
import {
  type Uuid,
  bucketOf,
  bucketOfStream,
  isClientId,
  membershipStream,
  parseStream,
  streamOf,
} from '../../domain/ids.js';
import { type Context, PATIENCE, seenConversation } from '../context.js';
import { builder } from './builder.js';
import { errorCodes } from './codes.js';
import { Conversation } from './conversation.js';
import { clientError, nodeId, requireNodeId } from './ids.js';
import {
  ConversationDeleteInput,
  ConversationReadInput,
  ConversationRenameInput,
  ConversationStartInput,
  MessagePostInput,
  ReplyStopInput,
} from './inputs.js';
import { conversationNode } from './nodes.js';

/** What came of a command, and the conversation that it was about, as far as that is known. */
type Of<Status> = { readonly sent: Extract<Sent, { status: Status }>; readonly conversation: Uuid | undefined };
type Done = Of<'accepted'> | Of<'rejected'> | Of<'pending'>;

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
      description: 'What it changed; null while the view does not show it yet.',
      resolve: async ({ sent, conversation }, _, context) => {
        if (conversation === undefined || !(await context.core.reached(sent.position, PATIENCE))) return null;
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

const CommandOutcome = builder.unionType('CommandOutcome', {
  description: 'What came of a command. Nothing that happens after acceptance turns into an error.',
  types: [Accepted, Conflict, Rejected, Pending],
  resolveType: ({ sent }) => {
    if (sent.status === 'accepted') return 'Accepted';
    if (sent.status === 'pending') return 'Pending';
    return sent.code === 'CONFLICT' ? 'Conflict' : 'Rejected';
  },
});

/** Sends a person's own command. Ids of version 5 are the reactors': nobody else may use them. */
async function send({ client, identity }: Context, conversation: Uuid, draft: Unnamed): Promise<Done> {
  if (!isClientId(draft.id)) {
    const message = 'The commandId must be a UUID of version 7.';
    return { sent: { status: 'rejected', code: 'INVALID', message }, conversation };
  }
  if (bucketOf(draft.id) !== bucketOfStream(draft.stream)) {
    const message =
      "The commandId must end in the last three digits of the conversation's id; in conversationRead, of the viewer's.";
    return { sent: { status: 'rejected', code: 'WRONG_BUCKET', message }, conversation };
  }
  return done(await client.send({ ...draft, actor: identity.user, key: personKey(identity.user) }), conversation);
}

function done(sent: Sent, conversation: Uuid | undefined): Done {
  switch (sent.status) {
    case 'accepted':
      return { sent, conversation };
    case 'rejected':
      return { sent, conversation };
    case 'pending':
      return { sent, conversation };
  }
}

/** A draft without its actor: that is always the viewer. */
type Unnamed = Draft extends infer D ? (D extends Draft ? Omit<D, 'actor' | 'key'> : never) : never;

const textPart = (id: Uuid, text: string) => ({
  type: 'text' as const,
  text: { plain: text, content: contentOf.part(id, 0) },
  chars: text.length,
});

const TITLE = 60;

/** The title of a new conversation: the first line of its first message, without markup, cut at a word. */
export function titleOf(text: string): string {
  const [first = ''] = text.trim().split('\n');
  const bare = first
    .replace(/^[#>\s]+|[*`~]+/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return cutLine(bare === '' ? first.trim() : bare, TITLE);
}

builder.queryField('commandOutcome', (t) =>
  t.field({
    type: CommandOutcome,
    nullable: true,
    description:
      'What came of a command of the viewer, by its id. Null if it is not decided, or forgotten after 8 days: sent again with the same id, it is done once.',
    args: { id: t.arg({ type: 'UUID', description: 'The `commandId` that it was sent with.' }) },
    resolve: async (_, { id }, { outcome, identity }) => {
      const answer = await outcome({ actor: identity.user, id }).catch((error: unknown) => {
        throw error instanceof Refused ? clientError(error.code, error.message) : error;
      });
      return answer && done(answer, answer.status === 'accepted' ? conversationOf(answer.stream) : undefined);
    },
  }),
);

/** The conversation that a stream is, if it is one. */
function conversationOf(stream: string): Uuid | undefined {
  const { kind, id } = parseStream(stream);
  return kind === 'conversation' ? id : undefined;
}

builder.mutationFields((t) => ({
  conversationStart: t.field({
    type: CommandOutcome,
    description: 'Starts a conversation with its first message, and asks for a reply.',
    args: { input: t.arg({ type: ConversationStartInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      const id = requireNodeId('message', input.message);
      const title = titleOf(input.text);
      return send(context, conversation, {
        id: input.commandId,
        stream: streamOf('conversation', conversation),
        type: 'StartConversation',
        data: {
          message: id,
          reply: requireNodeId('message', input.reply),
          parts: [textPart(id, input.text)],
          title: { plain: title, content: contentOf.title(conversation) },
          chars: title.length,
          expires: null,
        },
      });
    },
  }),
  messagePost: t.field({
    type: CommandOutcome,
    description: 'Posts a message, and asks for a reply.',
    args: { input: t.arg({ type: MessagePostInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      const id = requireNodeId('message', input.message);
      return send(context, conversation, {
        id: input.commandId,
        stream: streamOf('conversation', conversation),
        type: 'PostMessage',
        data: {
          message: id,
          reply: requireNodeId('message', input.reply),
          parent: input.parent == null ? null : requireNodeId('message', input.parent),
          parts: [textPart(id, input.text)],
          fork: input.fork,
        },
      });
    },
  }),
  conversationRename: t.field({
    type: CommandOutcome,
    description: 'Gives a conversation another title.',
    args: { input: t.arg({ type: ConversationRenameInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      return send(context, conversation, {
        id: input.commandId,
        stream: streamOf('conversation', conversation),
        type: 'RenameConversation',
        data: {
          title: { plain: input.title, content: contentOf.title(conversation) },
          chars: input.title.trim().length === 0 ? 0 : input.title.length,
        },
      });
    },
  }),
  conversationDelete: t.field({
    type: CommandOutcome,
    description: 'Deletes a conversation: it is no longer shown to anybody.',
    args: { input: t.arg({ type: ConversationDeleteInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      return send(context, conversation, {
        id: input.commandId,
        stream: streamOf('conversation', conversation),
        type: 'DeleteConversation',
        data: {},
      });
    },
  }),
  conversationRead: t.field({
    type: CommandOutcome,
    description: 'Marks everything up to a seq as read.',
    args: { input: t.arg({ type: ConversationReadInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      return send(context, conversation, {
        id: input.commandId,
        stream: membershipStream(conversation, context.identity.user),
        type: 'MarkRead',
        data: { conversation, seq: input.seq },
      });
    },
  }),
  replyStop: t.field({
    type: CommandOutcome,
    description: 'Asks a running reply to stop. It ends with the text so far.',
    args: { input: t.arg({ type: ReplyStopInput }) },
    resolve: (_, { input }, context) => {
      const conversation = requireNodeId('conversation', input.conversation);
      return send(context, conversation, {
        id: input.commandId,
        stream: streamOf('conversation', conversation),
        type: 'StopReply',
        data: { reply: requireNodeId('message', input.reply) },
      });
    },
  }),
}));
