import type { Uuid } from '../../domain/ids.js';
import { type Entry, type Log, CODE, encode } from './log.js';
import { type Store, logOver } from './store.js';

/** A log in memory, for tests: it lives by the same contract and forgets everything with the process. */
export function memoryLog({ partitions, id }: { partitions: number; id: Uuid }): Log {
  const identity: Entry = {
    kind: 'log',
    header: { owner: id, term: 0, batch: 0, index: 0, count: 1, code: CODE },
    log: id,
    partitions,
  };
  const files: Entry[][] = Array.from({ length: partitions }, () => [identity]);
  const file = (partition: number): Entry[] => {
    const entries = files[partition];
    if (!entries) throw new RangeError(`partition ${partition} of ${partitions}`);
    return entries;
  };

  const store: Store = {
    id,
    partitions,
    append: async (partition, batch) => {
      // Through JSON, so that what is read is what a file would hold, and no reference is shared.
      const copy: Entry[] = batch.map((entry) => JSON.parse(encode(entry)));
      const base = file(partition).length;
      file(partition).push(...copy);
      return base;
    },
    scan: (partition, from, limit) =>
      file(partition)
        .slice(from, from + limit)
        .map((entry, at) => ({ offset: from + at, entry })),
    end: (partition) => file(partition).length,
    mark: () => undefined,
    close: async () => undefined,
  };
  return logOver(store);
}
