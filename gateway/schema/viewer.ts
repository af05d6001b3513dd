import type { Role as RoleName } from '../../domain/instance.js';
import { builder } from './builder.js';
import { ConversationConnection } from './conversation.js';
import { clientError } from './ids.js';
import { userNode } from './nodes.js';
import { pageSize, parseCursor } from './paging.js';
import { User } from './user.js';

const Role = builder.enumType('Role', {
  description: 'What a person may do, as their identity provider says.',
  values: {
    USER: { value: 'user', description: 'Chats.' },
    ANALYST: { value: 'analyst', description: 'Reads event streams.' },
    OPS: { value: 'ops', description: 'Runs the installation.' },
  } as const satisfies Record<Uppercase<RoleName>, object>,
});

const Viewer = builder.objectRef<object>('Viewer').implement({
  description: 'Who is asking, and what is theirs alone.',
  fields: (t) => ({
    user: t.field({
      type: User,
      description: 'The viewer as others see them.',
      resolve: async (_, __, { load, identity }) => {
        const row = await load.user.load(identity.user);
        if (!row) throw clientError('UNAVAILABLE', 'Your account is being set up. Ask again in a moment.');
        return userNode(row);
      },
    }),
    roles: t.field({
      type: [Role],
      description: 'What the viewer may do.',
      resolve: (_, __, { identity }) => [...identity.roles],
    }),
    conversations: t.field({
      type: ConversationConnection,
      description: 'Conversations that are not deleted, newest activity first.',
      args: {
        first: t.arg.int({ defaultValue: 50, description: 'How many: 1 to 100.' }),
        after: t.arg.string({ required: false, description: 'The `endCursor` of the page before.' }),
      },
      resolve: (_, { first, after }, { core, identity }) =>
        core.inbox(identity.user, 'inbox', pageSize(first), after == null ? undefined : parseCursor(after)),
    }),
  }),
});

builder.queryField('viewer', (t) => t.field({ type: Viewer, description: 'Who is asking.', resolve: () => ({}) }));
