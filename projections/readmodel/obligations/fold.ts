import type { Change, Obligation, Relation } from '../../../commands/reactors/reactor.js';
import type { Recorded } from '../../../domain/catalogue.js';
import { conversationKey, personKey } from '../../../domain/content.js';
import { type Uuid, derivedId, membershipId, parseStream } from '../../../domain/ids.js';
import type { Located } from '../../projection.js';

/** A conversation, at the home of who started it. */
export type Started = {
  readonly conversation: Uuid;
  readonly starter: Uuid;
  readonly temporary: boolean;
  /** It has the title that it began with, and no first reply yet. */
  readonly untitled: boolean;
};

/** A conversation that a person was let into, at that person's home. */
export type Joined = { readonly membership: Uuid; readonly conversation: Uuid; readonly person: Uuid };

/** A person who is erased, or is being so, and since when. */
export type Erased = { readonly person: Uuid; readonly at: string };

/** What one home has to remember: what is owed there, by id, and what tells later on what is owed to whom. */
export type Facts = {
  readonly owed: Map<Uuid, Obligation>;
  readonly started: Map<Uuid, Started>;
  readonly joined: Map<Uuid, Joined>;
  readonly erased: Map<Uuid, Erased>;
};

export const noFacts = (): Facts => ({ owed: new Map(), started: new Map(), joined: new Map(), erased: new Map() });

/** What a fold has put in: facts are never changed in place. */
export const changedIn = <Fact>(before: ReadonlyMap<Uuid, Fact>, after: ReadonlyMap<Uuid, Fact>): readonly Fact[] =>
  [...after].flatMap(([id, fact]) => (before.get(id) === fact ? [] : [fact]));

/** What a fold has made of what was owed, for those who watch. */
export const changesOf = (before: Facts['owed'], { owed }: Facts): readonly Change[] => [
  ...changedIn(before, owed),
  ...[...before.keys()].filter((id) => !owed.has(id)).map((id) => ({ ended: id })),
];

/** Every conversation that a person started or joined, by the facts of their home. */
export function relationsOf({ started, joined }: Facts, user: Uuid): readonly Relation[] {
  const found = new Map<Uuid, Relation>();
  for (const { conversation, person } of joined.values()) {
    if (person === user) found.set(conversation, { conversation, temporary: false });
  }
  for (const { conversation, starter, temporary } of started.values()) {
    if (starter === user) found.set(conversation, { conversation, temporary });
  }
  return [...found.values()];
}

const titleId = (conversation: Uuid): Uuid => derivedId(conversation, 'title');
const expiryId = (conversation: Uuid): Uuid => derivedId(conversation, 'expiry');
const erasureId = (user: Uuid): Uuid => derivedId(user, 'erasure');

/** The erasure of one membership that came to light after its person's. */
const lateId = (conversation: Uuid, user: Uuid): Uuid => derivedId(membershipId(conversation, user), 'erasure');

/** The keys of the facts that `fold` asks for, or takes away, at an event. */
export type Touched = { readonly owed?: readonly Uuid[]; readonly started?: Uuid; readonly erased?: Uuid };

export function touchedBy(event: Recorded): Touched {
  const { id } = parseStream(event.stream);
  switch (event.type) {
    case 'ConversationStarted':
      return { erased: event.data.starter };
    case 'ReplyRequested':
      return { started: id };
    case 'ReplyStarted':
    case 'ReplyStopRequested':
    case 'ReplyFailed':
    case 'ReplyStopped':
      return { owed: [event.data.reply] };
    case 'ReplyCompleted':
      return { owed: [event.data.reply], started: id };
    case 'ConversationRenamed':
    case 'ConversationDeleted':
    case 'ConversationExpired':
      return { owed: [titleId(id)], started: id };
    case 'TitleStarted':
    case 'TitleFailed':
      return { owed: [titleId(id)] };
    case 'MembershipTold':
      return { owed: [membershipId(id, event.data.user)] };
    case 'MemberErased':
      return { owed: [lateId(id, event.data.user), membershipId(id, event.data.user)] };
    case 'ConversationPurged':
      return { owed: [expiryId(id)] };
    case 'ErasureCompleted':
      return { owed: [erasureId(id)] };
    case 'MembershipJoined':
      return { erased: event.data.user };
    case 'MembershipLeft':
      return { owed: [lateId(event.data.conversation, event.data.user)] };
    default:
      return {};
  }
}

