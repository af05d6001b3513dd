import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PARTITIONS, createHistory, idOf, openCore } from '../../testing.js';
import type { CoreQueries } from './rows.js';

const [HERE, THERE] = [0x123, 0xfff];
const ana = createHistory(HERE);
const bob = createHistory(THERE);
/** Ana's conversations. */
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
  ana.addMember(long, bob.user, 'writer');
  ana.addMember(twin, bob.user, 'writer');
  ana.removeMember(twin, bob.user);
  bob.join(long, 'writer', 23);
  bob.join(twin, 'writer', 3);
  bob.leave(twin, 4);
  // Where a conversation has not heard of them yet, or its view is behind, their own home knows of it.
  for (const id of [idOf(60), last]) bob.join(id, 'reader', 3);
  bob.read(long, 3);
  bob.start(foreign);
  bob.post(foreign, idOf(11, THERE), null, 1);
  ({ queries, close } = await openCore([...ana.events, ...bob.events]));
});
afterAll(() => close());

describe('the questions to the core view', () => {
  it('finds people of several homes at once, and nobody who is not there', async () => {
    const found = await queries.users([ana.user, bob.user, idOf(77), ana.user]);
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set([ana.user, bob.user]));
    expect(await queries.users([])).toEqual([]);
  });

  it('shows a conversation to who is in it now, of several homes at once, deleted or not', async () => {
    const seen = await queries.seen(bob.user, [long, foreign, twin, gone, idOf(77), long]);
    expect(new Set(seen.keys())).toEqual(new Set([long, foreign]));
    expect(seen.get(long)).toEqual({ ...(await queries.conversation(long)), role: 'writer', postedSeq: 0 });
    expect(seen.get(foreign)).toMatchObject({ role: 'owner', postedSeq: 1 });
    expect((await queries.seen(ana.user, [gone, foreign])).get(gone)).toMatchObject({ deleted: true, role: 'owner' });
    expect(await queries.seen(idOf(77), [long, foreign, twin])).toEqual(new Map());
    expect(await queries.seen(ana.user, [])).toEqual(new Map());
    expect(await queries.members([twin])).toMatchObject([{ person: ana.user, role: 'owner' }]);
    expect(await queries.members([idOf(77)])).toEqual([]);
  });

  it('keeps the relations of several people to one conversation apart, each with its defaults', async () => {
    const marks = async (user: string) => {
      const relations = await queries.relations(user, [long, twin, foreign]);
      return [...relations.values()].map(({ person, readSeq }) => (person === user ? readSeq : undefined));
    };
    expect(await marks(ana.user)).toEqual([7, 0, 0]);
    expect(await marks(bob.user)).toEqual([3, 0, 0]);
    expect(await queries.relations(ana.user, [])).toEqual(new Map());
  });

  it('pages through what a person has joined, by conversation', async () => {
    const whole = (await queries.memberships(bob.user, 10)).rows;
    expect(whole.map(({ conversation, role }) => [conversation, role])).toEqual([
      [long, 'writer'],
      [last, 'reader'],
      [idOf(60), 'reader'],
    ]);
    const first = await queries.memberships(bob.user, 2);
    expect(first).toEqual({ rows: whole.slice(0, 2), more: true });
    const second = await queries.memberships(bob.user, 2, first.rows.at(-1)?.conversation);
    expect(second).toEqual({ rows: whole.slice(2), more: false });
    expect(await queries.memberships(ana.user, 10)).toEqual({ rows: [], more: false });
  });

  it('finds messages of several homes at once, each once', async () => {
    const ids = [idOf(100), idOf(11, THERE), idOf(77), idOf(100), idOf(209)];
    const rows = await queries.messages(ids);
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([idOf(100), idOf(11, THERE), idOf(209)]));
    expect(rows).toHaveLength(3);
    expect(await queries.messages([])).toEqual([]);
  });

  it('follows the newest child to the end of a branch, as far as it may', async () => {
    const leaf = async (message: string, steps: number, conversation = long) =>
      (await queries.ends([{ conversation, message, steps }]))[0]?.id;
    expect(await leaf(idOf(100), 100)).toBe(idOf(209));
    expect(await leaf(idOf(100), 3)).toBe(idOf(103));
    expect(await leaf(idOf(100), 0)).toBe(idOf(100));
    expect(await leaf(idOf(200), 100)).toBe(idOf(200));
    expect(await leaf(idOf(77), 100)).toBeUndefined();
    expect(await leaf(idOf(100), 100, twin)).toBeUndefined();
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
    expect(changes?.members).toEqual(await queries.members([long]));
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
        [long, 23],
        [gone, 3],
      ]),
    );
  });
});
