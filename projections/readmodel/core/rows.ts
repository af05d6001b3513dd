import type { Position } from '../../../commands/command.js';
import type { Part, Sealed } from '../../../domain/content.js';
import type { MemberRole } from '../../../domain/conversation.js';
import type { Origin } from '../../../domain/conversation-events.js';
import type { Uuid } from '../../../domain/ids.js';

// What readers of the core view get. Content is sealed; `version` is the version of the row's stream that last changed it,
// so that rows can be put together by (id, version).

/** The preferences are those of a person who has said nothing, once they are erased; the name's key is gone then. */
export type UserRow = {
  readonly id: Uuid;
  readonly version: number;
  readonly name: Sealed;
  readonly registeredAt: string;
  readonly status: 'active' | 'suspended' | 'erased';
  readonly instructions: Sealed | null;
  readonly theme: 'system' | 'light' | 'dark';
  /** A BCP 47 tag. */
  readonly language: string | null;
};

export type ConversationRow = {
  readonly id: Uuid;
  readonly version: number;
  /** Who started it. Who may see it is for its members to say: a starter can be removed. */
  readonly starter: Uuid;
  readonly title: Sealed;
  readonly titledBy: 'automatic' | 'person';
  readonly startedAt: string;
  /** The time of the newest message: what the sidebar sorts by. */
  readonly activeAt: string;
  /** The seq of the newest message, and the newest message itself. */
  readonly lastSeq: number;
  readonly head: Uuid;
  /** A tombstone: the row stays, its content is not shown. */
  readonly deleted: boolean;
  /** A temporary one whose time is over: deleted, and nobody can bring it back. */
  readonly expired: boolean;
  /** When a temporary one expires. */
  readonly expires: string | null;
  /** The message from which it was forked. */
  readonly origin: Origin | null;
  readonly shares: readonly { readonly id: Uuid; readonly leaf: Uuid }[];
};

/** Keyed by (conversation, person). `removed`: a tombstone. */
export type MemberRow = {
  readonly conversation: Uuid;
  readonly person: Uuid;
  readonly version: number;
  readonly role: MemberRole;
  readonly removed: boolean;
  /** The version at which they joined, or came back: their place among the others. */
  readonly joined: number;
  /** The seq of their own newest post: posting moves one's own marker. */
  readonly postedSeq: number;
};

export type ReplyStatus = 'requested' | 'running' | 'completed' | 'failed' | 'stopped';

export type MessageRow = {
  readonly id: Uuid;
  readonly conversation: Uuid;
  readonly version: number;
  readonly parent: Uuid | null;
  readonly seq: number;
  readonly at: string;
  /** Who wrote it; for a reply, null. */
  readonly author: Uuid | null;
  readonly parts: readonly Part[];
  /** The message of another conversation that it was copied from: its boxes are bound to that place. */
  readonly source: Uuid | null;
  /** What each person says about a reply. */
  readonly feedback: Readonly<Record<Uuid, { readonly value: 'up' | 'down'; readonly comment: Sealed | null }>>;
  readonly reply: {
    readonly status: ReplyStatus;
    readonly attempt: number;
    readonly by: Uuid;
    readonly stopping: boolean;
    readonly model: string | null;
    /** Why it failed: a stable code. */
    readonly code: string | null;
    /** Why the model came to an end, and how many tokens it took: once it is completed. */
    readonly finish: 'stop' | 'length' | null;
    readonly tokens: number | null;
  } | null;
};

/** One person's relation to one conversation, at the home of the person. */
export type MembershipRow = {
  readonly id: Uuid;
  readonly conversation: Uuid;
  readonly person: Uuid;
  readonly version: number;
  /** As their home was told: null if it never was, as in their own conversations, or if they left. */
  readonly role: MemberRole | null;
  /** The version of the conversation's stream of which their home knows. */
  readonly source: number;
  readonly readSeq: number;
  readonly pinned: boolean;
  readonly archived: boolean;
  readonly hidden: boolean;
  readonly tags: readonly { readonly text: Sealed; readonly chars: number }[];
  /** The leaf of the branch that they last chose. */
  readonly leaf: Uuid | null;
};

/** What a person has done to a conversation for themselves alone. Defaults where they have done nothing. */
export type Relation = Omit<MembershipRow, 'id' | 'version' | 'role' | 'source'>;

/** A conversation as one of its members sees it. */
export type SeenConversation = ConversationRow & { readonly role: MemberRole; readonly postedSeq: number };

/** A message, where it is looked for: in another conversation it is not found. */
export type MessagePlace = { readonly conversation: Uuid; readonly message: Uuid };

/** Where a walk down a branch ended; `whole` if nothing came below it, false if the steps were used up. */
export type BranchEnd = { readonly id: Uuid; readonly whole: boolean };

