import type { Envelope } from '../../domain/event.js';
import type { Header } from './fence.js';
import { type Cursor, type Entry, type Log, type ReadOptions, CODE } from './log.js';

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

/** What a reader sees of records: the ids of events, the kinds of all others. */
export const names = (entries: readonly Entry[]): readonly string[] =>
  entries.map((entry) => (entry.kind === 'event' ? entry.event.id : entry.kind));

/** Everything valid from a cursor to the end. */
export async function readAll(log: Log, partition: number, from?: Cursor, limit?: number): Promise<readonly string[]> {
  const found: Entry[] = [];
  for await (const { records } of log.read(partition, from, limit === undefined ? {} : { limit })) {
    found.push(...records.map(({ entry }) => entry));
  }
  return names(found);
}

/** The cursor behind everything. */
export async function cursorBehind(log: Log, partition: number): Promise<Cursor> {
  let last: Cursor | undefined;
  for await (const { next } of log.read(partition)) last = next;
  if (!last) throw new Error('the log is empty');
  return last;
}

/** Follows a partition. `until` resolves when a record of that name has come, `ended` when the reading is over. */
export function follow(log: Log, partition: number, options: ReadOptions = {}, from?: Cursor) {
  const seen: string[] = [];
  const awaited = new Map<string, () => void>();
  const ended = (async () => {
    for await (const { records } of log.read(partition, from, { ...options, follow: true })) {
      for (const name of names(records.map(({ entry }) => entry))) {
        seen.push(name);
        awaited.get(name)?.();
      }
    }
  })();
  const until = (name: string): Promise<void> =>
    new Promise((resolve) => {
      if (seen.includes(name)) resolve();
      else awaited.set(name, resolve);
    });
  return { seen, ended, until };
}
