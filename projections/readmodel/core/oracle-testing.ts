import type { Recorded } from '../../../domain/catalogue.js';
import type { Envelope } from '../../../domain/event.js';
import { type Uuid, parseStream } from '../../../domain/ids.js';
import type { MembershipEvent } from '../../../domain/membership.js';
import type { UserEvent } from '../../../domain/user.js';
import type { Changes, MemberRow, MembershipRow, MessageRow, UserRow } from './rows.js';

// What the view must show, told from the whole history of a stream: no fold, but what was the last word on each thing.

type Type = Recorded['type'];
type Of<T extends Type> = Extract<Recorded, { type: T }>;

const isOf =
  <T extends Type>(types: readonly T[]) =>
  (event: Recorded): event is Of<T> =>
    types.some((type) => type === event.type);
const of = <T extends Type>(events: readonly Recorded[], ...types: readonly T[]): readonly Of<T>[] =>
  events.filter(isOf(types));
const last = <T extends Type>(events: readonly Recorded[], ...types: readonly T[]): Of<T> | undefined =>
  events.findLast(isOf(types));
const newest = (events: readonly Recorded[]): number => Math.max(...events.map(({ version }) => version));

/** Everything that there is of a conversation. */
export function conversationOf(events: readonly Recorded[]): Changes {
  const [start] = of(events, 'ConversationStarted');
  if (!start) throw new Error('the history does not begin');
  const { id } = parseStream(start.stream);
  const { starter, expires, origin } = start.data;
  const renamed = last(events, 'ConversationRenamed');
  const life = last(events, 'ConversationDeleted', 'ConversationRestored', 'ConversationExpired');
  const closed = last(events, 'ConversationDeleted', 'ConversationExpired')?.version ?? 0;
  const ended = of(events, 'ConversationUnshared');
  const messages = messagesOf(id, starter, events);
  const head = messages.at(-1);
  return {
    to: newest(events),
    conversation: {
      id,
      version: newest(events),
      starter,
      title: renamed?.data.title ?? start.data.title,
      titledBy: renamed?.data.by ?? 'automatic',
      startedAt: start.at,
      activeAt: head?.at ?? start.at,
      lastSeq: messages.length,
      head: head?.id ?? id,
      deleted: life !== undefined && life.type !== 'ConversationRestored',
      expired: of(events, 'ConversationExpired').length > 0,
      expires,
      origin,
      shares: of(events, 'ConversationShared')
        .filter(({ version, data }) => {
          const isEnded = ended.some((each) => each.data.share === data.share && each.version > version);
          return version > closed && !isEnded;
        })
        .map(({ data }) => ({ id: data.share, leaf: data.leaf })),
    },
    messages,
    members: membersOf(id, starter, events),
  };
}

const ends = ['ReplyCompleted', 'ReplyFailed', 'ReplyStopped'] as const;

function messagesOf(conversation: Uuid, starter: Uuid, events: readonly Recorded[]): readonly MessageRow[] {
  const reply = { attempt: 0, stopping: false, model: null, code: null, finish: null, tokens: null };
  const first = of(events, 'MessagePosted', 'MessagesCopied', 'ReplyRequested').flatMap(
    ({ type, data, at }): readonly Omit<MessageRow, 'version' | 'feedback'>[] => {
      const here = { conversation, at, source: null, reply: null };
      if (type === 'MessagePosted') return [{ ...here, ...data, id: data.message }];
      if (type === 'ReplyRequested') {
        const wanted = { ...reply, status: 'requested', by: data.by } as const;
        return [{ ...here, ...data, id: data.reply, author: null, parts: [], reply: wanted }];
      }
      return data.messages.map((copy) => ({
        ...here,
        ...copy,
        id: copy.message,
        reply: copy.author === null ? { ...reply, status: 'completed', by: starter } : null,
      }));
    },
  );
  return first.map(({ id, parent, seq, at, author, parts, source, reply: wanted }) => {
    const about = events.filter((event) => isAbout(event, id));
    const begun = last(about, 'ReplyStarted');
    const end = last(about, ...ends);
    const said = of(about, 'FeedbackGiven');
    const people = new Set(said.map(({ data }) => data.by));
    const words = [...people].flatMap((person) => {
      const word = said.findLast(({ data }) => data.by === person)?.data;
      return word && word.value !== 'none' ? [[person, { value: word.value, comment: word.comment }] as const] : [];
    });
    const running = wanted && begun ? { ...wanted, status: 'running' as const, ...pick(begun.data) } : wanted;
    return {
      id,
      conversation,
      version: newest(about),
      parent,
      seq,
      at,
      author,
      parts: end?.data.parts ?? parts,
      source,
      feedback: Object.fromEntries(words),
      reply: running && {
        ...running,
        stopping: of(about, 'ReplyStopRequested').length > 0,
        ...(end ? endOf(end) : {}),
      },
    };
  });
}