/** What an event makes of the facts of its home. */
export function fold({ owed, started, joined, erased }: Facts, { event, partition, offset }: Located): void {
  const { id } = parseStream(event.stream);
  const position = { partition, offset: offset + 1 };
  const oblige = (obligation: Obligation): void => void owed.set(obligation.id, obligation);

  /** The key that is used in this conversation for what a person asks for. */
  const keyFor = (person: Uuid): string =>
    started.get(id)?.temporary === true ? conversationKey(id) : personKey(person);

  /** Whoever is erased already has no business in a conversation: one that was on its way meanwhile. */
  const expel = (user: Uuid, conversation: Uuid, source: number): void => {
    if (!erased.has(user)) return;
    oblige({ kind: 'erasure', id: lateId(conversation, user), user, late: { conversation, source }, position });
  };

  const member = (user: Uuid, role: 'owner' | 'writer' | 'reader' | null, by: string): void => {
    const source = event.version;
    oblige({ kind: 'membership', id: membershipId(id, user), conversation: id, user, role, by, source, position });
  };

  switch (event.type) {
    case 'ConversationStarted': {
      const { starter, expires, origin } = event.data;
      // A copy goes on under the name of what it was made of.
      started.set(id, { conversation: id, starter, temporary: expires !== null, untitled: origin === null });
      if (expires !== null) oblige({ kind: 'expiry', id: expiryId(id), conversation: id, expires, position });
      expel(starter, id, event.version);
      return;
    }
    case 'ReplyRequested': {
      const { reply, parent, by } = event.data;
      const fresh = { attempt: 0, executor: null, stopping: false };
      oblige({ kind: 'reply', id: reply, conversation: id, parent, key: keyFor(by), ...fresh, position });
      return;
    }
    case 'ReplyStarted': {
      const { reply, attempt, executor } = event.data;
      const asked = owed.get(reply);
      if (asked?.kind === 'reply') oblige({ ...asked, attempt, executor });
      return;
    }
    case 'ReplyStopRequested': {
      const asked = owed.get(event.data.reply);
      if (asked?.kind === 'reply') oblige({ ...asked, stopping: true });
      return;
    }
    case 'ReplyCompleted': {
      const { reply } = event.data;
      owed.delete(reply);
      const conversation = started.get(id);
      if (conversation?.untitled !== true) return;
      started.set(id, { ...conversation, untitled: false });
      const key = keyFor(conversation.starter);
      const fresh = { attempt: 0, executor: null };
      oblige({ kind: 'title', id: titleId(id), conversation: id, reply, key, ...fresh, position });
      return;
    }
    case 'ReplyFailed':
    case 'ReplyStopped':
      owed.delete(event.data.reply);
      return;
    case 'ConversationRenamed':
    case 'ConversationDeleted':
    case 'ConversationExpired': {
      owed.delete(titleId(id));
      const conversation = started.get(id);
      if (conversation?.untitled === true) started.set(id, { ...conversation, untitled: false });
      return;
    }
    case 'TitleStarted': {
      const { attempt, executor } = event.data;
      const title = owed.get(titleId(id));
      if (title?.kind === 'title') oblige({ ...title, attempt, executor });
      return;
    }
    case 'TitleFailed':
      owed.delete(titleId(id));
      return;
    case 'MemberAdded':
    case 'MemberRoleChanged':
      return member(event.data.user, event.data.role, event.data.by);
    case 'MemberRemoved':
      return member(event.data.user, null, event.data.by);
    case 'MemberErased':
      // Nobody is left at their home whom it could be told.
      owed.delete(membershipId(id, event.data.user));
      owed.delete(lateId(id, event.data.user));
      return;
    case 'MembershipTold': {
      const { user, version } = event.data;
      const telling = owed.get(membershipId(id, user));
      if (telling?.kind === 'membership' && telling.source <= version) owed.delete(telling.id);
      return;
    }
    case 'ConversationPurged':
      owed.delete(expiryId(id));
      return;
    case 'UserErased':
      erased.set(id, { person: id, at: event.at });
      return oblige({ kind: 'erasure', id: erasureId(id), user: id, late: null, position });
    case 'ErasureCompleted':
      owed.delete(erasureId(id));
      return;
    case 'MembershipJoined': {
      const { conversation, user, source } = event.data;
      joined.set(id, { membership: id, conversation, person: user });
      return expel(user, conversation, source);
    }
    case 'MembershipLeft':
      owed.delete(lateId(event.data.conversation, event.data.user));
      return;
    default:
  }
}
