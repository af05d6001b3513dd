import { type ConversationCommand, type ConversationEvent, conversation, conversationContent } from './conversation.js';
import type { Asked, Decider, Rejection, Typed } from './decider.js';
import type { Envelope } from './event.js';
import { type StreamKind, parseStream } from './ids.js';
import { type InstanceCommand, type InstanceEvent, instance, instanceContent } from './instance.js';
import { type MembershipCommand, type MembershipEvent, membership, membershipContent } from './membership.js';
import { chainsOf, newestOf, upcast, upcasters } from './upcasters.js';
import { type UserCommand, type UserEvent, user, userContent } from './user.js';

export type DomainEvent = UserEvent | ConversationEvent | MembershipEvent | InstanceEvent;
export type DomainCommand = UserCommand | ConversationCommand | MembershipCommand | InstanceCommand;

/** An event as it stands in the log, read with the newest version of its type. */
export type Recorded = Envelope<DomainEvent>;

/** Every event type and which of its fields are sealed. */
export const contentTable = { ...userContent, ...conversationContent, ...membershipContent, ...instanceContent };

const kindOfCommand: Record<DomainCommand['type'], StreamKind> = {
  RegisterUser: 'user',
  ChangeProfile: 'user',
  ChangePreferences: 'user',
  SuspendUser: 'user',
  ReinstateUser: 'user',
  EraseUser: 'user',
  CompleteErasure: 'user',
  StartConversation: 'conversation',
  ForkConversation: 'conversation',
  PostMessage: 'conversation',
  CopyMessages: 'conversation',
  RequestReply: 'conversation',
  StopReply: 'conversation',
  GiveFeedback: 'conversation',
  RenameConversation: 'conversation',
  DeleteConversation: 'conversation',
  RestoreConversation: 'conversation',
  ShareConversation: 'conversation',
  UnshareConversation: 'conversation',
  AddMember: 'conversation',
  ChangeRole: 'conversation',
  RemoveMember: 'conversation',
  ClaimReply: 'conversation',
  CompleteReply: 'conversation',
  FailReply: 'conversation',
  EndStoppedReply: 'conversation',
  ClaimTitle: 'conversation',
  SetTitle: 'conversation',
  FailTitle: 'conversation',
  EraseMember: 'conversation',
  TellMembership: 'conversation',
  ExpireConversation: 'conversation',
  PurgeConversation: 'conversation',
  JoinConversation: 'membership',
  LeaveConversation: 'membership',
  MarkRead: 'membership',
  PinConversation: 'membership',
  ArchiveConversation: 'membership',
  TagConversation: 'membership',
  ChooseBranch: 'membership',
  HideConversation: 'membership',
  GrantRoles: 'instance',
  ChangeSetting: 'instance',
  RecordAction: 'instance',
};
const kinds = new Map<string, StreamKind>(Object.entries(kindOfCommand));

const chains = chainsOf(upcasters, new Set(Object.keys(contentTable)));

/** The version under which events of each type are written today. */
const newest = new Map(Object.keys(contentTable).map((type) => [type, newestOf(chains, type)]));

/** The version under which events of a type are written today. */
export const schemaOf = (type: string): number => newest.get(type) ?? 1;

const isKnown = ({ type, schema }: Envelope): boolean =>
  newest.has(type) && Number.isInteger(schema) && schema >= 1 && schema <= schemaOf(type);

/** Whether this is an event with the newest version of its type. */
const isEvent = (stored: Envelope): stored is Recorded =>
  newest.has(stored.type) && stored.schema === newest.get(stored.type);

/**
 * Reads a stored event, whatever version it was written with, as the newest would have it. Throws on a type or version
 * that this code does not know: newer code wrote it, and whoever reads on past it would be wrong for ever.
 */
export function decode(stored: Envelope): Recorded {
  if (isEvent(stored)) return stored;
  const read = isKnown(stored) ? upcast(chains, stored) : stored;
  if (isEvent(read)) return read;
  throw new Error(`unknown event ${stored.type} version ${stored.schema} in ${stored.stream}: newer code wrote it`);
}

