import type { Uuid } from '../../domain/ids.js';
import { openFence, pass, sameFence } from './fence.js';
import type { Chunk, Cursor, Entry, Log, Placed, ReadOptions } from './log.js';

/** What an embedded store of records must do; reading through the fence and tailing are the same for all of them. */
export type Store = {
  readonly id: Uuid;
  readonly partitions: number;
  /** Durable when it resolves, with the offset of the first record. */
  append(partition: number, batch: readonly Entry[]): Promise<number>;
  /** Raw records from an offset on, void ones too, in order. */
  scan(partition: number, from: number, limit: number): readonly Placed[];
  end(partition: number): number;
  /** The last marked cursor at or before an offset or a time, if the store keeps marks. */
  mark(partition: number, place: Place): Cursor | undefined;
  close(): void;
};

export type Place = { readonly offset: number } | { readonly time: string };

export const startOfLog: Cursor = { offset: 0, fence: openFence };

const PAGE = 1_000;

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

/** The port over a store. */
export function logOver(store: Store): Log {
  const closed = new AbortController();
  const waiting = new Set<() => void>();
  const wakeAll = (): void => {
    const woken = [...waiting];
    waiting.clear();
    for (const wake of woken) wake();
  };

  /** Resolves when the partition grows beyond an offset, or the signal or the log ends. */
  const growth = async (partition: number, beyond: number, signal: AbortSignal): Promise<void> => {
    while (!signal.aborted && store.end(partition) <= beyond) {
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };

  async function* read(partition: number, from = startOfLog, options: ReadOptions = {}): AsyncGenerator<Chunk> {
    const { follow = false, limit = PAGE } = options;
    const signal = options.signal ? AbortSignal.any([options.signal, closed.signal]) : closed.signal;
    signal.addEventListener('abort', wakeAll, { once: true });
    const end = store.end(partition);
    let at = from;
    while (!signal.aborted) {
      const room = follow ? limit : Math.min(limit, end - at.offset);
      const page = room > 0 ? store.scan(partition, at.offset, room) : [];
      if (page.length > 0) {
        const chunk = passAll(at, page);
        at = chunk.next;
        yield chunk;
      } else if (follow) {
        await growth(partition, at.offset, signal);
      } else {
        return;
      }
    }
  }

  /** Folds the fence from the nearest mark up to the first record for which `there` holds, or to the end. */
  const seek = (partition: number, place: Place, there: (record: Placed) => boolean): Cursor => {
    let at = store.mark(partition, place) ?? startOfLog;
    for (;;) {
      const page = store.scan(partition, at.offset, PAGE);
      const stop = page.findIndex(there);
      at = passAll(at, stop < 0 ? page : page.slice(0, stop)).next;
      if (stop >= 0 || page.length === 0) return at;
    }
  };

  const cursorAt = (partition: number, place: Place): Cursor =>
    'offset' in place
      ? seek(partition, place, (record) => record.offset >= place.offset)
      : seek(partition, place, ({ entry }) => (timeOf(entry) ?? '') >= place.time);

  return {
    id: store.id,
    partitions: store.partitions,
    append: async (partition, batch) => {
      checkBatch(batch);
      const base = await store.append(partition, batch);
      wakeAll();
      return base;
    },
    read,
    end: async (partition) => store.end(partition),
    cursorAt: async (partition, place) => cursorAt(partition, place),
    holds: async (partition, cursor) =>
      cursor.offset <= store.end(partition) && sameFence(cursorAt(partition, cursor).fence, cursor.fence),
    close: async () => {
      closed.abort();
      wakeAll();
      store.close();
    },
  };
}

/** A batch is what one owner wrote in one term, whole and in order. Anything else is a fault of the caller. */
function checkBatch(batch: readonly Entry[]): void {
  const [first] = batch;
  if (!first) throw new RangeError('a batch holds at least one record');
  for (const [index, { header }] of batch.entries()) {
    const whole = header.index === index && header.count === batch.length;
    if (!whole || header.owner !== first.header.owner || header.term !== first.header.term) {
      throw new RangeError(`record ${index} of a batch of ${batch.length} is headed ${JSON.stringify(header)}`);
    }
  }
}
