import { type Aggregate, blankAggregate, decode, storedAggregate } from '../../domain/catalogue.js';
import { type Envelope, hashOf } from '../../domain/event.js';
import type { Stream } from '../../domain/ids.js';
import { NotAtHand } from '../../domain/tree.js';
import { type Answer, LONGEST_DEADLINE, type RecordedOutcome } from '../command.js';
import type { Chunk, Cursor, Placed } from '../log/log.js';
import { startOfLog } from '../log/store.js';
import type { Checkpoint, Known, Snapshot } from '../snapshots/snapshots.js';

/** One stream as decisions need it: the folded aggregate, its version, and the hash of its last event. */
export type Held = { readonly aggregate: Aggregate; readonly version: number; readonly hash: string };

/**
 * A stream at hand: as it is now, and as the store has it. It is clean while these are one and the same. `weight` is what
 * was last counted for it, in bytes.
 */
export type Slot = { now: Held; stored: Held; weight: number };

/**
 * What an owner knows of its partition: a fold of the log up to `cursor`, nothing else. What lies before `checkpoint` is
 * in the store and fetched when it is needed; what came after it is here. It can be dropped at any moment.
 */
export type Memory = {
  cursor: Cursor;
  /** The newest time in the partition: times never run backwards. */
  at: string;
  /** The offset in `commands` up to which the log has decided, -1 if none. */
  covered: number;
  checkpoint: Checkpoint | undefined;
  /** The store is at another checkpoint: nothing fetched from it belongs to this memory. */
  estranged: boolean;
  /** The streams at hand that are as the store has them, those used last at the end. They alone may be let go of. */
  readonly clean: Map<Stream, Slot>;
  /** The streams at hand that the store does not have as they are now. */
  readonly dirty: Map<Stream, Slot>;
  /** Events after the checkpoint that are not folded yet, for want of the stream or of a chunk of it. */
  readonly tails: Map<Stream, Envelope[]>;
  /** Outcomes after the checkpoint. */
  readonly outcomes: Map<string, Known>;
  /** About how many bytes are here because of what came after the checkpoint: what can only go once it is flushed. */
  unflushed: number;
  /** About how many bytes the streams at hand take. */
  weight: number;
};

export const blankMemory = (checkpoint?: Checkpoint): Memory => ({
  cursor: checkpoint?.cursor ?? startOfLog,
  at: checkpoint?.at ?? '',
  covered: checkpoint?.covered ?? -1,
  checkpoint,
  estranged: false,
  clean: new Map(),
  dirty: new Map(),
  tails: new Map(),
  outcomes: new Map(),
  unflushed: 0,
  weight: 0,
});

export const nameOf = ({ actor, id }: { readonly actor: string; readonly id: string }): string => `${actor} ${id}`;

export const answerOf = ({ outcome, offset }: Known, partition: number): Answer => ({
  ...outcome,
  position: { partition, offset },
});

/** A stream at hand, if it is. */
export const slotOf = (memory: Memory, stream: Stream): Slot | undefined =>
  memory.dirty.get(stream) ?? memory.clean.get(stream);

/** A stream that was brought before. */
export function held(memory: Memory, stream: Stream): Held {
  const slot = slotOf(memory, stream);
  if (!slot || memory.tails.has(stream)) throw new Error(`${stream} is not at hand`);
  return slot.now;
}

/** Puts a stream at hand as the store has it, or blank where the store has none. */
export function place(memory: Memory, stream: Stream, snapshot: Snapshot | undefined): void {
  const now: Held = snapshot
    ? { aggregate: storedAggregate(stream, snapshot.bare), version: snapshot.version, hash: snapshot.hash }
    : { aggregate: blankAggregate(stream), version: 0, hash: '' };
  shelve(memory, stream, { now, stored: now, weight: 0 });
}

/** Puts a chunk of a stream at hand. The store has it too, so it makes nothing unclean. */
export function placeChunk(memory: Memory, stream: Stream, chunk: number, body: unknown): void {
  const slot = slotOf(memory, stream);
  if (!slot) return;
  const clean = slot.now === slot.stored;
  const complete = (one: Held): Held => ({ ...one, aggregate: one.aggregate.withChunk(chunk, body) });
  slot.stored = complete(slot.stored);
  slot.now = clean ? slot.stored : complete(slot.now);
  shelve(memory, stream, slot);
}

/** Puts a stream where it belongs after a change, as the one used last, and counts it anew. */
export function shelve(memory: Memory, stream: Stream, slot: Slot): void {
  const [before, weight] = [slot.weight, weigh(slot)];
  memory.weight += weight - before;
  slot.weight = weight;
  memory.clean.delete(stream);
  if (slot.now === slot.stored) {
    memory.dirty.delete(stream);
    memory.clean.set(stream, slot);
  } else {
    memory.unflushed += memory.dirty.has(stream) ? Math.max(0, weight - before) : weight;
    memory.dirty.set(stream, slot);
  }
}

/** About what memory takes, in bytes: an outcome, a change to a state, a stream at hand, an entry of its tree. */
const SIZE = { outcome: 400, change: 300, stream: 2_000, entry: 150 } as const;

const weigh = ({ now }: Slot): number => SIZE.stream + SIZE.entry * now.aggregate.size();

/** Folds a chunk of the log into the memory. Throws on an event that this code does not know, or a gap in a stream. */
export function fold(memory: Memory, { records, next }: Chunk): void {
  for (const record of records) foldRecord(memory, record);
  memory.cursor = next;
}

