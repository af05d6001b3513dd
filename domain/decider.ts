import type { Chunked } from './tree.js';

/** Everything that an answer to a command can be besides "accepted". The codes are stable; clients switch on them. */
export const rejectionCodes = [
  'NOT_FOUND', // it does not exist, or it is not yours: both answer alike
  'FORBIDDEN', // you see it, but your role does not allow this
  'SUSPENDED', // the account is suspended: only operators change that
  'CONFLICT', // the branch has grown since; `head` is its leaf now
  'ID_TAKEN',
  'WRONG_BUCKET',
  'INVALID',
  'TOO_LARGE',
  'REPLY_RUNNING',
  'STALE', // a later attempt, end or version has overtaken it
  'VERSION_MISMATCH',
  'COMMAND_ID_REUSED',
  'EXPIRED',
  'UNAVAILABLE',
  'FAILED',
] as const;
export type RejectionCode = (typeof rejectionCodes)[number];

/** Why a command was refused: what is wrong and what to do about it, in words for its sender. */
export type Rejection = { readonly rejected: RejectionCode; readonly message: string; readonly head?: string };

export const reject = (rejected: RejectionCode, message: string, head?: string): Rejection =>
  head === undefined ? { rejected, message } : { rejected, message, head };

/** An event or a command as the deciders see it: a name and data. */
export type Typed = { readonly type: string; readonly data: object };

/** Who asks, and of which stream. Time, ids and randomness are data of the command: deciders are pure. */
export type Asked<C extends Typed> = C & { readonly actor: string; readonly id: string };

/**
 * The pure heart of an aggregate. `decide` answers with the events to add, none for "already so", or a rejection.
 * `id` in the command is the id of the aggregate. After Equinox and Emmett.
 */
export type Decider<State, C extends Typed, E extends Typed> = {
  readonly initial: State;
  readonly evolve: (state: State, event: E) => State;
  readonly decide: (command: Asked<C>, state: State) => readonly E[] | Rejection;
  /** How the state is stored where it has a part that grows without end. Without it, whole. */
  readonly chunked?: Chunked<State>;
};

export const isRejection = (decision: readonly unknown[] | Rejection): decision is Rejection =>
  !Array.isArray(decision);

/** The actor of commands that the assistant sends, and of those by which the installation keeps its own house. */
export const ASSISTANT = 'assistant';
export const SYSTEM = 'system';
