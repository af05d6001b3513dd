import type { MemberRole as Role } from '../../domain/conversation.js';
import type { MemberRow } from '../../projections/readmodel/core/rows.js';
import { builder, shareable } from './builder.js';
import { nodeId } from './ids.js';
import { userNode } from './nodes.js';
import { User } from './user.js';

export const MemberRole = builder.enumType('MemberRole', {
  description: 'What a person may do in a conversation.',
  values: {
    OWNER: {
      value: 'owner',
      description: 'Everything: also rename, share, delete and restore it, and choose its members.',
    },
    WRITER: { value: 'writer', description: 'Posts and branches, asks for replies and stops them.' },
    READER: { value: 'reader', description: 'Reads, and gives feedback.' },
  } as const satisfies Record<Uppercase<Role>, object>,
});

export const Member = builder.objectRef<MemberRow>('Member').implement({
  description: 'A person in a conversation. Of two copies (by person) the one of the higher version is the newer.',
  fields: (t) => ({
    person: t.id({
      extensions: shareable,
      description: 'The id of the person.',
      resolve: ({ person }) => nodeId('user', person),
    }),
    user: t.field({
      extensions: shareable,
      type: User,
      nullable: true,
      description: 'The person. Null while this server has never seen them.',
      resolve: async ({ person }, _, { load }) => {
        const row = await load.user.load(person);
        return row ? userNode(row) : null;
      },
    }),
    role: t.field({
      extensions: shareable,
      type: MemberRole,
      description: 'What they may do.',
      resolve: ({ role }) => role,
    }),
    version: t.exposeInt('version', {
      extensions: shareable,
      description: 'The version of the conversation that last changed this.',
    }),
    removed: t.exposeBoolean('removed', {
      extensions: shareable,
      description: 'Whether they are a member no longer: only live updates tell of such.',
    }),
  }),
});
