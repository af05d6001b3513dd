import type { Envelope } from '../../domain/event.js';
import { type Entry, CODE } from './log.js';
import type { Header } from './fence.js';

/** Records for tests, written the way an owner writes them. */
export const takeover = (owner: string, term: number, at = '2026-01-01T00:00:00.000Z'): Entry => ({
  kind: 'takeover',
  header: { owner, term, batch: 0, index: 0, count: 1, code: CODE },
  at,
});

export const batchOf = (owner: string, term: number, batch: number, events: readonly Envelope[]): readonly Entry[] =>
  events.map((event, index): Entry => ({
    kind: 'event',
    header: header(owner, term, batch, index, events.length),
    event,
  }));

export const header = (owner: string, term: number, batch: number, index = 0, count = 1): Header => ({
  owner,
  term,
  batch,
  index,
  count,
  code: CODE,
});

/** An event that says only which one it is. */
export const eventNamed = (name: string, at = '2026-01-01T00:00:01.000Z'): Envelope => ({
  id: name,
  type: 'ConversationDeleted',
  schema: 1,
  stream: 'conversation-01980000-0000-7000-8000-000000000000',
  version: 1,
  at,
  actor: 'somebody',
  cause: name,
  correlation: name,
  previous: '',
  data: {},
});
