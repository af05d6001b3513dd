import { type Envelope, textOf } from '../../domain/event.js';
import type { Uuid } from '../../domain/ids.js';
import type { RecordedOutcome } from '../command.js';
import type { Fence, Header } from './fence.js';

/** The version of the code's record format, written into every record. */
export const CODE = 1;

/**
 * What a log cannot do, and why. LOG_LOCKED: another process has it. LOG_PARTITIONS: it was made with another number.
 * LOG_NEWER_CODE: newer code wrote it, and older code would read it wrongly. LOG_CORRUPT: it is not what was written.
 * LOG_FULL: there is no room on its disk. LOG_CLOSED: it was closed here.
 */
export class LogError extends Error {
  override name = 'LogError';
  constructor(
    readonly code: 'LOG_LOCKED' | 'LOG_PARTITIONS' | 'LOG_NEWER_CODE' | 'LOG_CORRUPT' | 'LOG_FULL' | 'LOG_CLOSED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * One record of a partition of `events`. The last record of a batch carries the outcomes of all commands that the batch
 * covers, rejections too; a batch without events is one `outcomes` record. `covered` is the offset in `commands` up to
 * which the batch has decided, where commands have offsets.
 */
export type Entry = { readonly header: Header } & (
  | { readonly kind: 'log'; readonly log: Uuid; readonly partitions: number }
  | { readonly kind: 'takeover'; readonly at: string }
  | { readonly kind: 'event'; readonly event: Envelope; readonly outcomes?: readonly RecordedOutcome[] }
  | { readonly kind: 'outcomes'; readonly outcomes: readonly RecordedOutcome[] }
) & { readonly covered?: number };

/** A record as it is stored, as JSON. Whoever wrote an event has made its text already. */
export function encode(entry: Entry): string {
  if (entry.kind !== 'event') return JSON.stringify(entry);
  const { event, ...rest } = entry;
  return `${JSON.stringify(rest).slice(0, -1)},"event":${textOf(event)}}`;
}

/** A record that passed the fence, with its offset. */
export type Placed = { readonly offset: number; readonly entry: Entry };

/** Where reading goes on: the next offset, and the state of the fence before it. Every checkpoint stores both. */
export type Cursor = { readonly offset: number; readonly fence: Fence };

/** Some valid records in order, and the cursor behind them (and behind the void records passed over). */
export type Chunk = { readonly records: readonly Placed[]; readonly next: Cursor };

/**
 * The log: an append-only, durable sequence of records per partition. Three adapters (memory, SQLite, Kafka)
 * live by one contract suite. Offsets grow but may have gaps. Readers get valid records only.
 */
export type Log = {
  /** This log's identity: its first record. A copy or a new log has another. */
  readonly id: Uuid;
  readonly partitions: number;
  /**
   * Appends one batch to one partition, all or nothing. Resolves with the offset of its first record when it is durable.
   * A rejection means "unknown": it may be in the log or still appear there. Only a takeover tells.
   */
  append(partition: number, batch: readonly Entry[]): Promise<number>;
  /**
   * Reads from a cursor (the start, if none) in chunks of at most `limit` records (default 1,000). Ends at the end of
   * the log as it was when reading began; with `follow` it is pushed what comes after, until `signal` aborts or the log
   * is closed. Throws LOG_NEWER_CODE at the first record of newer code, void or not.
   */
  read(partition: number, from?: Cursor, options?: ReadOptions): AsyncIterable<Chunk>;
  /** The offset that the next record will get, at least. Everything below it is durable. */
  end(partition: number): Promise<number>;
  /** A cursor at the first record at or after an offset, or at the first valid one at or after an ISO 8601 time. */
  cursorAt(partition: number, place: { readonly offset: number } | { readonly time: string }): Promise<Cursor>;
  /** Whether a stored cursor belongs to this log: false after a restore or in another log. Its checkpoint is void then. */
  holds(partition: number, cursor: Cursor): Promise<boolean>;
  /** Lets appends under way end, ends all followers, and lets go of the store. Once is enough, twice is no fault. */
  close(): Promise<void>;
};

export type ReadOptions = { readonly follow?: boolean; readonly signal?: AbortSignal; readonly limit?: number };
