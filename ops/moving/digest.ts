import type { Log } from '../../commands/log/log.js';
import { hashOf } from '../../domain/event.js';
import { CliError } from '../run/errors.js';
import { type Item, itemsIn, partitionsOf, placeOf } from './items.js';

export type Counts = { readonly events: number; readonly outcomes: number; readonly streams: number };

/** What a log holds: how much of everything, and where each stream ends. */
export type Digest = {
  /** Throws CliError COPY_BROKEN where a stream has a gap, or its chain is broken. */
  add(item: Item): void;
  counts(): Counts;
  heads(): ReadonlyMap<string, { readonly version: number; readonly hash: string }>;
};

export function createDigest(): Digest {
  const heads = new Map<string, { readonly version: number; readonly hash: string }>();
  let [events, outcomes] = [0, 0];
  return {
    add: (item) => {
      if ('outcome' in item) {
        outcomes += 1;
        return;
      }
      const { event } = item;
      const before = heads.get(event.stream) ?? { version: 0, hash: '' };
      if (event.version !== before.version + 1 || event.previous !== before.hash) {
        throw new CliError('COPY_BROKEN', `${event.stream} is broken at version ${event.version}.`);
      }
      heads.set(event.stream, { version: event.version, hash: hashOf(event) });
      events += 1;
    },
    counts: () => ({ events, outcomes, streams: heads.size }),
    heads: () => heads,
  };
}

/** Reads a whole log. What lies in a partition where it does not belong counts for nothing. */
export async function digestOf(log: Log): Promise<Digest> {
  const digest = createDigest();
  for (const partition of partitionsOf(log)) {
    for await (const { records } of log.read(partition)) {
      const items = records.flatMap(({ entry }) => itemsIn(entry));
      for (const item of items.filter((each) => placeOf(each, log.partitions) === partition)) digest.add(item);
    }
  }
  return digest;
}

/** The first thing in which two digests differ, in words. */
export function differenceBetween(ours: Digest, theirs: Digest): string | undefined {
  const [was, is] = [ours.counts(), theirs.counts()];
  for (const what of ['events', 'outcomes', 'streams'] as const) {
    if (was[what] !== is[what]) return `${is[what]} ${what} instead of ${was[what]}`;
  }
  const odd = [...ours.heads()].find(([stream, { hash }]) => theirs.heads().get(stream)?.hash !== hash);
  return odd && `${odd[0]} ends otherwise`;
}
