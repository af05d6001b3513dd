import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Recorded, contentTable, decode } from '../../../domain/catalogue.js';
import { contentOf, personKey } from '../../../domain/content.js';
import { type ConversationEvent, conversation, conversationContent } from '../../../domain/conversation.js';
import { type Asked, SYSTEM, type Typed } from '../../../domain/decider.js';
import type { Envelope } from '../../../domain/event.js';
import { ada, id, histories } from '../../../domain/histories-testing.js';
import { instanceContent } from '../../../domain/instance.js';
import { type Uuid, membershipId, membershipStream, streamOf } from '../../../domain/ids.js';
import {
  type MembershipCommand,
  type MembershipEvent,
  membership,
  membershipContent,
} from '../../../domain/membership.js';
import { clientId, fold, run, sealedText } from '../../../domain/testing.js';
import { type UserCommand, type UserEvent, user, userContent } from '../../../domain/user.js';
import { lookUp } from '../../../domain/tree.js';
import { PARTITIONS, createHistory, inCuts, logWith, openDatabase, project } from '../../testing.js';
import type { Db } from '../db.js';
import { core } from './core.js';
import { conversationOf, membershipOf, userOf } from './oracle-testing.js';
import { noRelation } from './people.js';
import { coreQueries } from './queries.js';
import type { CoreNotice, MessageRow } from './rows.js';

// Whatever people ask of the deciders, and wherever the batches are cut: the rows say the last word on each thing.

let db: Db;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());

const key = personKey(ada);
const n = fc.nat(3);
const name = n.map((box) => ({ name: sealedText(key, contentOf.name(ada), box), chars: 3 }));
const preferences = fc.record({
  instructions: fc.option(n.map((box) => sealedText(key, contentOf.instructions(ada), box))),
  theme: fc.constantFrom('system' as const, 'light' as const, 'dark' as const),
  language: fc.constantFrom(null, 'de', 'en-GB'),
});
const note = fc.constant({ by: 'ops', reason: 'because' });

const userCommands: fc.Arbitrary<Asked<UserCommand>> = fc
  .oneof<fc.Arbitrary<UserCommand>[]>(
    name.map((data) => ({ type: 'ChangeProfile', data })),
    preferences.map((data) => ({ type: 'ChangePreferences', data: { ...data, chars: data.instructions ? 9 : 0 } })),
    note.map((data) => ({ type: 'SuspendUser', data })),
    note.map((data) => ({ type: 'ReinstateUser', data })),
    note.map(({ by }) => ({ type: 'EraseUser', data: { by } })),
    fc.constant({ type: 'CompleteErasure', data: { conversations: 2, backupsUntil: '2026-03-01T00:00:00.000Z' } }),
  )
  .map((command) => ({ ...command, actor: command.type.startsWith('Change') ? ada : SYSTEM, id: ada }));

const users = fc
  .tuple(name, fc.array(userCommands, { maxLength: 8 }))
  .map(([data, more]) => run(user, [{ type: 'RegisterUser', data, actor: ada, id: ada }, ...more]));

const of = { conversation: id, user: ada };
const own = membershipId(id, ada);
const tags = fc
  .array(n, { maxLength: 2 })
  .map((boxes) => boxes.map((box, at) => ({ text: sealedText(key, contentOf.tag(own, at), box), chars: 4 })));
const role = fc.constantFrom('owner' as const, 'writer' as const, 'reader' as const);
const memberships = fc
  .array(
    fc
      .oneof<fc.Arbitrary<MembershipCommand>[]>(
        fc.tuple(role, fc.nat(9)).map(([as, source]) => ({
          type: 'JoinConversation',
          data: { ...of, role: as, by: 'x', source },
        })),
        fc.nat(9).map((source) => ({ type: 'LeaveConversation', data: { ...of, source } })),
        fc.nat(9).map((seq) => ({ type: 'MarkRead', data: { conversation: id, seq } })),
        fc.boolean().map((pinned) => ({ type: 'PinConversation', data: { conversation: id, pinned } })),
        fc.boolean().map((archived) => ({ type: 'ArchiveConversation', data: { conversation: id, archived } })),
        fc.boolean().map((hidden) => ({ type: 'HideConversation', data: { conversation: id, hidden } })),
        tags.map((given) => ({ type: 'TagConversation', data: { conversation: id, tags: given } })),
        n.map((at) => ({ type: 'ChooseBranch', data: { conversation: id, leaf: clientId(11 + at) } })),
      )
      .map((command) => ({ ...command, actor: /^(Join|Leave)/.test(command.type) ? SYSTEM : ada, id: own })),
    { minLength: 1, maxLength: 12 },
  )
  .map((commands) => run(membership, commands));

const isIn =
  <E extends Recorded>(types: Readonly<Record<E['type'], unknown>>) =>
  (event: Recorded): event is E =>
    Object.hasOwn(types, (event satisfies Typed).type);

type World = {
  readonly said: readonly ConversationEvent[];
  readonly person: readonly UserEvent[];
  readonly relation: readonly MembershipEvent[];
};
const worlds: fc.Arbitrary<World> = fc.record({
  said: histories.map((commands) => run(conversation, commands)),
  person: users,
  relation: memberships,
});