/** Raised whenever the shape of a state changes, or what a fold makes of it: what is stored of older ones is not read. */
export const STATE = 2;

/** One aggregate at one moment, its types closed over, so that a worker can serve all four alike. */
export type Aggregate = {
  readonly state: unknown;
  readonly evolve: (event: Typed) => Aggregate;
  readonly decide: (command: Asked<Typed>) => readonly Typed[] | Rejection;
  /** Its state as data to be stored, without the chunks of its tree, if it has one. */
  readonly bare: () => unknown;
  /** The chunks that are at hand, by number. One that did not change is the same object. */
  readonly chunks: () => ReadonlyMap<number, unknown>;
  /** How many entries its tree has at hand. */
  readonly size: () => number;
  /** The same with a chunk at hand that `evolve` or `decide` asked for (see `NotAtHand`). */
  readonly withChunk: (number: number, chunk: unknown) => Aggregate;
};

/** What all aggregates of a kind have in common: how they begin, and how one goes on from what was stored as `bare`. */
type Kind = { readonly blank: Aggregate; readonly from: (bare: unknown) => Aggregate };

function kindOf<S, C extends Typed, E extends Typed>(
  { initial, evolve, decide, chunked }: Decider<S, C, E>,
  ours: (event: Typed) => event is E,
  meant: (command: Asked<Typed>) => command is Asked<C>,
): Kind {
  // Methods, not arrows: one is made at each event of each stream, and the loader of TypeScript gives arrows their names.
  const at = (state: S): Aggregate => ({
    state,
    evolve(event) {
      if (!ours(event)) throw new Error(`${event.type} does not belong to this stream`);
      return at(evolve(state, event));
    },
    decide(command) {
      if (!meant(command)) throw new Error(`${command.type} does not belong to this stream`);
      return decide(command, state);
    },
    bare() {
      return chunked?.bare(state) ?? state;
    },
    chunks() {
      return chunked?.chunks(state) ?? noChunks;
    },
    size() {
      return chunked?.size(state) ?? 0;
    },
    withChunk(number, chunk) {
      if (!chunked) throw new Error('this aggregate has no chunks');
      return at(chunked.withChunk(state, number, chunk));
    },
  });
  // What is stored under this version of the states is what this code wrote.
  const isState = (stored: unknown): stored is S => typeof stored === 'object' && stored !== null;
  return {
    blank: at(initial),
    from: (stored) => {
      if (!isState(stored)) throw new Error('what is stored of an aggregate is no state');
      return at(stored);
    },
  };
}

const noChunks: ReadonlyMap<number, unknown> = new Map();

const among =
  <E extends DomainEvent>(table: Readonly<Record<E['type'], object>>) =>
  (event: Typed): event is E =>
    Object.hasOwn(table, event.type);

const meantFor =
  <C extends DomainCommand>(kind: StreamKind) =>
  (command: Asked<Typed>): command is Asked<C> =>
    kinds.get(command.type) === kind;

const kindsOfStreams: Record<StreamKind, Kind> = {
  user: kindOf(user, among<UserEvent>(userContent), meantFor<UserCommand>('user')),
  conversation: kindOf(
    conversation,
    among<ConversationEvent>(conversationContent),
    meantFor<ConversationCommand>('conversation'),
  ),
  membership: kindOf(membership, among<MembershipEvent>(membershipContent), meantFor<MembershipCommand>('membership')),
  instance: kindOf(instance, among<InstanceEvent>(instanceContent), meantFor<InstanceCommand>('instance')),
};

/** The aggregate of a stream before its first event. */
export const blankAggregate = (stream: string): Aggregate => kindsOfStreams[parseStream(stream).kind].blank;

/** The aggregate of a stream as it was stored, with none of its chunks at hand. */
export const storedAggregate = (stream: string, stored: unknown): Aggregate =>
  kindsOfStreams[parseStream(stream).kind].from(stored);
