import { staleness } from '../context.js';
import { builder, shareable } from './builder.js';
import { parseNodeId } from './ids.js';
import { Node, type UserNode, findUser, isNode } from './nodes.js';
import { ERASED, FRESH } from './words.js';

export const User = builder.objectRef<UserNode>('User').implement({
  description: 'What others may see of a person.',
  interfaces: [Node],
  isTypeOf: isNode('user'),
  fields: (t) => ({
    name: t.string({
      extensions: shareable,
      description: `The name that they go by; "${ERASED}" where it was erased.`,
      resolve: async ({ row }, _, { load }) => (await load.name(row)) ?? ERASED,
    }),
  }),
});

builder.queryField('user', (t) =>
  t.field({
    type: User,
    nullable: true,
    description: 'The viewer, or a person with whom they share a conversation now. Null for everybody else.',
    args: {
      id: t.arg.id({ description: 'The id of the person.' }),
      after: t.arg({ type: 'Position', required: false, description: FRESH }),
    },
    resolve: async (_, { id, after }, context) => {
      const isStale = await staleness(context, after);
      const user = parseNodeId('user', id);
      return user === undefined ? null : findUser(context, user, isStale);
    },
  }),
);
