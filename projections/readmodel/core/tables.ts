import type { Table } from '../table.js';
import type { ConversationRow, MembershipRow, MessageRow, UserRow } from './rows.js';

/** A table whose columns are exactly the fields of its rows. */
type TableOf<Row> = Table & { readonly columns: Readonly<Record<keyof Row, string>> };

export const users = {
  name: 'users',
  columns: { id: 'uuid', name: 'jsonb', registeredAt: 'timestamptz' },
  key: ['id'],
} as const satisfies TableOf<UserRow>;

export const conversations = {
  name: 'conversations',
  columns: {
    id: 'uuid',
    version: 'int',
    starter: 'uuid',
    title: 'jsonb',
    titledBy: 'text',
    startedAt: 'timestamptz',
    activeAt: 'timestamptz',
    lastSeq: 'int',
    head: 'uuid',
    postedSeq: 'int',
    deleted: 'boolean',
  },
  key: ['id'],
  // A sidebar is sorted when it is read: an index on a time that every message moves would be rewritten by each of them.
  indexes: ['starter'],
} as const satisfies TableOf<ConversationRow>;

export const messages = {
  name: 'messages',
  columns: {
    id: 'uuid',
    conversation: 'uuid',
    version: 'int',
    parent: 'uuid',
    seq: 'int',
    at: 'timestamptz',
    author: 'uuid',
    parts: 'jsonb',
    reply: 'jsonb',
  },
  key: ['id'],
  indexes: ['conversation, parent, seq', 'conversation, version'],
} as const satisfies TableOf<MessageRow>;

export const memberships = {
  name: 'memberships',
  columns: { id: 'uuid', conversation: 'uuid', person: 'uuid', readSeq: 'int' },
  key: ['id'],
} as const satisfies TableOf<MembershipRow>;
