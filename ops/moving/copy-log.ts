import type { RecordedOutcome } from '../../commands/command.js';
import type { Log } from '../../commands/log/log.js';
import type { Envelope } from '../../domain/event.js';
import type { Uuid } from '../../domain/ids.js';
import { type Found, oldestFirst } from '../operators/merge.js';
import { CliError } from '../run/errors.js';
import { createCopier } from './copier.js';
import { type Counts, createDigest, differenceBetween, digestOf } from './digest.js';
import { type Item, isItem, itemsIn, partitionsOf, placeOf, timeOf } from './items.js';

export type CopyOptions = {
  readonly from: Log;
  /** Another log, of which nothing but its identity is written yet. It may have another number of partitions. */
  readonly to: Log;
  readonly newId: () => Uuid;
  /** Told now and then: records read of those that there are. */
  readonly onProgress?: (done: number, of: number) => void;
};

/** How many records are read at once. */
const PAGE = 500;

/** A batch of a copy is written when it is larger than this, in bytes, so that with one more record it still fits everywhere. */
const MOST_BYTES = 256 * 1024;

/**
 * Copies every event and every outcome into another log: as they are, sealed, with their ids, versions, times and hashes,
 * each into the partition that its id has there, oldest first. Then reads both and compares them, stream by stream. What
 * stands around them (owners, terms, void records) is not copied: the copy is written in terms of its own. Holds in
 * memory the version and the hash of each stream. Throws CliError TARGET_NOT_EMPTY, COPY_BROKEN, COPY_FAILED; and what
 * either log throws.
 */
export async function copyLog({ from, to, newId, onProgress }: CopyOptions): Promise<Counts> {
  const taken = await writtenIn(to);
  if (taken !== undefined) {
    const message = `Partition ${taken} of the log to copy into holds something already. Name a new one, as by another KAFKA_PREFIX.`;
    throw new CliError('TARGET_NOT_EMPTY', message);
  }
  const ends = await Promise.all(partitionsOf(from).map((partition) => from.end(partition)));
  const total = ends.reduce((sum, end) => sum + end, 0);
  const homes = partitionsOf(to).map((partition) => createHome(createCopier({ log: to, partition, newId })));
  const copied = createDigest();

  let read = 0;
  const itemsOf = async function* (partition: number): AsyncGenerator<readonly Found[]> {
    let before = 0;
    for await (const { records, next } of from.read(partition, undefined, { limit: PAGE })) {
      read += next.offset - before;
      before = next.offset;
      onProgress?.(read, total);
      yield records.flatMap(({ offset, entry }) =>
        itemsIn(entry).map((value): Found => ({ partition, offset, at: timeOf(value), value, last: true })),
      );
    }
  };

  for await (const piece of oldestFirst(partitionsOf(from).map(itemsOf))) {
    for (const item of piece.map(({ value }) => value).filter(isItem)) {
      copied.add(item);
      await homes[placeOf(item, to.partitions)]?.add(item);
    }
  }
  await Promise.all(homes.map((home) => home.flush()));

  const difference = differenceBetween(copied, await digestOf(to));
  if (difference !== undefined) {
    const message = `The copy is not what was copied: ${difference}. Remove the topics of the new log, and begin again.`;
    throw new CliError('COPY_BROKEN', message);
  }
  return copied.counts();
}

/** Gathers what goes into one partition to batches. */
function createHome({ write }: ReturnType<typeof createCopier>) {
  let [events, outcomes, bytes]: [Envelope[], RecordedOutcome[], number] = [[], [], 0];
  const flush = async (): Promise<void> => {
    if (bytes > 0) await write({ events, outcomes });
    [events, outcomes, bytes] = [[], [], 0];
  };
  return {
    add: async (item: Item): Promise<void> => {
      if ('event' in item) events.push(item.event);
      else outcomes.push(item.outcome);
      bytes += Buffer.byteLength(JSON.stringify(item));
      if (bytes > MOST_BYTES) await flush();
    },
    flush,
  };
}

/** The first partition in which more is written than the identity of the log; undefined if there is none. */
export async function writtenIn(log: Log): Promise<number | undefined> {
  for (const partition of partitionsOf(log)) {
    for await (const { records } of log.read(partition)) {
      if (!records.every(({ entry }) => entry.kind === 'log')) return partition;
    }
  }
  return undefined;
}