function foldRecord(memory: Memory, { offset, entry }: Placed): void {
  if (entry.kind === 'takeover') memory.at = later(memory.at, entry.at);
  if (entry.kind === 'event') {
    const { event } = entry;
    const tail = memory.tails.get(event.stream);
    if (tail) tail.push(checked(event, tail.at(-1)?.version));
    else if (!foldEvent(memory, event)) memory.tails.set(event.stream, [event]);
    memory.at = later(memory.at, event.at);
    memory.unflushed += memory.tails.has(event.stream) ? JSON.stringify(event).length : SIZE.change;
  }
  if (entry.kind === 'event' || entry.kind === 'outcomes') remember(memory, entry.outcomes ?? [], offset + 1);
  memory.covered = Math.max(memory.covered, entry.covered ?? -1);
}

/** Folds the next event of a stream. False, with nothing changed, where the stream is not at hand. Throws `NotAtHand`. */
function foldEvent(memory: Memory, event: Envelope): boolean {
  const slot = slotOf(memory, event.stream);
  if (!slot) return false;
  const { version } = checked(event, slot.now.version);
  if (event.previous !== slot.now.hash)
    throw new Damaged(`${event.stream} breaks its chain at version ${version}: the log is damaged`);
  try {
    slot.now = { aggregate: slot.now.aggregate.evolve(decode(event)), version, hash: hashOf(event) };
    shelve(memory, event.stream, slot);
    return true;
  } catch (error) {
    if (error instanceof NotAtHand) return false;
    throw error;
  }
}

/** The event, if it is the one after a version of its stream. */
function checked(event: Envelope, after = 0): Envelope {
  const { stream, version } = event;
  if (version === after + 1) return event;
  throw new Damaged(`${stream} has version ${version} after ${after}: the log is damaged`);
}

/** A stream goes on with another event than its next: the log is damaged, or what the store had of the stream is. */
export class Damaged extends Error {
  override name = 'Damaged';
  readonly code = 'LOG_CORRUPT';
}

/** Folds what waits for a stream, now that it is at hand. Returns the chunk that is still lacking, if one is. */
export function foldTail(memory: Memory, stream: Stream): number | undefined {
  const [slot, tail] = [slotOf(memory, stream), memory.tails.get(stream)];
  if (!slot || !tail) return undefined;
  for (const [at, event] of tail.entries()) {
    try {
      slot.now.aggregate.evolve(decode(event));
    } catch (error) {
      if (!(error instanceof NotAtHand)) throw error;
      memory.tails.set(stream, tail.slice(at));
      return error.chunk;
    }
    foldEvent(memory, event);
  }
  memory.tails.delete(stream);
  return undefined;
}

/** What has landed: streams as they are now, outcomes, the cursor behind them, and which commands they cover. */
export type Landed = {
  readonly streams: ReadonlyMap<Stream, Held>;
  readonly events: number;
  readonly outcomes: readonly RecordedOutcome[];
  readonly next: Cursor;
  readonly covered: number | undefined;
};

/** Takes a batch of its own into the memory, once the fence says that it landed. */
export function land(memory: Memory, { streams, events, outcomes, next, covered }: Landed): void {
  for (const [stream, now] of streams) {
    const slot = slotOf(memory, stream);
    if (!slot) throw new Error(`${stream} was decided and is not at hand`);
    slot.now = now;
    shelve(memory, stream, slot);
  }
  memory.unflushed += events * SIZE.change;
  remember(memory, outcomes, next.offset);
  memory.covered = Math.max(memory.covered, covered ?? -1);
  memory.cursor = next;
}

/** How long outcomes are remembered, in ms: as long as a command with the longest deadline can come again, and a day. */
const REMEMBERED = LONGEST_DEADLINE + 24 * 3600_000;

/** The time before which outcomes are forgotten, '' if none are yet. */
export const forgetBefore = (at: string): string =>
  at === '' ? '' : new Date(Date.parse(at) - REMEMBERED).toISOString();

function remember(memory: Memory, outcomes: readonly RecordedOutcome[], offset: number): void {
  for (const { actor, command, hash, at, outcome } of outcomes) {
    memory.outcomes.set(nameOf({ actor, id: command }), { hash, outcome, offset, at });
    memory.at = later(memory.at, at);
    memory.unflushed += SIZE.outcome;
  }
  if (outcomes.length === 0) return;
  const oldest = forgetBefore(memory.at);
  for (const [name, known] of memory.outcomes) {
    if (known.at >= oldest) break;
    memory.outcomes.delete(name);
  }
}

const later = (a: string, b: string): string => (a > b ? a : b);

/**
 * Lets go of clean streams, those first that were not used for longest, until the rest fits into `room` bytes. Returns how
 * many that were.
 */
export function evict(memory: Memory, room: number): number {
  const before = memory.clean.size;
  for (const [stream, { weight }] of memory.clean) {
    if (memory.weight <= room) break;
    memory.clean.delete(stream);
    memory.weight -= weight;
  }
  return before - memory.clean.size;
}

/** Notes that a stream was used. */
export function touch(memory: Memory, stream: Stream): void {
  const slot = memory.clean.get(stream);
  if (!slot) return;
  memory.clean.delete(stream);
  memory.clean.set(stream, slot);
}
