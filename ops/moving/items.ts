import type { RecordedOutcome } from '../../commands/command.js';
import type { Entry, Log } from '../../commands/log/log.js';
import type { Envelope } from '../../domain/event.js';
import { bucketOf, homeOf, partitionOf } from '../../domain/ids.js';

/** What lies in a record of a log and has a home of its own. */
export type Item = { readonly event: Envelope } | { readonly outcome: RecordedOutcome };

export const isItem = (value: object): value is Item => 'event' in value || 'outcome' in value;

/** The event of a record, and then the outcomes in it. */
export function itemsIn(entry: Entry): readonly Item[] {
  if (entry.kind !== 'event' && entry.kind !== 'outcomes') return [];
  const outcomes = (entry.outcomes ?? []).map((outcome): Item => ({ outcome }));
  return entry.kind === 'event' ? [{ event: entry.event }, ...outcomes] : outcomes;
}

/** Where an item lives. An outcome lives where its stream does, and that its command's id tells. */
export const placeOf = (item: Item, partitions: number): number =>
  'event' in item ? homeOf(item.event.stream, partitions) : partitionOf(bucketOf(item.outcome.command), partitions);

export const timeOf = (item: Item): string => ('event' in item ? item.event.at : item.outcome.at);

export const partitionsOf = (log: Log): readonly number[] =>
  Array.from({ length: log.partitions }, (_, number) => number);