/**
 * The rows of a conversation that changed after some version. The messages are all of those up to `to`: its head, or
 * where there is more than one page of them, a version before. The conversation itself, and the members, come as they
 * are now, whatever `to` is: who is no member any more must not be shown the rest. Members come as tombstones too.
 */
export type Changes = {
  readonly to: number;
  readonly conversation: ConversationRow;
  readonly messages: readonly MessageRow[];
  readonly members: readonly MemberRow[];
};

/** What is told after the commit: see `announce`. */
export type CoreNotice = ConversationNotice | MembershipNotice | UserNotice;
/** The rows that versions (from, to] changed. `people`: who is a member now, or was until then. `at`: when `to` came to be. */
export type ConversationNotice = Changes & {
  readonly from: number;
  readonly people: readonly Uuid[];
  readonly at: string;
};
export type MembershipNotice = { readonly membership: MembershipRow };
export type UserNotice = { readonly user: UserRow };

/**
 * Which conversations a sidebar shows, of those that the person has not hidden. inbox: all that are neither deleted nor
 * archived; pinned: those of them that are pinned; archived; deleted: those that the person, as an owner, can bring back.
 */
export type InboxFilter = 'inbox' | 'pinned' | 'archived' | 'deleted';

/** A place in a sidebar, and a page of one: newest activity first. */
export type InboxPlace = Pick<ConversationRow, 'activeAt' | 'id'>;
export type InboxPage = { readonly rows: readonly SeenConversation[]; readonly more: boolean };

/** Questions to the core view. Each is one statement at each home that it asks. */
export type CoreQueries = {
  users(ids: readonly Uuid[]): Promise<readonly UserRow[]>;
  conversation(id: Uuid): Promise<ConversationRow | undefined>;
  /** Those conversations of which a person is a member now. Deleted ones come: whether to show them is the reader's rule. */
  seen(user: Uuid, conversations: readonly Uuid[]): Promise<ReadonlyMap<Uuid, SeenConversation>>;
  /** Who is in these conversations, in order of joining. */
  members(conversations: readonly Uuid[]): Promise<readonly MemberRow[]>;
  /**
   * Those of these people with whom a person is in a conversation now that is not deleted. It asks the person's own home,
   * and each where they were let into a conversation elsewhere: of those, the 1,000 that began last.
   */
  acquainted(user: Uuid, people: readonly Uuid[]): Promise<ReadonlySet<Uuid>>;
  /**
   * A page of a sidebar, after a place in it (exclusive), at most `first`. It asks the person's own home, and each where
   * they were let into a conversation elsewhere: of those, the 1,000 that began last.
   */
  inbox(user: Uuid, filter: InboxFilter, first: number, after?: InboxPlace): Promise<InboxPage>;
  /** A person's relation to each of these conversations. */
  relations(user: Uuid, conversations: readonly Uuid[]): Promise<ReadonlyMap<Uuid, Relation>>;
  /** The conversations that a person's home was told they are in, by id, after one of them (exclusive), at most `first`. */
  memberships(
    user: Uuid,
    first: number,
    after?: Uuid,
  ): Promise<{ readonly rows: readonly MembershipRow[]; readonly more: boolean }>;
  /** Those of these messages that there are, in no order. */
  messages(ids: readonly Uuid[]): Promise<readonly MessageRow[]>;
  /** From a leaf towards the root, leaf first, at most `first` messages; the leaf itself only if `inclusive`. */
  branch(conversation: Uuid, leaf: Uuid, first: number, inclusive: boolean): Promise<readonly MessageRow[]>;
  /** The same for several leaves. */
  branches(
    leaves: readonly MessagePlace[],
    first: number,
    inclusive: boolean,
  ): Promise<readonly (readonly MessageRow[])[]>;
  /** All children of the parent of each of these messages, oldest first. */
  siblings(messages: readonly Pick<MessageRow, 'conversation' | 'parent'>[]): Promise<readonly (readonly Uuid[])[]>;
  /** Where the branch of each message ends: on to the newest child, at most `steps` times. Undefined if it is not there. */
  ends(messages: readonly (MessagePlace & { readonly steps: number })[]): Promise<readonly (BranchEnd | undefined)[]>;
  /**
   * Rows newer than a version, in one statement: those of the `most` messages (default 500) that changed first since, and of
   * all members; undefined if the conversation is unknown.
   */
  changes(conversation: Uuid, since: number, most?: number): Promise<Changes | undefined>;
  /** The head versions of some conversations of one home. */
  heads(home: number, conversations: readonly Uuid[]): Promise<ReadonlyMap<Uuid, number>>;
  /** Waits until the view has come to a position: true; false when `patience` (ms) ran out. What is parked does not show. */
  reached(position: Position, patience: number): Promise<boolean>;
  /** Those of these streams that are parked: the view refuses an event of theirs, and shows nothing from there on. */
  parked(streams: readonly string[]): Promise<ReadonlySet<string>>;
};
