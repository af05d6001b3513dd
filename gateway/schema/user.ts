import { builder } from './builder.js';
import { Node, type UserNode } from './nodes.js';

export const User = builder.objectRef<UserNode>('User').implement({
  description: 'What others may see of a person.',
  interfaces: [Node],
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'type' in value && value.type === 'user',
  fields: (t) => ({
    name: t.string({
      description: 'The name that they go by; "[deleted]" where it was erased.',
      resolve: async ({ row }, _, { load }) => (await load.name(row)) ?? '[deleted]',
    }),
  }),
});
