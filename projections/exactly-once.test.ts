import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode } from '../domain/catalogue.js';
import type { Envelope } from '../domain/event.js';
import { type Uuid, parseStream } from '../domain/ids.js';
import { ProjectionError } from './projection.js';
import { core } from './readmodel/core/core.js';
import type { Db, Queryable } from './readmodel/db.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { type History, createHistory, idOf, inCuts, logWith, openDatabase, project, rowsOf } from './testing.js';

// Whatever the cuts between batches, and whatever fails in between: the rows are those of every event applied once.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

const step = fc.record({
  which: fc.nat({ max: 3 }),
  action: fc.constantFrom('post', 'post', 'begin', 'end', 'askStop', 'rename', 'remove', 'read', 'register'),
  pick: fc.nat({ max: 99 }),
});
type Step = { readonly which: number; readonly action: string; readonly pick: number };

/** Two people at one home and two elsewhere, each with a conversation; what makes no sense now does nothing. */
function eventsOf(walk: readonly Step[]): readonly Envelope[] {
  const tales = [0x001, 0x002, 0x7ff, 0xfff].map((bucket) => createTale(createHistory(bucket), bucket));
  return walk.flatMap(({ which, action, pick }) => tales[which]?.(action, pick) ?? []);
}

function createTale(history: History, bucket: number): (action: string, pick: number) => readonly Envelope[] {
  const conversation = idOf(10, bucket);
  const messages: Uuid[] = [];
  const open = new Map<Uuid, number>();
  const done = new Set<string>();
  const once = (what: string): boolean => !done.has(what) && done.size < done.add(what).size;

  const act = (action: string, pick: number): void => {
    const [reply, attempt] = [...open][pick % Math.max(open.size, 1)] ?? ['', 0];
    if (action === 'register' && once('register')) history.register();
    if (action === 'read') history.read(conversation, pick);
    if (action === 'post' && !done.has('remove')) {
      if (once('start')) history.start(conversation);
      const [message, answer] = [idOf(20 + messages.length, bucket), idOf(21 + messages.length, bucket)];
      history.post(conversation, message, messages[pick % Math.max(messages.length, 1)] ?? null, messages.length + 1);
      history.request(conversation, answer, message, messages.length + 2);
      messages.push(message, answer);
      open.set(answer, 0);
    }
    if (messages.length === 0) return;
    if (action === 'rename' && !done.has('remove')) history.rename(conversation, `title ${pick}`);
    if (action === 'remove' && once('remove')) history.remove(conversation);
    if (reply === '') return;
    if (action === 'askStop') history.askStop(conversation, reply);
    if (action === 'begin') {
      open.set(reply, attempt + 1);
      history.begin(conversation, reply, attempt + 1);
    }
    if (action === 'end' && attempt > 0) {
      open.delete(reply);
      const [end = history.complete] = [history.complete, history.fail, history.endStopped].slice(pick % 3);
      end(conversation, reply, attempt);
    }
  };
  return (action, pick) => {
    const before = history.events.length;
    act(action, pick);
    return history.events.slice(before);
  };
}

/** What a reader must see of each conversation and each message, told straight from the events. */
function expected(stored: readonly Envelope[]) {
  const events = stored.map(decode);
  const last = new Map<string, { version: number; at: string }>();
  const conversations = new Map<Uuid, object>();
  const messages = new Map<Uuid, Record<string, unknown>>();
  for (const event of events) {
    const { id, kind } = parseStream(event.stream);
    last.set(event.stream, event);
    const { type, data, version, at } = event;
    if (type === 'MessagePosted') messages.set(data.message, { conversation: id, seq: data.seq, version, at });
    if (type === 'ReplyRequested')
      messages.set(data.reply, { conversation: id, seq: data.seq, version, at, status: 'requested', attempt: 0 });
    const said = 'reply' in data ? messages.get(data.reply) : undefined;
    if (said) said['version'] = version;
    if (type === 'ReplyStarted') Object.assign(said ?? {}, { status: 'running', attempt: data.attempt });
    if (type === 'ReplyCompleted') Object.assign(said ?? {}, { status: 'completed' });
    if (type === 'ReplyFailed') Object.assign(said ?? {}, { status: 'failed' });
    if (type === 'ReplyStopped') Object.assign(said ?? {}, { status: 'stopped' });
    if (kind !== 'conversation') continue;
    const posts = [...messages].filter(([, row]) => row['conversation'] === id);
    const [head, newest] = posts.at(-1) ?? [];
    const deleted = events.some((other) => other.stream === event.stream && other.type === 'ConversationDeleted');
    conversations.set(id, { version, lastSeq: posts.length, head, activeAt: newest?.['at'], deleted });
  }
  return { conversations, messages };
}

