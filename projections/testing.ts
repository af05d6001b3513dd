import type { Log } from '../commands/log/log.js';
import { memoryLog } from '../commands/log/memory.js';
import { batchOf, takeover } from '../commands/log/testing.js';
import type { Part, Sealed } from '../domain/content.js';
import { type DomainEvent, type Recorded, schemaOf } from '../domain/catalogue.js';
import type { MemberRole } from '../domain/conversation.js';
import { type Envelope, hashOf } from '../domain/event.js';
import { type Uuid, homeOf, membershipStream, streamOf, timedId } from '../domain/ids.js';
import type { Projection } from './projection.js';
import { core } from './readmodel/core/core.js';
import { coreQueries } from './readmodel/core/queries.js';
import type { CoreQueries } from './readmodel/core/rows.js';
import type { Db } from './readmodel/db.js';
import { openPglite } from './readmodel/pglite.js';
import { startRunner } from './runner.js';

export const PARTITIONS = 4;

/** What gives the suites of the views a database of their own. On Postgres they run once more (postgres.test.ts). */
let opensDatabase: () => Promise<Db> = openPglite;
export const openDatabase = (): Promise<Db> => opensDatabase();
export function setDatabase(open: () => Promise<Db>): void {
  opensDatabase = open;
}

/** Ids that follow from a number, at a home of one's choice. */
export const idOf = (n: number, bucket = 0x123): Uuid =>
  timedId(1_760_000_000_000 + n, new Uint8Array(16).fill(n), bucket);

export const sealed = (content: string): Sealed => ({
  key: 'user-ana',
  content,
  box: Buffer.from(content).toString('base64'),
});
export const textPart = (content: string): Part => ({ type: 'text', text: sealed(content), chars: content.length });

/** A history in the making: events get versions and hashes as an owner would give them. */
export function createHistory(bucket = 0x123) {
  const streams = new Map<string, { version: number; hash: string }>();
  const events: Envelope[] = [];
  let clock = Date.parse('2026-01-01T00:00:00.000Z');

  const add = (stream: Recorded['stream'], event: DomainEvent): void => {
    const before = streams.get(stream) ?? { version: 0, hash: '' };
    clock += 1_000;
    const cause = idOf(events.length + 1_000, 0);
    const envelope: Envelope = {
      ...event,
      id: idOf(events.length, bucket),
      schema: schemaOf(event.type),
      stream,
      version: before.version + 1,
      at: new Date(clock).toISOString(),
      actor: 'ana',
      cause,
      correlation: cause,
      previous: before.hash,
    };
    streams.set(stream, { version: envelope.version, hash: hashOf(envelope) });
    events.push(envelope);
  };

  const user = idOf(1, bucket);
  return {
    user,
    events,
    /** Whatever else happens in a stream. */
    add,
    register: () => add(streamOf('user', user), { type: 'UserRegistered', data: { name: sealed('Ana'), chars: 3 } }),
    start: (id: Uuid) =>
      add(streamOf('conversation', id), {
        type: 'ConversationStarted',
        data: { starter: user, title: sealed(`title of ${id}`), chars: 5, expires: null, origin: null },
      }),
    post: (id: Uuid, message: Uuid, parent: Uuid | null, seq: number, author = user) =>
      add(streamOf('conversation', id), {
        type: 'MessagePosted',
        data: { message, parent, seq, author, parts: [textPart(`text of ${message}`)] },
      }),
    request: (id: Uuid, reply: Uuid, parent: Uuid, seq: number) =>
      add(streamOf('conversation', id), { type: 'ReplyRequested', data: { reply, parent, seq, by: user } }),
    begin: (id: Uuid, reply: Uuid, attempt: number) =>
      add(streamOf('conversation', id), {
        type: 'ReplyStarted',
        data: { reply, attempt, executor: idOf(9), endpoint: 'built-in', model: 'echo' },
      }),
    askStop: (id: Uuid, reply: Uuid) =>
      add(streamOf('conversation', id), { type: 'ReplyStopRequested', data: { reply, by: user } }),
    complete: (id: Uuid, reply: Uuid, attempt: number) =>
      add(streamOf('conversation', id), {
        type: 'ReplyCompleted',
        data: {
          reply,
          attempt,
          parts: [textPart(`reply ${reply}`)],
          latencyMs: 10,
          firstTokenMs: 1,
          tokens: 3,
          finish: 'stop',
        },
      }),
    fail: (id: Uuid, reply: Uuid, attempt: number) =>
      add(streamOf('conversation', id), {
        type: 'ReplyFailed',
        data: { reply, attempt, parts: [textPart(`half of ${reply}`)], latencyMs: 10, code: 'ENDPOINT_DOWN' },
      }),
    endStopped: (id: Uuid, reply: Uuid, attempt: number) =>
      add(streamOf('conversation', id), {
        type: 'ReplyStopped',
        data: { reply, attempt, parts: [textPart(`some of ${reply}`)], latencyMs: 10 },
      }),
    rename: (id: Uuid, title = 'renamed') =>
      add(streamOf('conversation', id), {
        type: 'ConversationRenamed',
        data: { title: sealed(title), chars: title.length, by: 'person' },
      }),
    addMember: (id: Uuid, person: Uuid, role: MemberRole) =>
      add(streamOf('conversation', id), { type: 'MemberAdded', data: { user: person, role, by: user } }),
    changeRole: (id: Uuid, person: Uuid, role: MemberRole) =>
      add(streamOf('conversation', id), { type: 'MemberRoleChanged', data: { user: person, role, by: user } }),
    removeMember: (id: Uuid, person: Uuid) =>
      add(streamOf('conversation', id), { type: 'MemberRemoved', data: { user: person, by: user } }),
    /** This person's home is told that they are in a conversation of somebody, and that they are not any more. */
    join: (id: Uuid, role: MemberRole, source: number) =>
      add(membershipStream(id, user), {
        type: 'MembershipJoined',
        data: { conversation: id, user, role, by: user, source },
      }),
    leave: (id: Uuid, source: number) =>
      add(membershipStream(id, user), { type: 'MembershipLeft', data: { conversation: id, user, source } }),
    remove: (id: Uuid) => add(streamOf('conversation', id), { type: 'ConversationDeleted', data: { by: user } }),
    read: (id: Uuid, seq: number) =>
      add(membershipStream(id, user), { type: 'ConversationRead', data: { conversation: id, user, seq } }),
  };
}

