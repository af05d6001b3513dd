import type { Uuid } from '../../domain/ids.js';

/**
 * The session views: what is live and may be lost at any moment without losing a word. In process here, Redis in the
 * fleet. Everything passes as JSON: who tells and who hears share no reference, and those who hear may share one copy,
 * which they leave as it is. Delivery is asynchronous. Times are those of the clock that was passed in. Whatever is kept
 * ends by itself: nothing needs anybody to take it away.
 */
export type Sessions = {
  /** Tells all who are attached to a topic now. At most once: whoever must not miss one re-reads from a view. */
  publish(topic: string, notice: object): void;
  /** Attaches to a topic; when it resolves, nothing published from then on is missed. */
  attach(topic: string, listener: (notice: unknown) => void): Promise<Detach>;
  /**
   * Adds text to a running reply, and tells `reply:<id>`. A higher attempt replaces what was there. Dropped and told to
   * nobody: a lower attempt, a piece that leaves a gap, and whatever comes within ENDED_MS of the end. Kept for REPLY_MS
   * from the last piece.
   */
  writeReply(delta: ReplyDelta): void;
  /** The text so far of a running reply, from offset 0. */
  readReply(reply: Uuid): Promise<ReplyDelta | undefined>;
  /** Forgets a running reply once its end is in the log, and tells `reply:<id>` `{ reply, ended: true }`. */
  endReply(reply: Uuid): void;
  /**
   * A person types in a conversation: for TYPING_MS from now, unless it is set again or taken back. Tells
   * `typing:<conversation>` `{ user, typing }` each time.
   */
  setTyping(conversation: Uuid, user: Uuid, typing: boolean): void;
  /** Who types in a conversation now, those who began first at the front. */
  readTyping(conversation: Uuid): Promise<readonly Uuid[]>;
  /**
   * Takes `count` (default 1) from the token bucket of a key: 0 if that may go now, else the ms to wait, and nothing is
   * taken. Throws RangeError where it never could go: a rate that is none, or more than `burst` at once.
   */
  take(key: string, rate: Rate, count?: number): Promise<number>;
  /**
   * A session of the identity provider is over: remembered until `until` (ms since 1970), told to `session:<sid>`
   * `{ ended: true }`. Resolves once it is kept. Rejects with SESSIONS_UNAVAILABLE where it cannot be kept now: known here
   * all the same, and tried again until it is. Nobody has to wait for it.
   */
  endSession(sid: string, until: number): Promise<void>;
  hasEnded(sid: string): Promise<boolean>;
  close(): void;
};

export type Detach = () => void;

/**
 * Live delivery or what it remembers cannot be reached. SESSIONS_UNAVAILABLE: not now, ask again in a moment;
 * SESSIONS_UNREACHABLE: not at the start, see the address and what listens there; SESSIONS_URL: the address cannot be
 * read; SESSIONS_VERSION: the server is too old.
 */
export class SessionsError extends Error {
  override name = 'SessionsError';
  constructor(
    readonly code: 'SESSIONS_UNAVAILABLE' | 'SESSIONS_UNREACHABLE' | 'SESSIONS_URL' | 'SESSIONS_VERSION',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** At most `burst` at once, and `perSecond` for ever. */
export type Rate = { readonly burst: number; readonly perSecond: number };

/** For how long one who types is shown, in ms. */
export const TYPING_MS = 6_000;

/** For how long the text so far of a reply is kept from its last piece on, in ms: its writer may have died. */
export const REPLY_MS = 600_000;

/** For how long the end of a reply is remembered, in ms, so that what comes late does not bring it back. */
export const ENDED_MS = 60_000;

/** Text of a running reply. `offset` counts UTF-16 units from the start of the part, never inside a surrogate pair. */
export type ReplyDelta = {
  readonly reply: Uuid;
  readonly attempt: number;
  readonly part: number;
  readonly offset: number;
  readonly text: string;
};

/** What `typing:<conversation>` is told. */
export type TypingNotice = { readonly user: Uuid; readonly typing: boolean };
