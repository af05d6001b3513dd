import { contentTable } from '../../domain/catalogue.js';
import { type Stream, parseStream, streamOf } from '../../domain/ids.js';
import { UsageError } from '../run/errors.js';

/** Which events of the log are asked for, in which part of it. */
export type Selection = {
  /** A position token: only what comes after it. */
  readonly from?: string;
  readonly stream?: Stream;
  readonly types?: ReadonlySet<string>;
  /** ISO 8601, UTC: events at or after it, and before it. */
  readonly since?: string;
  readonly until?: string;
  readonly partition?: number;
  /** At most so many. */
  readonly limit?: number;
  /** Whether to go on with what comes after the end. */
  readonly follow: boolean;
  /** Not events, but commands that could not be decided; their types are those of commands. */
  readonly deadLetters: boolean;
};

/** The names under which a selection is given, on the command line and to a server alike. */
export const selectionNames = [
  'from',
  'stream',
  'type',
  'since',
  'until',
  'partition',
  'limit',
  'follow',
  'dead-letters',
] as const;
export type Given = Partial<Record<(typeof selectionNames)[number], string>>;

/** Reads a selection. Throws UsageError, which names what is wrong and what there is. */
export function readSelection(given: Given): Selection {
  const { from, stream, type, since, until, partition, limit } = given;
  const follow = given.follow !== undefined;
  if (follow && until !== undefined) {
    throw new UsageError('--follow waits for what comes and --until ends at a time: use one of them.');
  }
  const deadLetters = given['dead-letters'] !== undefined;
  return {
    follow,
    deadLetters,
    ...(from === undefined ? {} : { from }),
    ...(stream === undefined ? {} : { stream: streamIn(stream) }),
    ...(type === undefined ? {} : { types: typesIn(type, deadLetters) }),
    ...(since === undefined ? {} : { since: timeIn('--since', since) }),
    ...(until === undefined ? {} : { until: timeIn('--until', until) }),
    ...(partition === undefined ? {} : { partition: numberIn('--partition', partition, 0) }),
    ...(limit === undefined ? {} : { limit: numberIn('--limit', limit, 1) }),
  };
}

function streamIn(value: string): Stream {
  try {
    const { kind, id } = parseStream(value);
    return streamOf(kind, id);
  } catch {
    throw new UsageError(
      `"${value}" is not a stream. Streams are user-<id>, conversation-<id>, membership-<id> and instance-<id>, with a lower-case UUID.`,
    );
  }
}

function typesIn(value: string, any: boolean): ReadonlySet<string> {
  const types = value.split(',').map((each) => each.trim());
  // A dead letter may say anything.
  if (any) return new Set(types);
  const unknown = types.filter((each) => !Object.hasOwn(contentTable, each));
  if (unknown.length === 0) return new Set(types);
  const there = Object.keys(contentTable).toSorted().join(', ');
  throw new UsageError(
    `There are no events of type ${unknown.map((each) => `"${each}"`).join(', ')}. There are ${there}.`,
  );
}

/** A time as events carry it, from any spelling of ISO 8601; one that names no zone is local. */
function timeIn(name: string, value: string): string {
  const at = /^\d{4}-\d{2}/.test(value) ? new Date(value) : undefined;
  if (at && !Number.isNaN(at.getTime())) return at.toISOString();
  throw new UsageError(`${name} is "${value}". It takes a time as 2026-01-31 or 2026-01-31T18:30:00Z.`);
}

function numberIn(name: string, value: string, least: number): number {
  const number = Number(value);
  if (/^\d{1,15}$/.test(value) && number >= least) return number;
  throw new UsageError(`${name} is "${value}". It takes a whole number from ${least} on.`);
}
