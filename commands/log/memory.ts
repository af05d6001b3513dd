import type { Uuid } from '../../domain/ids.js';
import { type Entry, type Log, CODE, encode } from './log.js';
import { type Store, logOver } from './store.js';

/** A log, and every record of each of its partitions as a broker would have them: void ones too. */
export type Disk = { readonly log: Log; readonly files: readonly Entry[][] };

/** A log in memory, for tests: it lives by the same contract and forgets everything with the process. */
export const memoryLog = (options: { partitions: number; id: Uuid }): Log => memoryDisk(options).log;

/** A log in memory whose records lie open, to be looked at behind the fence, and to be damaged. */
export function memoryDisk({ partitions, id }: { partitions: number; id: Uuid }): Disk {
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
  return { log: logOver(store), files };
}
