import type { Part, Sealed } from '../../../domain/content.js';
import type { Uuid } from '../../../domain/ids.js';
import type { Position } from '../../../commands/command.js';

// What readers of the core view get. Content is sealed; `version` is the version of the conversation's stream that last
// changed the row, so that rows can be put together by (id, version).

export type UserRow = { readonly id: Uuid; readonly name: Sealed; readonly registeredAt: string };

export type ConversationRow = {
  readonly id: Uuid;
  readonly version: number;
  readonly starter: Uuid;
  readonly title: Sealed;
  readonly titledBy: 'automatic' | 'person';
  readonly startedAt: string;
  /** The time of the newest message: what the sidebar sorts by. */
  readonly activeAt: string;
  /** The seq of the newest message, and the newest message itself. */
  readonly lastSeq: number;
  readonly head: Uuid;
  /** The seq of the starter's own newest post: posting moves one's own marker. */
  readonly postedSeq: number;
  /** A tombstone: the row stays, its content is not shown. */
  readonly deleted: boolean;
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
  readonly reply: {
    readonly status: ReplyStatus;
    readonly attempt: number;
    readonly by: Uuid;
    readonly stopping: boolean;
    readonly model: string | null;
    /** Why it failed: a stable code. */
    readonly code: string | null;
  } | null;
};

/** All children of one parent in a conversation, oldest first. */
export type Siblings = { readonly parent: Uuid | null; readonly ids: readonly Uuid[] };

/** The rows of a conversation that changed after some version, up to `to`, its head. */
export type Changes = {
  readonly to: number;
  readonly conversation: ConversationRow;
  readonly messages: readonly MessageRow[];
};

/**
 * Told after the commit: to `conversation:<id>` and `inbox:<starter>` the rows that versions (from, to] changed, and to
 * `inbox:<person>` that they have read a conversation.
 */
export type CoreNotice = ConversationNotice | ReadNotice;
export type ConversationNotice = Changes & { readonly from: number };
export type ReadNotice = { readonly read: MembershipRow };

/** How far a person has read a conversation of somebody of their own home. */
export type MembershipRow = {
  readonly id: Uuid;
  readonly conversation: Uuid;
  readonly person: Uuid;
  readonly readSeq: number;
};

/** A row of a sidebar, and a page of them: newest activity first. */
export type InboxRow = ConversationRow & { readonly readSeq: number };
export type InboxPage = { readonly rows: readonly InboxRow[]; readonly more: boolean };

/** Questions to the core view. Each is one statement, at the home of what it asks about. */
export type CoreQueries = {
  users(ids: readonly Uuid[]): Promise<readonly UserRow[]>;
  conversation(id: Uuid): Promise<ConversationRow | undefined>;
  /** A person's conversations that are not deleted, after a place in the list (exclusive), at most `first`. */
  inbox(user: Uuid, first: number, after?: { activeAt: string; id: Uuid }): Promise<InboxPage>;
  /** How far a person has read some conversations of their home; 0 where they never marked one. */
  read(user: Uuid, conversations: readonly Uuid[]): Promise<ReadonlyMap<Uuid, number>>;
  message(id: Uuid): Promise<MessageRow | undefined>;
  /** From a leaf towards the root, leaf first, at most `first` messages; the leaf itself only if `inclusive`. */
  branch(conversation: Uuid, leaf: Uuid, first: number, inclusive: boolean): Promise<readonly MessageRow[]>;
  siblings(conversation: Uuid, parents: readonly (Uuid | null)[]): Promise<readonly Siblings[]>;
  /** Rows newer than a version, and the head, in one statement; undefined if the conversation is unknown. */
  changes(conversation: Uuid, since: number): Promise<Changes | undefined>;
  /** The head versions of some conversations of one home. */
  heads(home: number, conversations: readonly Uuid[]): Promise<ReadonlyMap<Uuid, number>>;
  /** Waits until the view shows a position: true; false when `patience` (ms) ran out. */
  reached(position: Position, patience: number): Promise<boolean>;
};
