import { schemaOf } from '../../domain/catalogue.js';
import { type Rejection, type Typed, isRejection, reject } from '../../domain/decider.js';
import { type Envelope, hashOf, textOf } from '../../domain/event.js';
import { type Stream, bucketOf, parseStream, partitionOf, timedId } from '../../domain/ids.js';
import type { Command, Incoming, Letter, Outcome, RecordedOutcome } from '../command.js';
import type { Fence } from '../log/fence.js';
import type { Entry } from '../log/log.js';
import { NotAtHand } from '../../domain/tree.js';
import { letterOf, requireReadable } from './letters.js';
import { type Held, type Memory, held } from './memory.js';
import { batchHeader } from './protocol.js';

/** What a batch would change, kept apart from the memory until the fence says that it landed. */
export type Overlay = {
  readonly streams: Map<Stream, Held>;
  readonly events: Envelope[];
  readonly outcomes: RecordedOutcome[];
  bytes: number;
};

export const blankOverlay = (): Overlay => ({ streams: new Map(), events: [], outcomes: [], bytes: 0 });

/** What one command may write, in bytes. */
export const LARGEST = 256 * 1024;

/** What the fence's header and the frame add to a record, in bytes, at most. */
const HEADER = 256;

/** Where a batch is decided: on what is known, at one time, in one home. */
export type Desk = {
  readonly memory: Memory;
  readonly overlay: Overlay;
  /** The time of the whole batch, ISO 8601. */
  readonly at: string;
  readonly partition: number;
  readonly partitions: number;
  readonly random: (bytes: number) => Uint8Array;
  readonly onDeadLetter: OnDeadLetter | undefined;
};

export type OnDeadLetter = (command: Command, error: unknown) => void;

/**
 * Decides one command on the overlay: its events and its outcome are added, the memory is untouched. A command that
 * throws is answered FAILED and kept as a dead letter: no command stops a partition. Throws `NotAtHand`, with nothing
 * changed, where a chunk of the stream has to be brought first.
 */
export function decideOn(desk: Desk, command: Command): void {
  const { overlay, at } = desk;
  const { id, actor, stream, hash } = command;
  const note = (outcome: Outcome, letter?: Letter): void => {
    const recorded = { actor, command: id, hash, at, outcome, ...(letter ? { letter } : {}) };
    overlay.outcomes.push(recorded);
    overlay.bytes += sizeOf(recorded);
  };
  const made = decideOne(desk, command);
  if ('rejected' in made) {
    const { rejected: code, message, head, letter } = made;
    note({ status: 'rejected', code, message, ...(head === undefined ? {} : { head }) }, letter);
    return;
  }
  overlay.streams.set(stream, made.after);
  overlay.events.push(...made.events);
  overlay.bytes += made.bytes;
  note({ status: 'accepted', stream, version: made.after.version, events: made.events.length });
}

const sizeOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));

type Decided = { readonly after: Held; readonly events: readonly Envelope[]; readonly bytes: number };

function decideOne(desk: Desk, command: Command): Decided | (Rejection & { readonly letter?: Letter }) {
  const { memory, overlay, at, partition, partitions, random } = desk;
  try {
    requireReadable(command);
    const { id } = parseStream(command.stream);
    if (partitionOf(bucketOf(id), partitions) !== partition) {
      return reject(
        'WRONG_BUCKET',
        'This stream has its home in another partition, where the command should have gone.',
      );
    }
    if (bucketOf(command.id) !== bucketOf(id)) {
      return reject('WRONG_BUCKET', "A command's id ends in the last three digits of the id of its stream.");
    }
    const before = overlay.streams.get(command.stream) ?? held(memory, command.stream);
    const decision = before.aggregate.decide({ type: command.type, data: command.data, actor: command.actor, id });
    if (isRejection(decision)) return decision;
    // Asked after the rules: it tells a version, and strangers learn nothing.
    if (command.expected !== undefined && command.expected !== before.version) {
      return reject('VERSION_MISMATCH', `The stream is at version ${before.version}, not ${command.expected}.`);
    }
    const stamped: Envelope[] = [];
    let [after, bytes] = [before, 0];
    for (const event of decision) {
      const envelope = stamp(event, command, after, at, timedId(Date.parse(at), random(16), bucketOf(id)));
      bytes += Buffer.byteLength(textOf(envelope)) + HEADER;
      after = {
        aggregate: after.aggregate.evolve(event),
        version: envelope.version,
        hash: hashOf(envelope),
      };
      stamped.push(envelope);
    }
    if (bytes > LARGEST) return reject('TOO_LARGE', 'One command writes at most 256 KB. Send less.');
    return { after, events: stamped, bytes };
  } catch (error) {
    if (error instanceof NotAtHand) throw error;
    desk.onDeadLetter?.(command, error);
    const words = 'This command could not be decided. It changed nothing; sending it again will not help.';
    return { ...reject('FAILED', words), letter: letterOf(command, error) };
  }
}

const stamp = (event: Typed, command: Command, before: Held, at: string, id: string): Envelope => ({
  id,
  type: event.type,
  schema: schemaOf(event.type),
  stream: command.stream,
  version: before.version + 1,
  at,
  actor: command.actor,
  cause: command.id,
  correlation: command.correlation,
  ...(command.trace === undefined ? {} : { trace: command.trace }),
  previous: before.hash,
  data: event.data,
});

/** The offset in `commands` up to which everything is decided. What waits is not, nor is anything behind it. */
export function coveredBy(decided: readonly Incoming[], waiting: readonly Incoming[]): number | undefined {
  const open = Math.min(...waiting.map(({ offset = Infinity }) => offset));
  const below = decided.flatMap(({ offset }) => (offset === undefined || offset > open ? [] : [offset]));
  return below.length === 0 ? undefined : Math.max(...below);
}

/** What a batch brings into the log. */
export type Writing = { readonly events: readonly Envelope[]; readonly outcomes: readonly RecordedOutcome[] };

/** The records of a batch of an owner: its events, the last with all outcomes; or one record of outcomes alone. */
export function recordsOf(
  { events, outcomes }: Writing,
  fence: Fence,
  owner: string,
  covered: number | undefined,
): readonly Entry[] {
  const last = { outcomes, ...(covered === undefined ? {} : { covered }) };
  if (events.length === 0) return [{ kind: 'outcomes', header: batchHeader(fence, owner, 0, 1), ...last }];
  return events.map((event, index): Entry => ({
    kind: 'event',
    header: batchHeader(fence, owner, index, events.length),
    event,
    ...(index === events.length - 1 ? last : {}),
  }));
}
