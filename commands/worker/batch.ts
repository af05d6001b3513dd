import { schemaOf } from '../../domain/catalogue.js';
import { type Rejection, type Typed, isRejection, reject } from '../../domain/decider.js';
import { type Envelope, hashOf } from '../../domain/event.js';
import { type Stream, bucketOf, parseStream, timedId } from '../../domain/ids.js';
import type { Command, Outcome, RecordedOutcome } from '../command.js';
import type { Fence } from '../log/fence.js';
import { CODE, type Entry } from '../log/log.js';
import { type Held, type Memory, held } from './memory.js';

/** What a batch would change, kept apart from the memory until the fence says that it landed. */
export type Overlay = {
  readonly streams: Map<Stream, Held>;
  readonly events: Envelope[];
  readonly outcomes: RecordedOutcome[];
  bytes: number;
};

export const blankOverlay = (): Overlay => ({ streams: new Map(), events: [], outcomes: [], bytes: 0 });

const LARGEST = 256 * 1024;

/**
 * Decides one command on the overlay: its events and its outcome are added, the memory is untouched. `at` is the time of
 * the batch. A command that throws is answered FAILED: no command stops a partition.
 */
export function decideOn(
  memory: Memory,
  overlay: Overlay,
  command: Command,
  at: string,
  random: (bytes: number) => Uint8Array,
): void {
  const { id, actor, stream, hash } = command;
  const before = overlay.streams.get(stream) ?? held(memory, stream);
  const made = decideOne(command, before, at, random);
  if ('rejected' in made) {
    const { rejected: code, message, head } = made;
    const outcome: Outcome = { status: 'rejected', code, message, ...(head === undefined ? {} : { head }) };
    overlay.outcomes.push({ actor, command: id, hash, at, outcome });
    return;
  }
  overlay.streams.set(stream, made.after);
  overlay.events.push(...made.events);
  overlay.bytes += made.bytes;
  const outcome: Outcome = {
    status: 'accepted',
    stream,
    version: made.after.version,
    events: made.events.length,
  };
  overlay.outcomes.push({ actor, command: id, hash, at, outcome });
}

type Decided = { readonly after: Held; readonly events: readonly Envelope[]; readonly bytes: number };

function decideOne(
  command: Command,
  before: Held,
  at: string,
  random: (bytes: number) => Uint8Array,
): Decided | Rejection {
  if (command.expected !== undefined && command.expected !== before.version) {
    return reject('VERSION_MISMATCH', `The stream is at version ${before.version}, not ${command.expected}.`);
  }
  try {
    const { id } = parseStream(command.stream);
    const decision = before.aggregate.decide({ type: command.type, data: command.data, actor: command.actor, id });
    if (isRejection(decision)) return decision;
    const stamped: Envelope[] = [];
    let after = before;
    for (const event of decision) {
      const envelope = stamp(event, command, after, at, timedId(Date.parse(at), random(16), bucketOf(id)));
      after = {
        aggregate: after.aggregate.evolve(event),
        version: envelope.version,
        hash: hashOf(envelope),
      };
      stamped.push(envelope);
    }
    const bytes = stamped.reduce((sum, envelope) => sum + JSON.stringify(envelope).length, 0);
    if (bytes > LARGEST) return reject('TOO_LARGE', 'One command writes at most 256 KB. Send less.');
    return { after, events: stamped, bytes };
  } catch {
    return reject('FAILED', 'This command could not be decided. It changed nothing; sending it again will not help.');
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

/** The records of a batch: its events, the last of them with all outcomes; or one record of outcomes alone. */
export function recordsOf({ events, outcomes }: Overlay, fence: Fence, covered: number | undefined): readonly Entry[] {
  const count = Math.max(events.length, 1);
  const header = (index: number) => ({
    owner: fence.owner ?? '',
    term: fence.term,
    batch: fence.batch,
    index,
    count,
    code: CODE,
  });
  const last = { outcomes, ...(covered === undefined ? {} : { covered }) };
  if (events.length === 0) return [{ kind: 'outcomes', header: header(0), ...last }];
  return events.map((event, index): Entry => ({
    kind: 'event',
    header: header(index),
    event,
    ...(index === count - 1 ? last : {}),
  }));
}
