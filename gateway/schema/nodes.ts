import type { ConversationRow, MessageRow, UserRow } from '../../projections/readmodel/core/rows.js';
import { type Context, ownConversation } from '../context.js';
import { builder } from './builder.js';
import { type NodeType, nodeId, parseNodeId } from './ids.js';

/** What stands behind each node type. */
export type UserNode = { readonly type: 'user'; readonly row: UserRow };
export type ConversationNode = {
  readonly type: 'conversation';
  readonly row: ConversationRow;
  readonly stale: boolean;
};
export type MessageNode = { readonly type: 'message'; readonly row: MessageRow };
type AnyNode = UserNode | ConversationNode | MessageNode;

export const userNode = (row: UserRow): UserNode => ({ type: 'user', row });
export const conversationNode = (row: ConversationRow, stale = false): ConversationNode => ({
  type: 'conversation',
  row,
  stale,
});
export const messageNode = (row: MessageRow): MessageNode => ({ type: 'message', row });

const names = { user: 'User', conversation: 'Conversation', message: 'Message' } as const satisfies Record<
  NodeType,
  string
>;

export const Node = builder.interfaceRef<AnyNode>('Node').implement({
  description: 'Anything that has an id, as `<type>_<uuid>`.',
  resolveType: ({ type }) => names[type],
  fields: (t) => ({
    id: t.id({
      description: 'Its id: readable, and for ever.',
      resolve: ({ type, row }) => nodeId(type, row.id),
    }),
  }),
});

builder.queryField('node', (t) =>
  t.field({
    type: Node,
    nullable: true,
    description: 'Anything with an id, if the viewer may see it.',
    args: { id: t.arg.id() },
    resolve: (_, { id }, context) => findNode(context, id),
  }),
);

/** Unknown and forbidden look alike. People are seen only by themselves so far: nobody shares a conversation yet. */
async function findNode(context: Context, id: string): Promise<AnyNode | null> {
  const user = parseNodeId('user', id);
  if (user !== undefined && user === context.identity.user) {
    const row = await context.load.user.load(user);
    return row ? userNode(row) : null;
  }
  const conversation = parseNodeId('conversation', id);
  if (conversation !== undefined) {
    const row = await ownConversation(context, conversation);
    return row ? conversationNode(row) : null;
  }
  const message = parseNodeId('message', id);
  const [row] = message === undefined ? [] : await context.core.messages([message]);
  const own = row && (await ownConversation(context, row.conversation));
  return row && own && !own.deleted ? messageNode(row) : null;
}
