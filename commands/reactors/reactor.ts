import type { Uuid } from '../../domain/ids.js';
import type { Position } from '../command.js';

// What reactors need of the rest, all passed in: commands/ imports nothing of projections/.

/**
 * Something that the log promises and that a reactor has yet to do. It comes with one event and goes with another one of
 * the same home; both are in the log, so that who does it can be killed at any moment.
 */
export type Obligation =
  ReplyObligation | TitleObligation | MembershipObligation | ExpiryObligation | ErasureObligation;

type Owed<Kind extends string> = {
  readonly kind: Kind;
  /** Names it for ever, and by it the commands that come of it. A reply's is the reply's own. */
  readonly id: Uuid;
  /** Where the log says so: from here on the views show all that it needs. */
  readonly position: Position;
};

/** The last attempt begun, 0 for none, and by whom. */
type Attempted = { readonly attempt: number; readonly executor: Uuid | null };

/** A reply that someone was promised and that has not ended. */
export type ReplyObligation = Owed<'reply'> &
  Attempted & {
    readonly conversation: Uuid;
    /** The message to answer. */
    readonly parent: Uuid;
    /** The key that its text is sealed under. */
    readonly key: string;
    readonly stopping: boolean;
  };

/** A conversation whose first reply is complete, and that nobody has given a name. */
export type TitleObligation = Owed<'title'> &
  Attempted & {
    readonly conversation: Uuid;
    /** That reply: the branch that ends here is what the title is made of. */
    readonly reply: Uuid;
    readonly key: string;
  };

/** A person's home has yet to hear what became of their membership in a conversation. */
export type MembershipObligation = Owed<'membership'> & {
  readonly conversation: Uuid;
  readonly user: Uuid;
  /** Null where they are no longer in. */
  readonly role: 'owner' | 'writer' | 'reader' | null;
  /** Who changed it. */
  readonly by: string;
  /** The version of the conversation's stream that says so: of two, the newer holds. */
  readonly source: number;
};

/** A temporary conversation, from its start until its key is destroyed. */
export type ExpiryObligation = Owed<'expiry'> & {
  readonly conversation: Uuid;
  /** ISO 8601. */
  readonly expires: string;
};

/** A person who is to be forgotten. */
export type ErasureObligation = Owed<'erasure'> & {
  readonly user: Uuid;
  /**
   * Set where their erasure is over, or under way, and only this conversation came to light after its beginning, by the
   * event of this version of its stream.
   */
  readonly late: { readonly conversation: Uuid; readonly source: number } | null;
};

/** What is told of obligations: one that is new or has changed, or the id of one that is done with. */
export type Change = Obligation | { readonly ended: Uuid };

/** The obligations of some homes: first all that stand at the caught-up end, then each that changes, as it changes. */
export type Obligations = {
  watch(listener: (change: Change) => void): Promise<() => void>;
};

/** One turn of the branch that leads to a reply, oldest first. */
export type Turn = { readonly role: 'user' | 'assistant'; readonly text: string };

/** Reads the branch that ends in a message, opened, once the view has reached a position. */
export type ReadBranch = (conversation: Uuid, leaf: Uuid, after: Position) => Promise<readonly Turn[]>;

/** What answers: the built-in responder or a model behind an OpenAI-compatible endpoint. Streams pieces of text. */
export type Responder = {
  readonly endpoint: string;
  readonly model: string;
  respond(turns: readonly Turn[], signal: AbortSignal): AsyncIterable<string>;
};

/** What makes a title of the beginning of a conversation: the built-in one or a model. */
export type Titler = {
  readonly endpoint: string;
  readonly model: string;
  title(turns: readonly Turn[], signal: AbortSignal): Promise<string>;
};

/** A conversation that a person started or joined. `temporary` ones have a key of their own. */
export type Relation = { readonly conversation: Uuid; readonly temporary: boolean };

/** Every conversation that a person started or joined, once the view of their home has reached a position. */
export type ReadRelations = (user: Uuid, after: Position) => Promise<readonly Relation[]>;
