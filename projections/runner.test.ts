import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import type { Db } from './readmodel/db.js';
import { core } from './readmodel/core/core.js';
import { coreQueries } from './readmodel/core/queries.js';
import type { CoreNotice } from './readmodel/core/rows.js';
import { type Runner, startRunner } from './runner.js';
import {
  PARTITIONS,
  createHistory,
  idOf,
  inCuts,
  logWith,
  openDatabase,
  project,
  richHistory,
  rowsOf,
} from './testing.js';

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

/** Every row of the view, in order of their keys. */
const dump = async (): Promise<readonly unknown[]> => Object.values(await rowsOf(db, core));

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};

const forget = async (): Promise<void> => {
  await db.query('DELETE FROM rm.generations');
};

let failures: unknown[] = [];
let runners: Runner[] = [];
beforeEach(() => {
  failures = [];
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
});

const run = (log: Log, told: (notices: readonly CoreNotice[]) => void = () => undefined): Runner => {
  const runner = startRunner({
    log,
    db,
    projection: core,
    onCommit: told,
    onFailure: (error) => failures.push(error),
  });
  runners.push(runner);
  return runner;
};

describe('the runner', () => {
  it('gives the same rows whether it was there from the start or stopped after every event', async () => {
    const { history } = richHistory();
    const whole = await logWith(history.events);
    await run(whole.log).caughtUp;
    const atOnce = await dump();
    expect(JSON.stringify(atOnce)).toContain('renamed');
    await Promise.all(runners.map((runner) => runner.stop()));
    await forget();

    const { log, add } = await logWith([]);
    for (const event of history.events) {
      await add([event]);
      const runner = run(log);
      await runner.caughtUp;
      await runner.stop();
    }
    expect(await dump()).toEqual(atOnce);
    expect(failures).toEqual([]);
  });

  it('tells what it changed after the commit, without a gap from notice to notice', async () => {
    await forget();
    const { history, first } = richHistory();
    const { log, add } = await logWith([]);
    const notices: CoreNotice[] = [];
    const runner = run(log, (told) => notices.push(...told));
    await runner.caughtUp;
    for (const event of history.events) await add([event]);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      expect(await runner.reached({ partition, offset: await log.end(partition) }, 5_000)).toBe(true);
    }
    const spans = notices.flatMap((notice) => ('from' in notice && notice.conversation.id === first ? [notice] : []));
    expect(spans.map(({ from }) => from)).toEqual([0, ...spans.slice(0, -1).map(({ to }) => to)]);
    expect(spans.at(-1)?.to).toBe(history.events.filter(({ stream }) => stream.endsWith(first)).length);
    expect(notices.some((notice) => 'membership' in notice && notice.membership.readSeq === 3)).toBe(true);
  });

  it('begins anew when the log is another one, and writes nothing of the old', async () => {
    const { history } = richHistory();
    await run((await logWith(history.events)).log).caughtUp;
    await Promise.all(runners.map((runner) => runner.stop()));
    await run((await logWith([], idOf(77))).log).caughtUp;
    expect(await dump()).toEqual([[], [], [], [], []]);
  });

  it('begins anew when a checkpoint lies beyond the log, as after a restore', async () => {
    await forget();
    const { history } = richHistory();
    await run((await logWith(history.events)).log).caughtUp;
    await Promise.all(runners.map((runner) => runner.stop()));
    const shorter = await logWith(history.events.slice(0, 3));
    await run(shorter.log).caughtUp;
    expect(await db.query('SELECT id FROM core.messages')).toMatchObject({ count: 1 });
  });

  it('stops at an event that it does not know, and says so', async () => {
    await forget();
    const { history } = richHistory();
    const [known] = history.events;
    if (!known) throw new Error('no events');
    const { log } = await logWith([{ ...known, type: 'UserTeleported' }]);
    const runner = run(log);
    await expect(runner.caughtUp).rejects.toMatchObject({ name: 'ProjectionError', code: 'UNKNOWN_EVENT' });
    expect(String(failures[0])).toMatch(/The view core, home \d has stopped: unknown event UserTeleported/);
    expect(await dump()).toEqual([[], [], [], [], []]);
  });

  it('goes on at other homes where one has stopped', async () => {
    await forget();
    const [here, there] = [createHistory(0x123), createHistory(0xfff)];
    here.register();
    there.register();
    const { log, add } = await logWith(here.events.map((event) => ({ ...event, schema: 2 })));
    const runner = run(log);
    await expect(runner.caughtUp).rejects.toMatchObject({ code: 'UNKNOWN_EVENT' });
    await add(there.events);
    expect(await runner.reached({ partition: 3, offset: await log.end(3) }, 5_000)).toBe(true);
    expect(await db.query('SELECT id FROM core.users')).toMatchObject({ rows: [{ id: there.user }] });
  });

  it('passes over records without events, and says how far it is', async () => {
    await forget();
    const { history } = richHistory();
    const { log } = await logWith(history.events);
    const told: (readonly [number, number])[] = [];
    const runner = startRunner({
      log: inCuts(log, () => 5),
      db,
      projection: core,
      onProgress: (done, of) => told.push([done, of]),
      onFailure: (error) => failures.push(error),
    });
    runners.push(runner);
    await runner.caughtUp;
    // The identity and the takeover of every partition count too.
    const all = history.events.length + 2 * PARTITIONS;
    expect(told.at(-1)).toEqual([all, all]);
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).toSorted((a, b) => a - b));
    for (let partition = 0; partition < PARTITIONS; partition++) {
      expect(await runner.reached({ partition, offset: await log.end(partition) }, 0)).toBe(true);
    }
  });

  it('tells whoever waits for a position that it will not be shown, once time runs out or it stops', async () => {
    const runner = run((await logWith([])).log);
    await runner.caughtUp;
    expect(await runner.reached({ partition: 0, offset: 99 }, 1)).toBe(false);
    const waiting = runner.reached({ partition: 0, offset: 99 }, 600_000);
    await runner.stop();
    expect(await waiting).toBe(false);
    expect(await runner.reached({ partition: 0, offset: 99 }, 600_000)).toBe(false);
  });

  it('writes nothing where another runner was quicker, and stops', async () => {
    await forget();
    const { history } = richHistory();
    const { log, add } = await logWith([]);
    // This one has its batch in hand while the other one works.
    const [inHand, mayGoOn] = [new AbortController(), new AbortController()];
    const slow: Db = {
      ...db,
      tx: async (work) => {
        inHand.abort();
        await aborted(mayGoOn.signal);
        return db.tx(work);
      },
    };
    await run(log).caughtUp;
    await Promise.all(runners.map((runner) => runner.stop()));
    const stale = startRunner({ log, db: slow, projection: core, onFailure: (error) => failures.push(error) });
    runners.push(stale);
    await stale.caughtUp;
    await add(history.events);
    await aborted(inHand.signal);
    await project(db, core, log);
    const rows = await dump();
    mayGoOn.abort();
    await expect.poll(() => failures.length).toBe(1);
    expect(failures[0]).toMatchObject({ code: 'CHECKPOINT_MOVED' });
    expect(await dump()).toEqual(rows);
  });
});

