import type { Uuid } from '../../domain/ids.js';
import type { Position } from '../command.js';

// What reactors need of the rest, all passed in: commands/ imports nothing of projections/.

/** A reply that someone was promised and that has not ended. */
export type ReplyObligation = {
  readonly reply: Uuid;
  readonly conversation: Uuid;
  /** The message to answer. */
  readonly parent: Uuid;
  readonly by: Uuid;
  /** The last attempt begun, 0 for none, and by whom. */
  readonly attempt: number;
  readonly executor: Uuid | null;
  readonly stopping: boolean;
  /** Where the log says so: from here on the branch can be read. */
  readonly position: Position;
};

/**
 * The obligations of some homes: first all that stand at the caught-up end, then each that changes, as it changes. An
 * ended one is told by its reply id alone.
 */
export type Obligations = {
  watch(listener: (change: ReplyObligation | { readonly ended: Uuid }) => void): Promise<() => void>;
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
