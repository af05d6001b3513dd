import type { Uuid } from '../../domain/ids.js';

/**
 * The session views: what is live and may be lost at any moment without losing a word. In process here, Redis in the
 * fleet. Everything passes as JSON, so that no reference is shared; delivery is asynchronous.
 */
export type Sessions = {
  /** Tells all who are attached to a topic now. At most once: whoever must not miss one re-reads from a view. */
  publish(topic: string, notice: object): void;
  /** Attaches to a topic; when it resolves, nothing published from then on is missed. */
  attach(topic: string, listener: (notice: unknown) => void): Promise<Detach>;
  /**
   * Adds text to a running reply, and tells `reply:<id>`. A higher attempt replaces what was there. Dropped and told to
   * nobody: a lower attempt, a piece that leaves a gap, and whatever comes after the end.
   */
  writeReply(delta: ReplyDelta): void;
  /** The text so far of a running reply, from offset 0. */
  readReply(reply: Uuid): Promise<ReplyDelta | undefined>;
  /** Forgets a running reply once its end is in the log, and tells `reply:<id>` `{ reply, ended: true }`. */
  endReply(reply: Uuid): void;
  close(): void;
};

export type Detach = () => void;

/** Text of a running reply. `offset` counts UTF-16 units from the start of the part, never inside a surrogate pair. */
export type ReplyDelta = {
  readonly reply: Uuid;
  readonly attempt: number;
  readonly part: number;
  readonly offset: number;
  readonly text: string;
};
