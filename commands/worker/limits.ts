/** What a partition may keep in memory, in bytes, roughly. */
export type Limits = {
  /** Streams at hand. The least recently used are evicted, once they are in the store. */
  readonly room: number;
  /** What is not yet in the store: at `flush` it is brought there, at `full` commands are refused until it is. */
  readonly flush: number;
  readonly full: number;
};

/** What one partition of a process that has a few of them may take. */
export const LIMITS: Limits = { room: 8 << 20, flush: 2 << 20, full: 16 << 20 };