const pick = ({ attempt, model }: { attempt: number; model: string }) => ({ attempt, model });

function endOf({ type, data }: Of<(typeof ends)[number]>) {
  const { attempt } = data;
  if (type === 'ReplyCompleted') {
    return { status: 'completed', attempt, finish: data.finish, tokens: data.tokens } as const;
  }
  return type === 'ReplyFailed'
    ? ({ status: 'failed', attempt, code: data.code } as const)
    : ({ status: 'stopped', attempt } as const);
}

const isAbout = ({ type, data }: Recorded, id: Uuid): boolean =>
  type === 'MessagesCopied'
    ? data.messages.some(({ message }) => message === id)
    : ('message' in data && data.message === id) || ('reply' in data && data.reply === id);

function membersOf(conversation: Uuid, starter: Uuid, events: readonly Recorded[]): readonly MemberRow[] {
  const joins = of(events, 'ConversationStarted', 'MemberAdded').map(({ type, data, version }) =>
    type === 'MemberAdded'
      ? { person: data.user, role: data.role, version }
      : { person: starter, role: 'owner' as const, version },
  );
  const rows = [...new Set(joins.map(({ person }) => person))].map((person) => {
    const joined = joins.findLast((each) => each.person === person);
    const here = joined?.version ?? 0;
    const moved = of(events, 'MemberRoleChanged').findLast(
      ({ version, data }) => data.user === person && version > here,
    );
    const left = of(events, 'MemberRemoved', 'MemberErased').filter(({ data }) => data.user === person);
    const posts = of(events, 'MessagePosted').filter(({ data }) => data.author === person);
    const copies = person === starter ? of(events, 'MessagesCopied') : [];
    const posted = [
      ...posts.map(({ data }) => data.seq),
      ...copies.flatMap(({ data }) => data.messages.map(({ seq }) => seq)),
    ];
    const roles = of(events, 'MemberRoleChanged').filter(({ data }) => data.user === person);
    return {
      conversation,
      person,
      version: Math.max(here, newest([...left, ...posts, ...copies, ...roles])),
      role: moved?.data.role ?? joined?.role ?? 'reader',
      removed: left.some(({ version }) => version > here),
      joined: here,
      postedSeq: Math.max(0, ...posted),
    };
  });
  return rows.toSorted((a, b) => a.joined - b.joined);
}

/** A person, as the last word on each thing has it. */
export function userOf(events: readonly Envelope<UserEvent>[]): UserRow {
  const [registered] = of(events, 'UserRegistered');
  if (!registered) throw new Error('the history does not begin');
  const erased = of(events, 'UserErased').length > 0;
  const preferences = erased ? undefined : last(events, 'PreferencesChanged')?.data;
  const standing = last(events, 'UserSuspended', 'UserReinstated')?.type;
  return {
    id: parseStream(registered.stream).id,
    version: newest(events),
    name: (last(events, 'ProfileChanged') ?? registered).data.name,
    registeredAt: registered.at,
    status: erased ? 'erased' : standing === 'UserSuspended' ? 'suspended' : 'active',
    instructions: preferences?.instructions ?? null,
    theme: preferences?.theme ?? 'system',
    language: preferences?.language ?? null,
  };
}

/** A relation, as the last word on each thing has it. */
export function membershipOf(events: readonly Envelope<MembershipEvent>[]): MembershipRow {
  const [first] = events;
  if (!first) throw new Error('the history does not begin');
  const told = last(events, 'MembershipJoined', 'MembershipLeft');
  return {
    id: parseStream(first.stream).id,
    conversation: first.data.conversation,
    person: first.data.user,
    version: newest(events),
    role: told?.type === 'MembershipJoined' ? told.data.role : null,
    source: told?.data.source ?? 0,
    readSeq: last(events, 'ConversationRead')?.data.seq ?? 0,
    pinned: last(events, 'ConversationPinned')?.data.pinned ?? false,
    archived: last(events, 'ConversationArchived')?.data.archived ?? false,
    hidden: last(events, 'ConversationHidden')?.data.hidden ?? false,
    tags: last(events, 'ConversationTagged')?.data.tags ?? [],
    leaf: last(events, 'BranchChosen')?.data.leaf ?? null,
  };
}
