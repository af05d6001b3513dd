import { type ConversationCommand, type ConversationEvent, conversation, conversationContent } from './conversation.js';
import type { Asked, Decider, Rejection, Typed } from './decider.js';
import type { Envelope } from './event.js';
import { type StreamKind, parseStream } from './ids.js';
import { type InstanceCommand, type InstanceEvent, instance, instanceContent } from './instance.js';
import { type MembershipCommand, type MembershipEvent, membership, membershipContent } from './membership.js';
import { type UserCommand, type UserEvent, user, userContent } from './user.js';

export type DomainEvent = UserEvent | ConversationEvent | MembershipEvent | InstanceEvent;
export type DomainCommand = UserCommand | ConversationCommand | MembershipCommand | InstanceCommand;

/** An event as it stands in the log, read with the newest version of its type. */
export type Recorded = Envelope<DomainEvent>;

/** Every event type and which of its fields are sealed. */
export const contentTable = { ...userContent, ...conversationContent, ...membershipContent, ...instanceContent };

const kindOfCommand: Record<DomainCommand['type'], StreamKind> = {
  RegisterUser: 'user',
  StartConversation: 'conversation',
  PostMessage: 'conversation',
  RenameConversation: 'conversation',
  DeleteConversation: 'conversation',
  StopReply: 'conversation',
  ClaimReply: 'conversation',
  CompleteReply: 'conversation',
  FailReply: 'conversation',
  EndStoppedReply: 'conversation',
  MarkRead: 'membership',
  GrantRoles: 'instance',
};
const kinds = new Map<string, StreamKind>(Object.entries(kindOfCommand));

const isEvent = (stored: Envelope): stored is Recorded =>
  Object.hasOwn(contentTable, stored.type) && stored.schema === 1;

/**
 * Reads a stored event. Throws on a type or version that this code does not know: newer code wrote it, and whoever
 * reads on past it would be wrong for ever.
 */
export function decode(stored: Envelope): Recorded {
  if (isEvent(stored)) return stored;
  throw new Error(`unknown event ${stored.type} version ${stored.schema} in ${stored.stream}: newer code wrote it`);
}

/** The version under which events of a type are written today. */
export const schemaOf = (_type: string): number => 1;

/** One aggregate at one moment, its types closed over, so that a worker can serve all four alike. */
export type Aggregate = {
  readonly state: unknown;
  readonly evolve: (event: Typed) => Aggregate;
  readonly decide: (command: Asked<Typed>) => readonly Typed[] | Rejection;
};

function aggregate<S, C extends Typed, E extends Typed>(
  decider: Decider<S, C, E>,
  ours: (event: Typed) => event is E,
  meant: (command: Asked<Typed>) => command is Asked<C>,
): Aggregate {
  const at = (state: S): Aggregate => ({
    state,
    evolve: (event) => {
      if (!ours(event)) throw new Error(`${event.type} does not belong to this stream`);
      return at(decider.evolve(state, event));
    },
    decide: (command) => {
      if (!meant(command)) throw new Error(`${command.type} does not belong to this stream`);
      return decider.decide(command, state);
    },
  });
  return at(decider.initial);
}

const among =
  <E extends DomainEvent>(table: Readonly<Record<E['type'], object>>) =>
  (event: Typed): event is E =>
    Object.hasOwn(table, event.type);

const meantFor =
  <C extends DomainCommand>(kind: StreamKind) =>
  (command: Asked<Typed>): command is Asked<C> =>
    kinds.get(command.type) === kind;

const blank: Record<StreamKind, Aggregate> = {
  user: aggregate(user, among<UserEvent>(userContent), meantFor<UserCommand>('user')),
  conversation: aggregate(
    conversation,
    among<ConversationEvent>(conversationContent),
    meantFor<ConversationCommand>('conversation'),
  ),
  membership: aggregate(
    membership,
    among<MembershipEvent>(membershipContent),
    meantFor<MembershipCommand>('membership'),
  ),
  instance: aggregate(instance, among<InstanceEvent>(instanceContent), meantFor<InstanceCommand>('instance')),
};

/** The aggregate of a stream before its first event. */
export const blankAggregate = (stream: string): Aggregate => blank[parseStream(stream).kind];
