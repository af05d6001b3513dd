import { crc32 } from 'node:zlib';
import type { Fetched } from '../kafka/fetch.js';
import { type Entry, type Placed, LogError, encode } from './log.js';

/** What is sent for a record: its JSON, and a sum over that. */
export type Message = { readonly value: string; readonly headers: { readonly sum: string } };

/** A record as it is sent to a partition. */
export function messageOf(partition: number, entry: Entry): Message {
  const value = encode(entry);
  return { value, headers: { sum: sumOf(partition, value) } };
}

/**
 * Records as they were read from a partition. kafkajs does not look at the sums that Kafka itself keeps, so a disk that
 * gives back something else would be believed: each record has one of its own. Throws LOG_CORRUPT.
 */
export const placedIn = (partition: number, fetched: readonly Fetched[]): readonly Placed[] =>
  fetched.map(({ offset, value, headers: { sum } }) => {
    if (!value || !Buffer.isBuffer(sum)) throw corrupt(partition, offset, 'was written by something else');
    if (sum.toString() !== sumOf(partition, value)) throw corrupt(partition, offset, 'is not as it was written');
    try {
      return { offset: Number(offset), entry: JSON.parse(value.toString()) };
    } catch (error) {
      throw corrupt(partition, offset, 'cannot be read', error);
    }
  });

const sumOf = (partition: number, value: string | Buffer): string => crc32(value, partition).toString(36);

const corrupt = (partition: number, offset: string, what: string, cause?: unknown): LogError =>
  new LogError(
    'LOG_CORRUPT',
    `Record ${offset} of partition ${partition} ${what}. Nothing but Verbatim may write here.`,
    {
      cause,
    },
  );
