import { type Aggregate, blankAggregate, decode } from '../../domain/catalogue.js';
import { hashOf } from '../../domain/event.js';
import type { Stream } from '../../domain/ids.js';
import { type Answer, LONGEST_DEADLINE, type Outcome, type RecordedOutcome } from '../command.js';
import { CODE, type Chunk, type Cursor, type Placed } from '../log/log.js';
import { startOfLog } from '../log/store.js';

/** One stream as decisions need it: the folded aggregate, its version, and the hash of its last event. */
export type Held = { readonly aggregate: Aggregate; readonly version: number; readonly hash: string };

/** An outcome as it is remembered, with the position from which every view shows it. */
export type Known = { readonly hash: string; readonly outcome: Outcome; readonly offset: number; readonly at: string };

/**
 * What an owner knows of its partition: a fold of the log up to `cursor`, nothing else. It can be dropped and folded
 * anew at any moment; snapshots only shorten that.
 */
export type Memory = {
  cursor: Cursor;
  /** The newest time in the partition: times never run backwards. */
  at: string;
  readonly streams: Map<Stream, Held>;
  readonly outcomes: Map<string, Known>;
};

export const blankMemory = (): Memory => ({ cursor: startOfLog, at: '', streams: new Map(), outcomes: new Map() });

export const nameOf = ({ actor, id }: { readonly actor: string; readonly id: string }): string => `${actor} ${id}`;

export const answerOf = ({ outcome, offset }: Known, partition: number): Answer => ({
  ...outcome,
  position: { partition, offset },
});

export const held = (memory: Memory, stream: Stream): Held =>
  memory.streams.get(stream) ?? { aggregate: blankAggregate(stream), version: 0, hash: '' };

/** Folds a chunk of the log into the memory. Throws on an event that this code does not know, or a gap in a stream. */
export function fold(memory: Memory, { records, next }: Chunk): void {
  for (const record of records) foldRecord(memory, record);
  memory.cursor = next;
}

function foldRecord(memory: Memory, { offset, entry }: Placed): void {
  if (entry.header.code > CODE) {
    throw new Error(`record ${offset} was written by newer code (${entry.header.code}): run that here, or newer`);
  }
  if (entry.kind === 'takeover') memory.at = later(memory.at, entry.at);
  if (entry.kind === 'event') {
    const { stream, version, at, previous } = entry.event;
    const before = held(memory, stream);
    if (version !== before.version + 1 || previous !== before.hash) {
      throw new Error(`${stream} has version ${version} after ${before.version}: the log is damaged`);
    }
    const aggregate = before.aggregate.evolve(decode(entry.event));
    memory.streams.set(stream, { aggregate, version, hash: hashOf(entry.event) });
    memory.at = later(memory.at, at);
  }
  if (entry.kind === 'event' || entry.kind === 'outcomes') remember(memory, entry.outcomes ?? [], offset + 1);
}

/** Keeps outcomes as long as a command with the longest deadline can come again, and a day more. */
export function remember(memory: Memory, outcomes: readonly RecordedOutcome[], offset: number): void {
  for (const { actor, command, hash, at, outcome } of outcomes) {
    memory.outcomes.set(nameOf({ actor, id: command }), { hash, outcome, offset, at });
    memory.at = later(memory.at, at);
  }
  const newest = outcomes.at(-1)?.at;
  if (newest === undefined) return;
  const oldest = new Date(Date.parse(newest) - LONGEST_DEADLINE - 24 * 3600_000).toISOString();
  for (const [name, known] of memory.outcomes) {
    if (known.at >= oldest) break;
    memory.outcomes.delete(name);
  }
}

const later = (a: string, b: string): string => (a > b ? a : b);
