import type { Recorded } from '../../../domain/catalogue.js';
import { type ConversationEvent, conversationContent } from '../../../domain/conversation.js';
import type { Envelope } from '../../../domain/event.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import { type MembershipEvent, membershipContent } from '../../../domain/membership.js';
import { type UserEvent, userContent } from '../../../domain/user.js';
import type { Projection } from '../../projection.js';
import type { Stage, Table } from '../table.js';
import { type Conversation, changedBy, foldConversation } from './conversation-fold.js';
import { foldMembership, foldUser } from './people.js';
import type { ConversationNotice, ConversationRow, CoreNotice, MemberRow, MessageRow } from './rows.js';
import { conversations, members, memberships, messages, users } from './tables.js';

/**
 * What the chat is made of: people, conversations, who is in them, their messages, and what each person does to a
 * conversation for themselves. One projection with one checkpoint, so that what is read together moves together. Content
 * stays sealed: rows need no keys and hash the same after an erasure.
 */
export const core: Projection<CoreNotice> = {
  name: 'core',
  schema: 2,
  tables: [users, conversations, members, messages, memberships],
  apply: async (located, stage) => {
    const events = located.map(({ event }) => event);
    // Order is kept within a stream, and nothing here looks into another one. The audit of the instance is no part of this.
    const people = await foldRows(stage, users, events.filter(isUser), foldUser);
    const relations = await foldRows(stage, memberships, events.filter(isMembership), foldMembership);
    const told = await foldConversations(stage, events.filter(isConversation));
    return [...told, ...relations.map((membership) => ({ membership })), ...people.map((user) => ({ user }))];
  },
};

const isOf =
  <E extends Recorded>(types: Readonly<Record<E['type'], unknown>>) =>
  (event: Recorded): event is E =>
    Object.hasOwn(types, event.type);

const isUser = isOf<Envelope<UserEvent>>(userContent);
const isMembership = isOf<Envelope<MembershipEvent>>(membershipContent);
const isConversation = isOf<Envelope<ConversationEvent>>(conversationContent);

const idOf = ({ stream }: Recorded): Uuid => parseStream(stream).id;

/** Folds streams that have one row each, and saves those. */
async function foldRows<Row extends { readonly id: Uuid }, E extends Recorded>(
  stage: Stage,
  table: Table,
  events: readonly E[],
  fold: (row: Row | undefined, event: E) => Row,
): Promise<readonly Row[]> {
  const goOn = events.filter(({ version }) => version > 1);
  const known = new Map((await stage.load<Row>(table, new Set(goOn.map(idOf)))).map((row) => [row.id, row]));
  const rows = new Map(known);
  for (const event of events) rows.set(idOf(event), fold(rows.get(idOf(event)), event));
  const changed = [...rows.values()];
  await stage.save(table, changed, ({ id }) => !known.has(id));
  return changed;
}

/** Folds conversations, saves what has changed of them, and says what that was: one notice for each. */
async function foldConversations(
  stage: Stage,
  events: readonly Envelope<ConversationEvent>[],
): Promise<readonly ConversationNotice[]> {
  const told = byConversation(events);
  const before = await load(stage, told);
  const notices: ConversationNotice[] = [];
  for (const [id, those] of told) {
    const known = before.get(id) ?? nothing;
    const after = copyOf(known);
    for (const event of those) foldConversation(after, event);
    notices.push(...noticeOf(known, after, those.at(-1)?.at ?? ''));
  }
  await stage.save(
    conversations,
    notices.map(({ conversation }) => conversation),
    ({ id }) => !before.has(id),
  );
  await stage.save(
    members,
    notices.flatMap((notice) => notice.members),
    ({ conversation, person }) => !before.get(conversation)?.members.has(person),
  );
  await stage.save(
    messages,
    notices.flatMap((notice) => notice.messages),
    ({ conversation, id }) => !before.get(conversation)?.messages.has(id),
  );
  return notices;
}

const nothing: Conversation = { row: undefined, members: new Map(), messages: new Map() };

const copyOf = ({ row, members: people, messages: told }: Conversation): Conversation => ({
  row: row && { ...row },
  members: new Map(people),
  messages: new Map(told),
});

/** The events of each conversation, in their order: what happens in one is nothing to another. */
type Told = ReadonlyMap<Uuid, readonly Envelope<ConversationEvent>[]>;

function byConversation(events: readonly Envelope<ConversationEvent>[]): Told {
  const streams = new Map<string, Envelope<ConversationEvent>[]>();
  for (const event of events) {
    const those = streams.get(event.stream);
    if (those) those.push(event);
    else streams.set(event.stream, [event]);
  }
  return new Map([...streams].map(([stream, those]) => [parseStream(stream).id, those]));
}

/** One statement per table, however many events there are. What begins in this batch has nothing to be loaded. */
async function load(stage: Stage, told: Told): Promise<Map<Uuid, Conversation>> {
  const ids: Uuid[] = [];
  const spokenOf = new Set<Uuid>();
  for (const [id, events] of told) {
    if (events[0]?.type !== 'ConversationStarted') ids.push(id);
    const requested = new Set<Uuid>();
    for (const event of events) {
      if (event.type === 'ReplyRequested') requested.add(event.data.reply);
      const changed = changedBy(event);
      if (changed !== undefined && !requested.has(changed)) spokenOf.add(changed);
    }
  }
  const [rows, people, said] = await Promise.all([
    stage.load<ConversationRow>(conversations, ids),
    stage.load<MemberRow>(members, ids),
    stage.load<MessageRow>(messages, spokenOf),
  ]);
  const known = new Map(rows.map((row): [Uuid, Conversation] => [row.id, { ...copyOf(nothing), row }]));
  for (const row of people) known.get(row.conversation)?.members.set(row.person, row);
  for (const row of said) known.get(row.conversation)?.messages.set(row.id, row);
  return known;
}

const changedIn = <Row>(before: ReadonlyMap<Uuid, Row>, after: ReadonlyMap<Uuid, Row>): readonly Row[] =>
  [...after].flatMap(([id, row]) => (before.get(id) === row ? [] : [row]));

const peopleIn = ({ members: people }: Conversation): readonly Uuid[] =>
  [...people.values()].flatMap(({ person, removed }) => (removed ? [] : [person]));

function noticeOf(before: Conversation, after: Conversation, at: string): readonly ConversationNotice[] {
  if (!after.row) return [];
  return [
    {
      from: before.row?.version ?? 0,
      to: after.row.version,
      conversation: after.row,
      messages: changedIn(before.messages, after.messages).toSorted((a, b) => a.seq - b.seq),
      members: changedIn(before.members, after.members).toSorted((a, b) => a.joined - b.joined),
      people: [...new Set([...peopleIn(before), ...peopleIn(after)])],
      at,
    },
  ];
}
