import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Uuid, membershipStream, streamOf } from '../../../domain/ids.js';
import { PARTITIONS, createHistory, idOf, logWith, openDatabase, project } from '../../testing.js';
import type { Db } from '../db.js';
import { core } from './core.js';
import { coreQueries } from './queries.js';
import type { CoreQueries, InboxFilter, SeenConversation } from './rows.js';

// Ana's sidebar: her own conversations, and those of others at her own home and at three more.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

const HERE = 0x123;
const ana = idOf(1, HERE);
/** The buckets of those who start conversations: Ana, and one at each home. */
const buckets = [HERE, 0x3ff, 0x400, 0x9ab, 0xfff];

const plan = fc.record({
  by: fc.nat(buckets.length - 1),
  /** When it was last active: often at the very same moment as another. */
  at: fc.nat(3),
  role: fc.constantFrom('owner' as const, 'writer' as const, 'reader' as const),
  life: fc.constantFrom('open', 'open', 'open', 'deleted', 'expired'),
  /** Whether she is in it, and whether her home knows: news come late. */
  membership: fc.constantFrom('told', 'told', 'told', 'untold', 'removed', 'never'),
  relation: fc.constantFrom('', '', 'pinned', 'archived', 'archived pinned', 'hidden', 'pinned hidden'),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

const timeOf = (at: number): string => `2026-05-01T00:00:0${at}.000Z`;
const conversationOf = (n: number, { by }: Plan): Uuid => idOf(10 + n, buckets[by] ?? HERE);
const isMine = ({ by }: Plan): boolean => by === 0;

function eventsOf(plans: readonly Plan[]) {
  const hers = createHistory(HERE);
  return plans.flatMap((each, n) => {
    const { by, at, role, life, membership, relation } = each;
    const bucket = buckets[by] ?? HERE;
    const history = createHistory(bucket);
    const id = conversationOf(n, each);
    const stream = streamOf('conversation', id);
    history.start(id);
    history.post(id, idOf(100 + n, bucket), null, 1);
    if (isMine(each)) {
      if (membership === 'removed') history.removeMember(id, ana);
    } else if (membership !== 'never') {
      history.addMember(id, ana, role);
      if (membership === 'removed') history.removeMember(id, ana);
    }
    if (life === 'deleted') history.remove(id);
    if (life === 'expired') history.add(stream, { type: 'ConversationExpired', data: {} });
    const before = hers.events.length;
    const whose = { conversation: id, user: ana };
    // Where she was removed, her home may not have heard of it.
    if (!isMine(each) && (membership === 'told' || membership === 'removed')) hers.join(id, role, 3);
    for (const [word, event] of [
      ['pinned', { type: 'ConversationPinned', data: { ...whose, pinned: true } }],
      ['archived', { type: 'ConversationArchived', data: { ...whose, archived: true } }],
      ['hidden', { type: 'ConversationHidden', data: { ...whose, hidden: true } }],
    ] as const) {
      if (relation.includes(word)) hers.add(membershipStream(id, ana), event);
    }
    const active = history.events.map((event) =>
      event.type === 'MessagePosted' ? { ...event, at: timeOf(at) } : event,
    );
    return [...active, ...hers.events.slice(before)];
  });
}

/** What a sidebar must show, told from the plans. */
function expected(plans: readonly Plan[], filter: InboxFilter): readonly Uuid[] {
  const shown = plans
    .map((each, n) => ({ ...each, id: conversationOf(n, each) }))
    .filter((each) => {
      const { by, role, life, membership, relation } = each;
      const isHere = by <= 1;
      const isIn = isMine(each)
        ? membership !== 'removed'
        : membership === 'told' || (membership === 'untold' && isHere);
      if (!isIn || relation.includes('hidden')) return false;
      if (filter === 'deleted') return life === 'deleted' && (isMine(each) || role === 'owner');
      const isArchived = relation.includes('archived');
      if (life !== 'open' || isArchived !== (filter === 'archived')) return false;
      return filter !== 'pinned' || relation.includes('pinned');
    });
  return shown.toSorted((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).map(({ id }) => id);
}

const filters: readonly InboxFilter[] = ['inbox', 'pinned', 'archived', 'deleted'];

async function walk(queries: CoreQueries, filter: InboxFilter, size: number): Promise<readonly SeenConversation[]> {
  const rows: SeenConversation[] = [];
  for (let more = true; more;) {
    const page = await queries.inbox(ana, filter, size, rows.at(-1));
    rows.push(...page.rows);
    ({ more } = page);
  }
  return rows;
}

const fill = async (events: ReturnType<typeof eventsOf>): Promise<CoreQueries> => {
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  await project(db, core, (await logWith(events)).log);
  return coreQueries({ db, partitions: PARTITIONS, reached: async () => true });
};

describe('a sidebar', () => {
  it('has what is meant to be in it, in order and once, in pages of any size, from all homes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 30, maxLength: 60 }), async (plans) => {
        const queries = await fill(eventsOf(plans));
        for (const filter of filters) {
          const whole = await queries.inbox(ana, filter, 100);
          expect([filter, ...whole.rows.map(({ id }) => id)]).toEqual([filter, ...expected(plans, filter)]);
          expect(whole.more).toBe(false);
          for (const size of [1, 2, 7]) expect(await walk(queries, filter, size)).toEqual(whole.rows);
          const seen = await queries.seen(
            ana,
            plans.map((each, n) => conversationOf(n, each)),
          );
          for (const row of whole.rows) expect(row).toEqual(seen.get(row.id));
        }
      }),
      { numRuns: 8 },
    );
  });

  it('looks at a thousand conversations elsewhere, those that began last, whatever there is at home', async () => {
    const hers = createHistory(HERE);
    const theirs = createHistory(0xfff);
    const ids = Array.from({ length: 1_002 }, (_, n) => idOf(10 + n, 0xfff));
    for (const id of ids) {
      theirs.start(id);
      theirs.addMember(id, ana, 'reader');
      hers.join(id, 'reader', 2);
    }
    // Of somebody else too, but at her own home.
    const near = createHistory(0x122);
    const here = Array.from({ length: 5 }, (_, n) => idOf(2_000 + n, 0x122));
    for (const id of here) {
      near.start(id);
      near.addMember(id, ana, 'reader');
      hers.join(id, 'reader', 2);
    }
    const queries = await fill([...theirs.events, ...near.events, ...hers.events]);
    const rows = await walk(queries, 'inbox', 100);
    expect(new Set(rows.map(({ id }) => id))).toEqual(new Set([...ids.slice(2), ...here]));
    expect(rows).toHaveLength(1_005);
  });
});
