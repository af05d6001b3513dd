import type { MembershipRow } from '../../projections/readmodel/core/rows.js';
import { seenConversation } from '../context.js';
import { builder } from './builder.js';
import { Conversation } from './conversation.js';
import { nodeId } from './ids.js';
import { MemberRole } from './member.js';
import { conversationNode } from './nodes.js';
import { PageInfo, cursorOf } from './paging.js';

type Joined = MembershipRow & { readonly stale: boolean };

const Membership = builder.objectRef<Joined>('Membership').implement({
  description:
    "The viewer's relation to a conversation that somebody else began, as it stands at the viewer's home: a moment may " +
    'pass until what happens in the conversation is known there.',
  fields: (t) => ({
    id: t.id({
      description: 'The id of the conversation.',
      resolve: ({ conversation }) => nodeId('conversation', conversation),
    }),
    conversation: t.field({
      type: Conversation,
      nullable: true,
      description: 'The conversation. Null where it is deleted, or they were removed and are yet to be told.',
      resolve: async ({ conversation, stale }, _, context) => {
        const row = await seenConversation(context, conversation);
        return row ? conversationNode(row, stale) : null;
      },
    }),
    role: t.field({
      type: MemberRole,
      nullable: true,
      description: 'What the viewer may do there, as far as their home was told.',
      resolve: ({ role }) => role,
    }),
    version: t.exposeInt('version', {
      description: 'The version of this relation: of two copies, the higher is the newer.',
    }),
  }),
});

type Page = { readonly rows: readonly MembershipRow[]; readonly more: boolean; readonly stale: boolean };

export const MembershipConnection = builder.objectRef<Page>('MembershipConnection').implement({
  description: 'A page of relations to conversations of others.',
  fields: (t) => ({
    nodes: t.field({
      type: [Membership],
      description: 'The relations of this page.',
      resolve: ({ rows, stale }) => rows.map((row) => ({ ...row, stale })),
    }),
    pageInfo: t.field({
      type: PageInfo,
      description: 'Where it ends.',
      resolve: ({ rows, more }) => {
        const last = rows.at(-1);
        return { more, cursor: last && cursorOf(last.conversation) };
      },
    }),
  }),
});
