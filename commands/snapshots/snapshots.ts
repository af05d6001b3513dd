import type { Stream, Uuid } from '../../domain/ids.js';
import type { Outcome } from '../command.js';
import { sameFence } from '../log/fence.js';
import type { Cursor } from '../log/log.js';

/**
 * How far a store is: it holds a fold of this log up to `cursor`, and nothing behind it. `at` is the newest time in that
 * part of the log, ISO 8601, or ''. `covered` is the offset in `commands` up to which that part has decided, -1 if none:
 * what lies before a checkpoint is not read again, so nobody else can tell.
 */
export type Checkpoint = { readonly log: Uuid; readonly cursor: Cursor; readonly at: string; readonly covered: number };

/** An aggregate as it is stored, without the chunks of its tree (see `Aggregate.bare`). */
export type Snapshot = { readonly version: number; readonly hash: string; readonly bare: unknown };

/** An outcome as it is remembered, with the position from which every view shows it. */
export type Known = { readonly hash: string; readonly outcome: Outcome; readonly offset: number; readonly at: string };

export type ChunkName = { readonly stream: Stream; readonly chunk: number };

export type Wanted = {
  readonly streams?: readonly Stream[];
  readonly chunks?: readonly ChunkName[];
  /** Names of commands (see `nameOf`). */
  readonly outcomes?: readonly string[];
};

/** What of the wanted is there, and the checkpoint that it belongs to. */
export type Loaded = {
  readonly checkpoint: Checkpoint | undefined;
  readonly streams: ReadonlyMap<string, Snapshot>;
  readonly chunks: readonly { readonly stream: string; readonly chunk: number; readonly body: unknown }[];
  readonly outcomes: ReadonlyMap<string, Known>;
};

/** What lies between two checkpoints: the streams that changed, with their changed chunks alone, and new outcomes. */
export type Changes = {
  readonly streams: readonly (Snapshot & { readonly stream: Stream; readonly chunks: ReadonlyMap<number, unknown> })[];
  readonly outcomes: readonly (Known & { readonly name: string })[];
  /** Outcomes before this time (ISO 8601, or '') are forgotten: their commands can only expire. */
  readonly forget: string;
};

/**
 * The worker's own store, not a view: a write-behind checkpoint of its fold, with the log as its write-ahead log. One
 * version of the states is spoken to; what other versions have stored lies beside it, untouched. Everything in it can be
 * lost, or be older than it was: that costs a fold of the log. `home` is the partition.
 */
export type Snapshots = {
  /**
   * Reads what is wanted and the checkpoint in one statement, so that they are of one moment. Rejects when the store does
   * not answer.
   */
  load(home: number, wanted: Wanted): Promise<Loaded>;
  /**
   * Moves a home from one checkpoint to the next, whole or not at all. False, with nothing written, where the store is
   * at another: somebody else has written, or the store has lost something. A rejection means "unknown".
   */
  flush(home: number, from: Checkpoint | undefined, to: Checkpoint, changes: Changes): Promise<boolean>;
  /** Forgets a home. */
  clear(home: number): Promise<void>;
  /**
   * Forgets what older versions of the states have stored of a home, once this one owns it. What newer ones have stored
   * stays: an older worker that has the home for a while, as in a rolling deploy, must not cost them a fold of the log.
   */
  retireOlder(home: number): Promise<void>;
  close(): Promise<void>;
};

export const sameCheckpoint = (a: Checkpoint | undefined, b: Checkpoint | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.log === b.log && a.cursor.offset === b.cursor.offset && sameFence(a.cursor.fence, b.cursor.fence);