function eventsOf({ said, person, relation }: World): readonly Recorded[] {
  const history = createHistory();
  for (const event of person) history.add(streamOf('user', ada), event);
  for (const event of said) history.add(streamOf('conversation', id), event);
  for (const event of relation) history.add(membershipStream(id, ada), event);
  return history.events.map(decode);
}

/** What a follower has who has put in each notice by (id, version). */
function followed(notices: readonly CoreNotice[]): ReadonlyMap<Uuid, MessageRow> {
  const rows = new Map<Uuid, MessageRow>();
  for (const notice of notices) {
    if ('messages' in notice) for (const row of notice.messages) rows.set(row.id, row);
  }
  return rows;
}

const nobody = { id: own, version: 0, role: null, source: 0 } as const;

async function check(world: World, cuts: readonly number[]): Promise<void> {
  const events = eventsOf(world);
  const here = events.filter(isIn<Envelope<ConversationEvent>>(conversationContent));
  const { log } = await logWith(events);
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  const notices: CoreNotice[] = [];
  let cut = 0;
  await project(
    db,
    core,
    inCuts(log, () => cuts[cut++ % cuts.length] ?? 1),
    (told) => notices.push(...told),
  );
  const queries = coreQueries({ db, partitions: PARTITIONS, reached: async () => true });

  const whole = conversationOf(here);
  expect(await queries.changes(id, 0)).toEqual(whole);
  const since = Math.floor(here.length / 2);
  expect(await queries.changes(id, since)).toEqual({
    ...whole,
    messages: whole.messages.filter(({ version }) => version > since),
    members: whole.members.filter(({ version }) => version > since),
  });
  // In pages of any size: each message once, and the end is the same.
  const paged: MessageRow[] = [];
  for (let at = 0; at < whole.to;) {
    const page = await queries.changes(id, at, 1 + ((cuts[0] ?? 0) % 3));
    expect(page).toMatchObject({ conversation: whole.conversation });
    paged.push(...(page?.messages ?? []));
    for (const { version } of page?.messages ?? []) expect(version).toBeLessThanOrEqual(page?.to ?? 0);
    expect(page?.to).toBeGreaterThan(at);
    at = page?.to ?? whole.to;
  }
  expect(paged.toSorted((a, b) => a.seq - b.seq)).toEqual(whole.messages);
  expect(await queries.users([ada])).toEqual([userOf(events.filter(isIn<Envelope<UserEvent>>(userContent)))]);
  const relations = events.filter(isIn<Envelope<MembershipEvent>>(membershipContent));
  const [row] = relations.length > 0 ? [membershipOf(relations)] : [];
  expect((await queries.memberships(ada, 9)).rows).toEqual(row && row.role !== null ? [row] : []);
  const { id: _, version: __, role: ___, source: ____, ...relation } = row ?? { ...nobody, ...noRelation(id, ada) };
  expect(await queries.relations(ada, [id])).toEqual(new Map([[id, relation]]));

  // The write side decides by a state of its own: both say the same.
  const state = fold(conversation, world.said);
  const people = await queries.members([id]);
  expect(people.map((member) => ({ user: member.person, role: member.role }))).toEqual(state.members);
  expect(Object.fromEntries(whole.conversation.shares.map((share) => [share.id, share.leaf]))).toEqual(state.shares);
  for (const message of whole.messages) {
    let leaf = message.id;
    for (let child = lookUp(state.tree, leaf)?.child; child; child = lookUp(state.tree, leaf)?.child) leaf = child;
    const end = { id: leaf, whole: true };
    expect(await queries.ends([{ conversation: id, message: message.id, steps: 100 }])).toEqual([end]);
  }

  // Whoever hears each notice has what there is, and everybody hears who is in before it or after.
  const told = notices.flatMap((notice) => ('people' in notice ? [notice] : []));
  expect(told.map(({ from }) => from)).toEqual([0, ...told.slice(0, -1).map(({ to }) => to)]);
  expect([...followed(notices).values()].toSorted((a, b) => a.seq - b.seq)).toEqual(whole.messages);
  for (const { from, to, people: heard } of told) {
    const at = (version: number): readonly Uuid[] =>
      version === 0 ? [] : conversationOf(here.slice(0, version)).members.flatMap((m) => (m.removed ? [] : [m.person]));
    expect(new Set(heard)).toEqual(new Set([...at(from), ...at(to)]));
  }
}

it('shows of any history what was last said on each thing, and tells it without a gap', async () => {
  // Some that reach every event of a person, a relation or a conversation, or this would say little.
  const seen = new Set<string>();
  const examples = fc.sample(worlds, { numRuns: 500, seed: 7 }).filter((world) => {
    const fresh = eventsOf(world).filter(({ type }) => !seen.has(type));
    for (const { type } of fresh) seen.add(type);
    return fresh.length > 0;
  });
  const audit = Object.keys(instanceContent);
  expect(seen).toEqual(new Set(Object.keys(contentTable).filter((type) => !audit.includes(type))));
  const cuts = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
  await fc.assert(fc.asyncProperty(worlds, cuts, check), {
    numRuns: 20 + examples.length,
    examples: examples.map((world): [World, readonly number[]] => [world, [7, 1, 30]]),
  });
}, 120_000);