export type History = ReturnType<typeof createHistory>;

/** Two conversations with all that can happen in one. */
export function richHistory(): { history: History; first: Uuid; second: Uuid } {
  const history = createHistory();
  const [first, second] = [idOf(10), idOf(20)];
  history.register();
  history.start(first);
  history.post(first, idOf(11), null, 1);
  history.request(first, idOf(12), idOf(11), 2);
  history.begin(first, idOf(12), 1);
  history.start(second);
  history.post(second, idOf(21), null, 1);
  history.request(second, idOf(22), idOf(21), 2);
  history.begin(first, idOf(12), 2);
  history.askStop(second, idOf(22));
  history.complete(first, idOf(12), 2);
  history.rename(first);
  history.post(first, idOf(13), idOf(11), 3);
  history.request(first, idOf(14), idOf(13), 4);
  history.read(first, 3);
  history.remove(second);
  return { history, first, second };
}

/** A log that holds these events, each in a batch of its own. */
export async function logWith(
  events: readonly Envelope[],
  id = idOf(99),
): Promise<{ log: Log; add: (more: readonly Envelope[]) => Promise<void> }> {
  const log = memoryLog({ partitions: PARTITIONS, id });
  const batches = new Map<number, number>();
  for (let partition = 0; partition < PARTITIONS; partition++) await log.append(partition, [takeover('owner', 1)]);
  const add = async (more: readonly Envelope[]): Promise<void> => {
    for (const event of more) {
      const partition = homeOf(event.stream, PARTITIONS);
      const batch = batches.get(partition) ?? 0;
      batches.set(partition, batch + 1);
      await log.append(partition, batchOf('owner', 1, batch, [event]));
    }
  };
  await add(events);
  return { log, add };
}

/** The core view of these events, caught up, and the questions to it. */
export async function openCore(
  events: readonly Envelope[],
): Promise<{ queries: CoreQueries; close: () => Promise<void> }> {
  const db = await openDatabase();
  const { log } = await logWith(events);
  const runner = startRunner({ log, db, projection: core, onFailure: () => undefined });
  await runner.caughtUp;
  return {
    queries: coreQueries({ db, partitions: PARTITIONS, reached: runner.reached }),
    close: async () => {
      await runner.stop();
      await db.close();
    },
  };
}

/** Every row of a projection's views, in order of their keys. */
export async function rowsOf<N>(db: Db, { name, tables }: Projection<N>): Promise<Record<string, readonly object[]>> {
  const rows: Record<string, readonly object[]> = {};
  for (const { name: table, key } of tables) {
    rows[table] = (await db.query(`SELECT * FROM ${name}.${table} ORDER BY ${['home', ...key].join(', ')}`)).rows;
  }
  return rows;
}

/** Runs a projection to the end that the log has now, and stops it. Throws what stopped it before. */
export async function project<N>(
  db: Db,
  projection: Projection<N>,
  log: Log,
  onCommit: (notices: readonly N[]) => void = () => undefined,
): Promise<void> {
  const runner = startRunner({ log, db, projection, onCommit, onFailure: () => undefined });
  try {
    await runner.caughtUp;
  } finally {
    await runner.stop();
  }
}

/** The same log, read in chunks of the sizes that `next` gives. */
export function inCuts(log: Log, next: () => number): Log {
  return {
    ...log,
    read: async function* read(partition, from, options = {}) {
      for (let at = from, more = true; more && options.signal?.aborted !== true;) {
        more = false;
        for await (const chunk of log.read(partition, at, { ...options, limit: next() })) {
          at = chunk.next;
          more = true;
          yield chunk;
          break;
        }
      }
    },
  };
}