async function seen() {
  const c = await db.query<{ id: Uuid; last_seq: number; active_at: string }>(
    'SELECT id, version, last_seq, head, active_at, deleted FROM core.conversations',
  );
  const m = await db.query<{ id: Uuid; status: string | null; attempt: string | null }>(
    `SELECT id, conversation, seq, version, at, reply->>'status' AS status, reply->>'attempt' AS attempt FROM core.messages`,
  );
  return {
    conversations: new Map(
      c.rows.map(({ id, last_seq: lastSeq, active_at: activeAt, ...row }) => [id, { ...row, lastSeq, activeAt }]),
    ),
    messages: new Map(
      m.rows.map(({ id, status, attempt, ...row }) => [
        id,
        status === null ? row : { ...row, status, attempt: Number(attempt) },
      ]),
    ),
  };
}

/** A database whose n-th statement within a transaction fails, as when the power goes. */
function failingAt(n: number): Db {
  let left = n;
  const cut = ({ query }: Queryable): Queryable => ({
    query: async (sql, params) => {
      if (left-- === 0) throw new Error('the power went');
      return query(sql, params);
    },
  });
  return { ...db, tx: (work) => db.tx((tx) => work(cut(tx))) };
}

const forget = async (): Promise<void> => {
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
};

describe('the views', () => {
  it('are those of a fold of all events, whatever the cuts between batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (walk, cuts) => {
          const events = eventsOf(walk);
          await forget();
          const { log } = await logWith(events);
          await project(db, core, log);
          await project(db, obligations, log);
          const atOnce = [await rowsOf(db, core), await rowsOf(db, obligations)];
          expect(await seen()).toEqual(expected(events));

          await forget();
          let cut = 0;
          const inPieces = inCuts(log, () => cuts[cut++ % cuts.length] ?? 1);
          await project(db, core, inPieces);
          await project(db, obligations, inPieces);
          expect([await rowsOf(db, core), await rowsOf(db, obligations)]).toEqual(atOnce);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('hold every event once, whichever statement of a batch was the last before the power went', async () => {
    const { log } = await logWith(eventsOf(fc.sample(step, { numRuns: 100, seed: 7 })));
    await forget();
    await project(db, core, log);
    const whole = await rowsOf(db, core);

    await forget();
    await project(db, core, (await logWith([])).log);
    const failures: unknown[] = [];
    const spans = new Map<Uuid, number>();
    for (let attempt = 0, more = true; more; attempt++) {
      more = false;
      // No batch takes more than ten statements, so that every sixteenth attempt gets further than one.
      const running = project(
        failingAt(attempt % 16),
        core,
        inCuts(log, () => 2),
        (notices) => {
          for (const notice of notices) {
            if (!('to' in notice)) continue;
            // Each notice takes up where the last one ended: nothing is told twice, nothing left out.
            expect(notice.from).toBe(spans.get(notice.conversation.id) ?? 0);
            spans.set(notice.conversation.id, notice.to);
          }
        },
      );
      await running.catch((error: unknown) => {
        failures.push(error);
        more = true;
      });
    }
    expect(failures.length).toBeGreaterThan(10);
    expect(failures.every((error) => error instanceof ProjectionError && /the power went/.test(error.message))).toBe(
      true,
    );
    expect(await rowsOf(db, core)).toEqual(whole);
  });
});
