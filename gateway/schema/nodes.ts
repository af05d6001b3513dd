import { streamOf } from '../../domain/ids.js';
import type { ConversationRow, MessageRow, SeenConversation, UserRow } from '../../projections/readmodel/core/rows.js';
import { type Context, type IsStale, seenConversation, staleness, streamsOf } from '../context.js';
import { builder, shareable } from './builder.js';
import { type NodeType, clientError, nodeId, parseNodeId } from './ids.js';
import { FRESH, STALE } from './words.js';

/** What stands behind each node type. `stale`: it may not show the position that it was asked after. */
type Behind<Type extends NodeType, Row> = { readonly type: Type; readonly row: Row; readonly stale: boolean };
export type UserNode = Behind<'user', UserRow>;
/** In live updates the row stands alone, as all members have it; what is the viewer's own is then loaded. */
export type ConversationNode = Behind<'conversation', ConversationRow | SeenConversation>;
export type MessageNode = Behind<'message', MessageRow>;
type AnyNode = UserNode | ConversationNode | MessageNode;

export const userNode = (row: UserRow): UserNode => ({ type: 'user', row, stale: false });
export const conversationNode = (row: ConversationRow | SeenConversation, stale = false): ConversationNode => ({
  type: 'conversation',
  row,
  stale,
});
export const messageNode = (row: MessageRow): MessageNode => ({ type: 'message', row, stale: false });

/** How the schema knows an object that stands behind the interface. */
export const isNode =
  (type: NodeType) =>
  (value: unknown): boolean =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === type;

const names = { user: 'User', conversation: 'Conversation', message: 'Message' } as const satisfies Record<
  NodeType,
  string
>;

export const Node = builder.interfaceRef<AnyNode>('Node').implement({
  description: 'Anything that can be asked for by its id, as `<type>_<uuid>`.',
  resolveType: ({ type }) => names[type],
  fields: (t) => ({
    id: t.id({
      extensions: shareable,
      description: 'Its id: readable, and for ever.',
      resolve: ({ type, row }) => nodeId(type, row.id),
    }),
    stale: t.exposeBoolean('stale', {
      description: STALE,
    }),
  }),
});

/** How many things one question may ask for. */
const MOST_NODES = 100;

builder.queryFields((t) => ({
  node: t.field({
    type: Node,
    nullable: true,
    description: 'Anything with an id. Null where it does not exist, or is not for the viewer to see.',
    args: {
      id: t.arg.id({ description: 'Its id.' }),
      after: t.arg({ type: 'Position', required: false, description: FRESH }),
    },
    resolve: async (_, { id, after }, context) => findNode(context, id, await staleness(context, after)),
  }),
  nodes: t.field({
    type: [Node],
    nullable: { list: false, items: true },
    description: 'Many things by their ids, in the order of the ids; null where `node` would be null.',
    args: {
      ids: t.arg.idList({ description: `The ids: at most ${MOST_NODES}.` }),
      after: t.arg({ type: 'Position', required: false, description: FRESH }),
    },
    resolve: async (_, { ids, after }, context) => {
      if (ids.length > MOST_NODES) {
        throw clientError('BAD_INPUT', `One question asks for at most ${MOST_NODES} things, not ${ids.length}.`);
      }
      const isStale = await staleness(context, after);
      return Promise.all(ids.map((id) => findNode(context, id, isStale)));
    },
  }),
}));

/** Unknown and forbidden look alike. */
async function findNode(context: Context, id: string, isStale: IsStale): Promise<AnyNode | null> {
  const user = parseNodeId('user', id);
  if (user !== undefined) return findUser(context, user, isStale);
  const conversation = parseNodeId('conversation', id);
  if (conversation !== undefined) {
    const stale = await isStale(...streamsOf(context, conversation));
    const row = await seenConversation(context, conversation);
    return row ? conversationNode(row, stale) : null;
  }
  const message = parseNodeId('message', id);
  const row = message === undefined ? undefined : await context.load.message.load(message);
  const seen = row && (await seenConversation(context, row.conversation));
  if (!seen || seen.deleted) return null;
  return { ...messageNode(row), stale: await isStale(streamOf('conversation', row.conversation)) };
}

/** People see themselves, and those with whom they share a conversation now. */
export async function findUser({ identity, load }: Context, id: string, isStale: IsStale): Promise<UserNode | null> {
  if (id !== identity.user && !(await load.acquainted.load(id))) return null;
  const stale = await isStale(streamOf('user', id));
  const row = await load.user.load(id);
  return row ? { ...userNode(row), stale } : null;
}
