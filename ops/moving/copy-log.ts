import type { RecordedOutcome } from '../../commands/command.js';
import type { Log } from '../../commands/log/log.js';
import { type Envelope, hashOf } from '../../domain/event.js';
import { type Uuid, bucketOf, homeOf, partitionOf } from '../../domain/ids.js';
import { type Found, oldestFirst } from '../operators/merge.js';
import { CliError } from '../run/errors.js';
import { createCopier } from './copier.js';

export type CopyOptions = {
  readonly from: Log;
  /** Another log, of which nothing but its identity is written yet. It may have another number of partitions. */
  readonly to: Log;
  readonly newId: () => Uuid;
  /** Told now and then: records read of those that there are. */
  readonly onProgress?: (done: number, of: number) => void;
};

export type Copied = { readonly events: number; readonly outcomes: number; readonly streams: number };

/** What lies in a record and has a home of its own. */
type Item = { readonly event: Envelope } | { readonly outcome: RecordedOutcome };

/** How many records are read at once. */
const PAGE = 500;

/**
 * Copies every event and every outcome into another log: as they are, sealed, with their ids, versions, times and hashes,
 * each into the partition that its id has there, oldest first. Then reads both and compares them, stream by stream. What
 * stands in front of them (owners, terms, void records) is not copied: the copy is written in terms of its own. Holds in
 * memory the version and the hash of each stream. Throws CliError TARGET_NOT_EMPTY, COPY_BROKEN; and what either log throws.
 */
export async function copyLog({ from, to, newId, onProgress }: CopyOptions): Promise<Copied> {
  await checkEmpty(to);
  const ends = await Promise.all(partitionsOf(from).map((partition) => from.end(partition)));
  const total = ends.reduce((sum, end) => sum + end, 0);
  const writers = partitionsOf(to).map((partition) => createCopier({ log: to, partition, newId }));
  const buffers = partitionsOf(to).map((): Buffer => ({ events: [], outcomes: [], bytes: 0 }));
  const source = createDigest();

  const flush = async (home: number): Promise<void> => {
    const [buffer, writer] = [buffers[home], writers[home]];
    if (!buffer || !writer || buffer.bytes === 0) return;
    await writer.write(buffer);
    buffers[home] = { events: [], outcomes: [], bytes: 0 };
  };

  let read = 0;
  const itemsOf = async function* (partition: number): AsyncGenerator<readonly Found[]> {
    let before = 0;
    for await (const { records, next } of from.read(partition, undefined, { limit: PAGE })) {
      read += next.offset - before;
      before = next.offset;
      onProgress?.(read, total);
      yield records.flatMap(({ offset, entry }): readonly Found[] => {
        const outcomes = entry.kind === 'event' || entry.kind === 'outcomes' ? (entry.outcomes ?? []) : [];
        const found = (at: string, value: Item): Found => ({ partition, offset, at, value, last: true });
        return [
          ...(entry.kind === 'event' ? [found(entry.event.at, { event: entry.event })] : []),
          ...outcomes.map((outcome) => found(outcome.at, { outcome })),
        ];
      });
    }
  };

  for await (const piece of oldestFirst(partitionsOf(from).map(itemsOf))) {
    for (const { value } of piece) {
      if (!isItem(value)) continue;
      const home = placeOf(value, to.partitions);
      const buffer = buffers[home];
      if (!buffer) throw new RangeError(`partition ${home} of ${to.partitions}`);
      if ('event' in value) {
        source.add(value.event);
        buffer.events.push(value.event);
      } else {
        source.count();
        buffer.outcomes.push(value.outcome);
      }
      buffer.bytes += Buffer.byteLength(JSON.stringify(value));
      if (buffer.bytes > MOST_BYTES) await flush(home);
    }
  }
  await Promise.all(partitionsOf(to).map(flush));

  const difference = source.differenceTo(await digestOf(to));
  if (difference !== undefined) {
    const message = `The copy is not what was copied: ${difference}. Remove the topics of the new log, and begin again.`;
    throw new CliError('COPY_BROKEN', message);
  }
  return source.counts();
}

/** A batch of a copy is written when it is larger than this, so that with one more record it still fits everywhere. */
const MOST_BYTES = 256 * 1024;

type Buffer = { readonly events: Envelope[]; readonly outcomes: RecordedOutcome[]; bytes: number };

const partitionsOf = (log: Log): readonly number[] => Array.from({ length: log.partitions }, (_, number) => number);

/** An outcome lives where its stream does, and that its command's id tells. */
const placeOf = (item: Item, partitions: number): number =>
  'event' in item ? homeOf(item.event.stream, partitions) : partitionOf(bucketOf(item.outcome.command), partitions);

const isItem = (value: object): value is Item => 'event' in value || 'outcome' in value;

async function checkEmpty(log: Log): Promise<void> {
  for (const partition of partitionsOf(log)) {
    for await (const { records } of log.read(partition)) {
      const other = records.find(({ entry }) => entry.kind !== 'log');
      if (!other) continue;
      const message = `Partition ${partition} of the log to copy into holds something already. Name a new one, as by another KAFKA_PREFIX.`;
      throw new CliError('TARGET_NOT_EMPTY', message);
    }
  }
}

type Heads = ReadonlyMap<string, { readonly version: number; readonly hash: string }>;

/** What a log holds, stream by stream. */
type Digest = {
  /** Throws where a stream has a gap, or its chain is broken. */
  add(event: Envelope): void;
  count(): void;
  counts(): Copied;
  heads(): Heads;
  /** The first thing in which another one differs, in words. */
  differenceTo(other: Digest): string | undefined;
};

function createDigest(): Digest {
  const streams = new Map<string, { readonly version: number; readonly hash: string }>();
  let [events, outcomes] = [0, 0];
  return {
    add: (event) => {
      const before = streams.get(event.stream) ?? { version: 0, hash: '' };
      if (event.version !== before.version + 1 || event.previous !== before.hash) {
        const message = `${event.stream} is broken at version ${event.version}. Restore the log from a backup.`;
        throw new CliError('COPY_BROKEN', message);
      }
      streams.set(event.stream, { version: event.version, hash: hashOf(event) });
      events += 1;
    },
    count: () => {
      outcomes += 1;
    },
    counts: () => ({ events, outcomes, streams: streams.size }),
    heads: () => streams,
    differenceTo: (other) => {
      const [ours, theirs] = [{ events, outcomes, streams: streams.size }, other.counts()];
      for (const what of ['events', 'outcomes', 'streams'] as const) {
        if (ours[what] !== theirs[what]) return `${theirs[what]} ${what} instead of ${ours[what]}`;
      }
      const heads = other.heads();
      const odd = [...streams].find(([stream, { hash }]) => heads.get(stream)?.hash !== hash);
      return odd && `${odd[0]} ends otherwise`;
    },
  };
}

async function digestOf(log: Log): Promise<Digest> {
  const digest = createDigest();
  for (const partition of partitionsOf(log)) {
    for await (const { records } of log.read(partition)) {
      for (const { entry } of records) {
        if (entry.kind === 'event') digest.add(entry.event);
        const outcomes = entry.kind === 'event' || entry.kind === 'outcomes' ? (entry.outcomes ?? []) : [];
        for (const outcome of outcomes) if (placeOf({ outcome }, log.partitions) === partition) digest.count();
      }
    }
  }
  return digest;
}
