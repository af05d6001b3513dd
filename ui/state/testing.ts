import type { Conversation as Listed } from './inbox.js';
import type { Conversation, Message, Thread } from './thread.js';
import { blankThread, merge } from './thread.js';

/** Rows as the gateway sends them, for tests: ids are short, for nothing here reads them. */
export const message = (id: string, of: Partial<Message> & { seq: number; version: number }): Message => ({
  id,
  parent: null,
  at: '2026-01-01T00:00:00.000Z',
  parts: [{ text: `text of ${id}` }],
  reply: null,
  siblings: { ids: [id], index: 0 },
  ...of,
});

export const conversation = (head: string, version: number, of: Partial<Conversation> = {}): Conversation => ({
  version,
  title: 'A title',
  head,
  deleted: false,
  ...of,
});

export const listed = (id: string, version: number, of: Partial<Listed> = {}): Listed => ({
  id,
  version,
  title: 'A title',
  activeAt: '2026-01-01T00:00:00.000Z',
  unread: 0,
  deleted: false,
  ...of,
});

const completed = { status: 'COMPLETED', attempt: 1, stopping: false, model: 'echo', code: null } as const;

/** A question, its reply, a second question and its reply. */
export const twoTurns: Thread = merge(blankThread, {
  to: 8,
  conversation: conversation('d', 8),
  messages: [
    message('a', { seq: 1, version: 2 }),
    message('b', { seq: 2, version: 4, parent: 'a', reply: completed }),
    message('c', { seq: 3, version: 5, parent: 'b' }),
    message('d', { seq: 4, version: 8, parent: 'c', reply: completed }),
  ],
});
