import type { Change, Obligations, ReplyObligation } from '../../../commands/reactors/reactor.js';
import { personKey } from '../../../domain/content.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import type { Projection } from '../../projection.js';
import type { Runner } from '../../runner.js';
import type { Db } from '../db.js';
import { type Table, fieldsOf } from '../table.js';

type ReplyRow = Omit<ReplyObligation, 'position' | 'kind' | 'id' | 'key'> & {
  readonly reply: Uuid;
  readonly by: Uuid;
  readonly nextOffset: number;
};

const replies = {
  name: 'replies',
  columns: {
    reply: 'uuid',
    conversation: 'uuid',
    parent: 'uuid',
    by: 'uuid',
    attempt: 'int',
    executor: 'uuid',
    stopping: 'boolean',
    nextOffset: 'bigint',
  },
  key: ['reply'],
} as const satisfies Table & { readonly columns: Readonly<Record<keyof ReplyRow, string>> };

/** What was promised and not yet done: a row comes with the event that obliges, and goes with the one that ends it. */
export const obligations: Projection<Change> = {
  name: 'obligations',
  schema: 1,
  tables: [replies],
  apply: async (events, stage) => {
    const named = new Set(events.flatMap(({ event }) => ('reply' in event.data ? [event.data.reply] : [])));
    const open = new Map((await stage.load<ReplyRow>(replies, named)).map((row) => [row.reply, row]));
    const ended = new Set<Uuid>();
    let home = 0;
    for (const { partition, offset, event } of events) {
      home = partition;
      const change = (reply: Uuid, changed: Partial<ReplyRow>): void => {
        const row = open.get(reply);
        if (row) open.set(reply, { ...row, ...changed });
      };
      switch (event.type) {
        case 'ReplyRequested': {
          const { reply, parent, by } = event.data;
          const conversation = parseStream(event.stream).id;
          const fresh = { attempt: 0, executor: null, stopping: false, nextOffset: offset + 1 };
          open.set(reply, { reply, conversation, parent, by, ...fresh });
          break;
        }
        case 'ReplyStarted':
          change(event.data.reply, { attempt: event.data.attempt, executor: event.data.executor });
          break;
        case 'ReplyStopRequested':
          change(event.data.reply, { stopping: true });
          break;
        case 'ReplyCompleted':
        case 'ReplyFailed':
        case 'ReplyStopped':
          open.delete(event.data.reply);
          ended.add(event.data.reply);
          break;
        default:
      }
    }
    await stage.save(replies, [...open.values()]);
    await stage.remove(replies, ended);
    const changed = [...open.values()].map((row) => toObligation(row, home));
    return [...changed, ...[...ended].map((reply) => ({ ended: reply }))];
  },
};

const toObligation = ({ nextOffset, reply, by, ...row }: ReplyRow, home: number): ReplyObligation => ({
  ...row,
  kind: 'reply',
  id: reply,
  key: personKey(by),
  position: { partition: home, offset: nextOffset },
});

/** Obligations as a reactor watches them, over the runner of their projection; `told` is where its notices go. */
export function watchObligations(db: Db): {
  readonly port: (runner: Runner) => Obligations;
  told(changes: readonly Change[]): void;
} {
  const listeners = new Set<(change: Change) => void>();
  return {
    told: (changes) => {
      for (const change of changes) for (const listener of listeners) listener(change);
    },
    port: (runner) => ({
      watch: async (listener) => {
        await runner.caughtUp;
        // Attached before it lists, so that nothing is missed. What is told meanwhile may be newer than the list.
        const told = new Set<Uuid>();
        const note = (change: Change): void => {
          told.add('ended' in change ? change.ended : change.id);
        };
        listeners.add(note);
        listeners.add(listener);
        const { rows } = await db
          .query<ReplyRow & { home: number }>(
            `SELECT r.home, ${fieldsOf(replies, 'r')} FROM obligations.replies r ORDER BY r.next_offset`,
          )
          .finally(() => listeners.delete(note));
        for (const { home, ...row } of rows) {
          if (!told.has(row.reply)) listener(toObligation(row, home));
        }
        return () => listeners.delete(listener);
      },
    }),
  };
}
