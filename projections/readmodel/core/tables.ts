import type { Table } from '../table.js';
import type { ConversationRow, MemberRow, MembershipRow, MessageRow, UserRow } from './rows.js';

/** A table whose columns are exactly the fields of its rows. */
type TableOf<Row> = Table & { readonly columns: Readonly<Record<keyof Row, string>> };

// A sidebar is sorted when it is read: an index on a time that every message moves would be rewritten by each of them.

export const users = {
  name: 'users',
  columns: {
    id: 'uuid',
    version: 'int',
    name: 'jsonb',
    registeredAt: 'timestamptz',
    status: 'text',
    instructions: 'jsonb',
    theme: 'text',
    language: 'text',
  },
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
    deleted: 'boolean',
    expired: 'boolean',
    expires: 'timestamptz',
    origin: 'jsonb',
    shares: 'jsonb',
  },
  key: ['id'],
} as const satisfies TableOf<ConversationRow>;

export const members = {
  name: 'members',
  columns: {
    conversation: 'uuid',
    person: 'uuid',
    version: 'int',
    role: 'text',
    removed: 'boolean',
    joined: 'int',
    postedSeq: 'int',
  },
  key: ['conversation', 'person'],
  indexes: ['person'],
} as const satisfies TableOf<MemberRow>;

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
    source: 'uuid',
    feedback: 'jsonb',
    reply: 'jsonb',
  },
  key: ['id'],
  indexes: ['conversation, parent, seq', 'conversation, version'],
} as const satisfies TableOf<MessageRow>;

export const memberships = {
  name: 'memberships',
  columns: {
    id: 'uuid',
    conversation: 'uuid',
    person: 'uuid',
    version: 'int',
    role: 'text',
    source: 'int',
    readSeq: 'int',
    pinned: 'boolean',
    archived: 'boolean',
    hidden: 'boolean',
    tags: 'jsonb',
    leaf: 'uuid',
  },
  key: ['id'],
  indexes: ['person, conversation'],
} as const satisfies TableOf<MembershipRow>;
