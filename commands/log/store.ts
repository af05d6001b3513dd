import { setImmediate as turn } from 'node:timers/promises';
import type { Uuid } from '../../domain/ids.js';
import { openFence, pass, sameFence } from './fence.js';
import { type Chunk, type Cursor, type Entry, type Log, type Placed, type ReadOptions, CODE, LogError } from './log.js';

/** What an embedded store of records must do; reading through the fence and tailing are the same for all of them. */
export type Store = {
  readonly id: Uuid;
  readonly partitions: number;
  /** Durable when it resolves, with the offset of the first record. */
  append(partition: number, batch: readonly Entry[]): Promise<number>;
  /** Raw records from an offset on, void ones too, in order and without gaps. */
  scan(partition: number, from: number, limit: number): readonly Placed[];
  end(partition: number): number;
  /** The last marked cursor at or before an offset, or before a time, if the store keeps marks. */
  mark(partition: number, place: Place): Cursor | undefined;
  /** Lets appends under way end. */
  close(): Promise<void>;
};

export type Place = { readonly offset: number } | { readonly time: string };

export const startOfLog: Cursor = { offset: 0, fence: openFence };

const PAGE = 1_000;
/** So long may what reads keep everything else waiting, in ms: a turn of the event loop costs as much as ten records. */
const BUSY = 2;

/** The time that a record states, if it states one. */
export const timeOf = (entry: Entry): string | undefined => {
  switch (entry.kind) {
    case 'event':
      return entry.event.at;
    case 'takeover':
      return entry.at;
    case 'outcomes':
      return entry.outcomes[0]?.at;
    case 'log':
      return undefined;
  }
};

/** Passes records through the fence: the valid ones, and the cursor behind them all. */
export function passAll(from: Cursor, records: readonly Placed[]): Chunk {
  let { fence, offset } = from;
  const valid = records.filter((record) => {
    const passed = pass(fence, record.entry);
    fence = passed.fence;
    offset = record.offset + 1;
    return passed.valid;
  });
  return { records: valid, next: { offset, fence } };
}

/** Hands records on, unless newer code wrote one of them. */
export function known(records: readonly Placed[]): readonly Placed[] {
  for (const { offset, entry } of records) {
    const { code } = entry.header;
    if (code > CODE) {
      const message = `Record ${offset} was written by newer code (${code}; this is ${CODE}). Start that version, or a newer one.`;
      throw new LogError('LOG_NEWER_CODE', message);
    }
  }
  return records;
}

/** The port over a store. */
export function logOver(store: Store): Log {
  let closed = false;
  let closing: Promise<void> | undefined;
  const sleepers = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of sleepers) wake();
  };
  const checkOpen = (): void => {
    if (closed) throw new LogError('LOG_CLOSED', 'The log was closed: open it again.');
  };

  /** Resolves when the partition grows beyond an offset, or the signal or the log ends. */
  const growth = async (partition: number, beyond: number, signal: AbortSignal | undefined): Promise<void> => {
    while (!closed && !signal?.aborted && store.end(partition) <= beyond) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          sleepers.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        sleepers.add(wake);
        signal?.addEventListener('abort', wake);
      });
    }
  };

  async function* read(partition: number, from = startOfLog, options: ReadOptions = {}): AsyncGenerator<Chunk> {
    const { follow = false, limit = PAGE, signal } = options;
    if (!(limit >= 1)) throw new RangeError(`a chunk of at most ${limit} records`);
    checkOpen();
    const end = store.end(partition);
    let at = from;
    let paused = performance.now();
    while (!signal?.aborted && !(follow && closed)) {
      const room = follow ? limit : Math.min(limit, end - at.offset);
      if (room <= 0) return;
      checkOpen();
      const page = store.scan(partition, at.offset, room);
      if (page.length > 0) {
        const chunk = passAll(at, known(page));
        at = chunk.next;
        yield chunk;
        // The store answers at once: without a pause, reading a long log would let nothing else run.
        if (page.length < limit || performance.now() - paused < BUSY) continue;
        await turn();
        paused = performance.now();
      } else if (follow) {
        await growth(partition, at.offset, signal);
      } else {
        return;
      }
    }
  }

  /** Folds the fence from the nearest mark up to the first record for which `there` holds, or to the end. */
  const seek = (partition: number, place: Place, there: (record: Placed, valid: boolean) => boolean): Cursor => {
    let at = store.mark(partition, place) ?? startOfLog;
    for (;;) {
      const page = known(store.scan(partition, at.offset, PAGE));
      if (page.length === 0) return at;
      for (const record of page) {
        const { fence, valid } = pass(at.fence, record.entry);
        if (there(record, valid)) return at;
        at = { offset: record.offset + 1, fence };
      }
    }
  };

  const cursorAt = (partition: number, place: Place): Cursor => {
    if ('offset' in place) return seek(partition, place, ({ offset }) => offset >= place.offset);
    // Times are compared as they are written, so all have to be written alike.
    const time = new Date(place.time).toISOString();
    return seek(partition, { time }, ({ entry }, valid) => valid && (timeOf(entry) ?? '') >= time);
  };

  return {
    id: store.id,
    partitions: store.partitions,
    append: async (partition, batch) => {
      checkOpen();
      checkBatch(batch);
      try {
        return await store.append(partition, batch);
      } finally {
        // After an error too: what is unknown may be there.
        wakeAll();
      }
    },
    read,
    end: async (partition) => {
      checkOpen();
      return store.end(partition);
    },
    cursorAt: async (partition, place) => {
      checkOpen();
      return cursorAt(partition, place);
    },
    holds: async (partition, cursor) => {
      checkOpen();
      return cursor.offset <= store.end(partition) && sameFence(cursorAt(partition, cursor).fence, cursor.fence);
    },
    close: () => {
      closed = true;
      wakeAll();
      return (closing ??= store.close());
    },
  };
}

/** A batch is what one owner wrote at once in one term, whole and in order. Anything else is a fault of the caller. */
export function checkBatch(batch: readonly Entry[]): void {
  const [first] = batch;
  if (!first) throw new RangeError('a batch holds at least one record');
  for (const [index, { header }] of batch.entries()) {
    const { owner, term, batch: number } = first.header;
    const ours = header.owner === owner && header.term === term && header.batch === number;
    if (!ours || header.index !== index || header.count !== batch.length) {
      throw new RangeError(`record ${index} of a batch of ${batch.length} is headed ${JSON.stringify(header)}`);
    }
  }
}