describe('the core view', () => {
  const open = async () => {
    await forget();
    const { history, first, second } = richHistory();
    const { log } = await logWith(history.events);
    const runner = run(log);
    await runner.caughtUp;
    return { queries: coreQueries({ db, partitions: PARTITIONS, reached: runner.reached }), history, first, second };
  };

  it('shows a conversation with its head, its newest seq, and who named it', async () => {
    const { queries, history, first } = await open();
    expect(await queries.conversation(first)).toMatchObject({
      version: 9,
      starter: history.user,
      titledBy: 'person',
      lastSeq: 4,
      head: idOf(14),
      deleted: false,
    });
  });

  it('walks a branch from its leaf to its root', async () => {
    const { queries, first } = await open();
    const ids = async (leaf: string, count: number, inclusive: boolean) =>
      (await queries.branch(first, leaf, count, inclusive)).map(({ id }) => id);
    expect(await ids(idOf(14), 50, true)).toEqual([idOf(14), idOf(13), idOf(11)]);
    expect(await ids(idOf(14), 50, false)).toEqual([idOf(13), idOf(11)]);
    expect(await ids(idOf(14), 2, true)).toEqual([idOf(14), idOf(13)]);
    expect(await ids(idOf(98), 50, true)).toEqual([]);
  });

  it('groups siblings by their parent, oldest first', async () => {
    const { queries, first } = await open();
    const at = (parent: string | null) => ({ conversation: first, parent });
    expect(await queries.siblings([at(null), at(idOf(11))])).toEqual([[idOf(11)], [idOf(12), idOf(13)]]);
  });

  it('reads what is newer than a version together with the head', async () => {
    const { queries, first } = await open();
    const changes = await queries.changes(first, 5);
    expect(changes?.to).toBe(9);
    expect(changes?.messages.map(({ id }) => id)).toEqual([idOf(12), idOf(13), idOf(14)]);
    expect(await queries.changes(first, 9)).toMatchObject({ to: 9, messages: [] });
    expect(await queries.changes(idOf(98), 0)).toBeUndefined();
    const [row] = changes?.messages ?? [];
    expect(row).toEqual((await queries.messages([idOf(12)]))[0]);
  });

  it('keeps a reply at its last attempt', async () => {
    const { queries } = await open();
    expect((await queries.messages([idOf(12)]))[0]?.reply).toMatchObject({
      status: 'completed',
      attempt: 2,
      model: 'echo',
    });
    expect((await queries.messages([idOf(22)]))[0]?.reply).toMatchObject({ status: 'requested', stopping: true });
  });

  it('lists a sidebar without tombstones, page by page, with reading marks', async () => {
    const { queries, history, first, second } = await open();
    const page = await queries.inbox(history.user, 'inbox', 10);
    expect(page.rows.map(({ id, role }) => [id, role])).toEqual([[first, 'owner']]);
    expect((await queries.conversation(second))?.deleted).toBe(true);
    expect(await queries.inbox(history.user, 'inbox', 10, page.rows[0])).toEqual({ rows: [], more: false });
    const relations = await queries.relations(history.user, [first, second]);
    expect([...relations.values()].map(({ readSeq }) => readSeq)).toEqual([3, 0]);
  });

  it('holds no text: rows are sealed as they came', async () => {
    const { queries, history } = await open();
    expect((await queries.users([history.user]))[0]?.name).toMatchObject({ key: 'user-ana' });
  });
});
