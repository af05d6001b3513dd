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
  const before = await load(stage, events);
  const after = new Map<Uuid, Conversation>();
  for (const event of events) {
    const id = idOf(event);
    const known = after.get(id) ?? copyOf(before.get(id));
    foldConversation(known, event);
    after.set(id, known);
  }
  const newest = new Map(events.map((event) => [idOf(event), event.at]));
  const notices = [...after].flatMap(([id, conversation]) =>
    noticeOf(before.get(id) ?? nothing, conversation, newest.get(id) ?? ''),
  );
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

const copyOf = ({ row, members: people, messages: told }: Conversation = nothing): Conversation => ({
  row,
  members: new Map(people),
  messages: new Map(told),
});

/** One statement per table, however many events there are. What begins in this batch has nothing to be loaded. */
async function load(stage: Stage, events: readonly Envelope<ConversationEvent>[]): Promise<Map<Uuid, Conversation>> {
  const begun = new Set(events.flatMap((event) => (event.type === 'ConversationStarted' ? [idOf(event)] : [])));
  const ids = new Set(events.map(idOf).filter((id) => !begun.has(id)));
  const requested = new Set(events.flatMap((event) => (event.type === 'ReplyRequested' ? [event.data.reply] : [])));
  const spokenOf = new Set(events.flatMap(changedBy).filter((id) => !requested.has(id)));
  const [rows, people, told] = await Promise.all([
    stage.load<ConversationRow>(conversations, ids),
    stage.load<MemberRow>(members, ids),
    stage.load<MessageRow>(messages, spokenOf),
  ]);
  const known = new Map(rows.map((row): [Uuid, Conversation] => [row.id, { ...copyOf(), row }]));
  for (const row of people) known.get(row.conversation)?.members.set(row.person, row);
  for (const row of told) known.get(row.conversation)?.messages.set(row.id, row);
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
