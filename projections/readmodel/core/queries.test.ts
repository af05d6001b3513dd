import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARTITIONS, createHistory, idOf, openCore } from '../../testing.js';
import type { CoreQueries, SeenConversation } from './rows.js';

const [HERE, THERE] = [0x123, 0xfff];
const ana = createHistory(HERE);
const bob = createHistory(THERE);
/** Ana's conversations, in order of their newest message. */
const long = idOf(10);
const twin = idOf(20);
const gone = idOf(30);
const last = idOf(40);
const foreign = idOf(10, THERE);

let queries: CoreQueries;
let close: () => Promise<void>;
beforeAll(async () => {
  ana.register();
  bob.register();
  ana.start(long);
  // A chain of ten posts, and beside each of them the reply that nobody went on from.
  for (let n = 0; n < 10; n++) {
    ana.post(long, idOf(100 + n), n === 0 ? null : idOf(99 + n), 2 * n + 1);
    ana.request(long, idOf(200 + n), idOf(100 + n), 2 * n + 2);
  }
  ana.post(long, idOf(120), null, 21);
  for (const [n, id] of [twin, gone, last].entries()) {
    ana.start(id);
    ana.post(id, idOf(150 + n), null, 1);
  }
  ana.remove(gone);
  ana.read(long, 7);
  bob.start(foreign);
  bob.post(foreign, idOf(11, THERE), null, 1);

  // Two conversations of the very same moment: their order is that of their ids.
  const times = new Map(ana.events.flatMap(({ type, stream, at }) => (type === 'MessagePosted' ? [[stream, at]] : [])));
  const at = times.get(`conversation-${last}`) ?? '';
  const events = ana.events.map((event) => (event.stream === `conversation-${twin}` ? { ...event, at } : event));
  ({ queries, close } = await openCore([...events, ...bob.events]));
});
afterAll(() => close());

describe('the questions to the core view', () => {
  it('finds people of several homes at once, and nobody who is not there', async () => {
    const found = await queries.users([ana.user, bob.user, idOf(77), ana.user]);
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([ana.user, bob.user]));
    expect(await queries.users([])).toEqual([]);
  });

  it('gives a sidebar in pages of any size: newest first, ties by id, each conversation once, no tombstone', async () => {
    const whole = (await queries.inbox(ana.user, 'inbox', 50)).rows;
    expect(whole.map(({ id }) => id)).toEqual([last, twin, long]);
    expect(whole[0]?.activeAt).toBe(whole[1]?.activeAt);
    for (const size of [1, 2, 3]) {
      const rows: SeenConversation[] = [];
      for (let more = true; more;) {
        const page = await queries.inbox(ana.user, 'inbox', size, rows.at(-1));
        rows.push(...page.rows);
        ({ more } = page);
      }
      expect(rows).toEqual(whole);
    }
  });

  it('keeps sidebars and marks of several people apart', async () => {
    expect((await queries.inbox(bob.user, 'inbox', 50)).rows.map(({ id }) => id)).toEqual([foreign]);
    expect((await queries.relations(bob.user, [foreign])).get(foreign)?.readSeq).toBe(0);
    expect((await queries.inbox(idOf(77), 'inbox', 50)).rows).toEqual([]);
  });

  it('walks no further up than it was asked to, and goes on where it stopped', async () => {
    const walk = async (leaf: string, first: number, inclusive: boolean) =>
      (await queries.branch(long, leaf, first, inclusive)).map(({ id }) => id);
    const whole = await walk(idOf(209), 50, true);
    expect(whole).toEqual([idOf(209), ...Array.from({ length: 10 }, (_, n) => idOf(109 - n))]);
    const page = await walk(idOf(209), 4, true);
    expect(page).toEqual(whole.slice(0, 4));
    expect(await walk(page.at(-1) ?? '', 3, false)).toEqual(whole.slice(4, 7));
    expect(await walk(whole.at(-1) ?? '', 3, false)).toEqual([]);
  });

  it('does not walk into another conversation', async () => {
    expect(await queries.branch(twin, idOf(209), 50, true)).toEqual([]);
    expect(await queries.branch(foreign, idOf(209), 50, true)).toEqual([]);
  });

  it('knows the siblings of roots and of messages, in the order in which they came', async () => {
    const at = (parent: string | null) => ({ conversation: long, parent });
    expect(await queries.siblings([at(idOf(100)), at(null), at(idOf(209))])).toEqual([
      [idOf(200), idOf(101)],
      [idOf(100), idOf(120)],
      [],
    ]);
  });

  it('gives changed rows exactly as the single questions do, and a deleted conversation as a tombstone', async () => {
    const changes = await queries.changes(long, 0);
    expect(changes?.conversation).toEqual(await queries.conversation(long));
    expect(changes?.messages).toHaveLength(21);
    for (const row of changes?.messages.slice(0, 3) ?? []) expect([row]).toEqual(await queries.messages([row.id]));
    const tombstone = await queries.changes(gone, 2);
    expect(tombstone).toMatchObject({ to: 3, conversation: { deleted: true, version: 3 }, messages: [] });
  });

  it('gives the heads of many conversations of a home', async () => {
    const home = Math.floor((HERE * PARTITIONS) / 4096);
    const heads = await queries.heads(home, [long, gone, foreign, idOf(77)]);
    expect(heads).toEqual(
      new Map([
        [long, 22],
        [gone, 3],
      ]),
    );
  });
});
