import { streamOf } from '../../domain/ids.js';
import type { Role as RoleName } from '../../domain/instance.js';
import type { InboxPage, UserRow } from '../../projections/readmodel/core/rows.js';
import { type Context, type IsStale, staleness, streamsOf } from '../context.js';
import { builder } from './builder.js';
import { Conversation } from './conversation.js';
import { clientError } from './ids.js';
import { MembershipConnection } from './membership.js';
import { conversationNode, userNode } from './nodes.js';
import { PageInfo, cursorOf, pageSize, parseCursor, parseIdCursor } from './paging.js';
import { User } from './user.js';
import { ERASED, FRESH, STALE } from './words.js';

const Role = builder.enumType('Role', {
  description: 'What a person may do, as their identity provider says.',
  values: {
    USER: { value: 'user', description: 'Chats.' },
    ANALYST: { value: 'analyst', description: 'Reads event streams.' },
    OPS: { value: 'ops', description: 'Runs the installation.' },
  } as const satisfies Record<Uppercase<RoleName>, object>,
});

export const Theme = builder.enumType('Theme', {
  description: 'How the page looks.',
  values: {
    SYSTEM: { value: 'system', description: 'As the device does.' },
    LIGHT: { value: 'light', description: 'Dark on light.' },
    DARK: { value: 'dark', description: 'Light on dark.' },
  } as const satisfies Record<Uppercase<UserRow['theme']>, object>,
});

const Preferences = builder.objectRef<UserRow>('Preferences').implement({
  description: 'How the viewer wants it. Nobody else sees this.',
  fields: (t) => ({
    instructions: t.string({
      nullable: true,
      description: `What the assistant is told about the viewer in every conversation; "${ERASED}" where it was erased.`,
      resolve: async ({ instructions }, _, { load }) =>
        instructions && ((await load.instructions(instructions)) ?? ERASED),
    }),
    theme: t.field({ type: Theme, description: 'How the page looks.', resolve: ({ theme }) => theme }),
    language: t.exposeString('language', {
      nullable: true,
      description: 'A BCP 47 tag; null where the viewer has said nothing.',
    }),
  }),
});

const InboxFilter = builder.enumType('InboxFilter', {
  description: 'Which conversations a list shows. Those that the viewer has hidden are in none.',
  values: {
    INBOX: { value: 'inbox', description: 'All that are neither archived nor deleted.' },
    PINNED: { value: 'pinned', description: 'Those that the viewer keeps on top.' },
    ARCHIVED: { value: 'archived', description: 'Those that the viewer has put away.' },
    DELETED: { value: 'deleted', description: 'Tombstones of those that the viewer can restore.' },
  } as const,
});

type Page = InboxPage & { readonly isStale: IsStale };

export const ConversationConnection = builder.objectRef<Page>('ConversationConnection').implement({
  description: 'A page of conversations.',
  fields: (t) => ({
    nodes: t.field({
      type: [Conversation],
      description: 'The conversations of this page.',
      resolve: ({ rows, isStale }, _, context) =>
        Promise.all(rows.map(async (row) => conversationNode(row, await isStale(...streamsOf(context, row.id))))),
    }),
    pageInfo: t.field({
      type: PageInfo,
      description: 'Where it ends.',
      resolve: ({ rows, more }) => {
        const last = rows.at(-1);
        return { more, cursor: last && cursorOf(last.activeAt, last.id) };
      },
    }),
  }),
});

/** The row of who asks. Their first operation has registered them; it shows once the view has it. */
async function ownRow({ load, identity }: Context): Promise<UserRow> {
  const row = await load.user.load(identity.user);
  if (!row) throw clientError('UNAVAILABLE', 'Your account is being set up. Ask again in a moment.');
  return row;
}

const PAGE = 'How many: 1 to 100.';
const CURSOR = 'The `endCursor` of the page before.';

const Viewer = builder.objectRef<{ readonly stale: boolean; readonly isStale: IsStale }>('Viewer').implement({
  description: 'Who is asking, and what is theirs alone.',
  fields: (t) => ({
    user: t.field({
      type: User,
      description: 'The viewer as others see them.',
      resolve: async ({ stale }, _, context) => ({ ...userNode(await ownRow(context)), stale }),
    }),
    email: t.string({
      nullable: true,
      description: 'The address that the identity provider tells of them; null where it tells none.',
      resolve: (_, __, { identity }) => identity.email ?? null,
    }),
    roles: t.field({
      type: [Role],
      description: 'What the viewer may do.',
      resolve: (_, __, { identity }) => [...identity.roles],
    }),
    preferences: t.field({
      type: Preferences,
      description: 'How the viewer wants it.',
      resolve: (_, __, context) => ownRow(context),
    }),
    conversations: t.field({
      type: ConversationConnection,
      description:
        'The conversations in which the viewer is a member, newest activity first. Of those that people of other homes began ' +
        'only the 1,000 that began last.',
      args: {
        filter: t.arg({ type: InboxFilter, defaultValue: 'inbox', description: 'Which of them.' }),
        first: t.arg.int({ defaultValue: 50, description: PAGE }),
        after: t.arg.string({ required: false, description: CURSOR }),
      },
      resolve: async ({ isStale }, { filter, first, after }, { core, identity }) => {
        const place = after == null ? undefined : parseCursor(after);
        return { ...(await core.inbox(identity.user, filter, pageSize(first), place)), isStale };
      },
    }),
    memberships: t.field({
      type: MembershipConnection,
      description: 'What the viewer has to conversations that others began, by conversation id.',
      args: {
        first: t.arg.int({ defaultValue: 50, description: PAGE }),
        after: t.arg.string({ required: false, description: CURSOR }),
      },
      resolve: async ({ stale }, { first, after }, { core, identity }) => {
        const place = after == null ? undefined : parseIdCursor(after);
        return { ...(await core.memberships(identity.user, pageSize(first), place)), stale };
      },
    }),
    stale: t.exposeBoolean('stale', {
      description: STALE,
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'Who is asking.',
    args: { after: t.arg({ type: 'Position', required: false, description: FRESH }) },
    resolve: async (_, { after }, context) => {
      const isStale = await staleness(context, after);
      return { stale: await isStale(streamOf('user', context.identity.user)), isStale };
    },
  }),
);
