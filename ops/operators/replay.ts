import { PositionError, parsePosition, positionToken } from '../../commands/client/position.js';
import { deadLettersIn } from '../../commands/command.js';
import type { Chunk, Cursor, Entry, Log } from '../../commands/log/log.js';
import { homeOf } from '../../domain/ids.js';
import { UsageError } from '../run/errors.js';
import { type Found, arriving, oldestFirst } from './merge.js';
import type { Selection } from './selection.js';

/** How many records are read at once, so that a replay of however long a log holds only a few in memory. */
const PAGE = 100;

/** A selection of one log, with the places at which to begin. */
export type Plan = {
  readonly log: Log;
  readonly selection: Selection;
  /** For each partition, the offset below which everything is known already. */
  readonly seen: ReadonlyMap<number, number>;
  readonly starts: ReadonlyMap<number, Cursor>;
};

/**
 * Looks up where a replay begins. Throws PositionError, also where the position lies beyond the end of this log, which
 * was restored to an earlier state then; and UsageError for a partition that is not there.
 */
export async function planReplay(log: Log, selection: Selection): Promise<Plan> {
  const { from, since } = selection;
  const seen = new Map<number, number>();
  for (const { partition, offset } of from === undefined ? [] : parsePosition(log.id, from)) {
    if (partition >= log.partitions || offset > (await log.end(partition))) {
      const message =
        'This position lies beyond the end of the log, which was restored to an earlier time: fetch anew.';
      throw new PositionError('CURSOR_EXPIRED', message);
    }
    seen.set(partition, offset);
  }
  const starts = new Map<number, Cursor>();
  for (const partition of partitionsOf(log, selection)) {
    const after = await log.cursorAt(partition, { offset: seen.get(partition) ?? 0 });
    const later = since === undefined ? after : await log.cursorAt(partition, { time: since });
    starts.set(partition, later.offset > after.offset ? later : after);
  }
  return { log, selection, seen, starts };
}

function partitionsOf(log: Log, { stream, partition }: Selection): readonly number[] {
  if (partition !== undefined && partition >= log.partitions) {
    throw new UsageError(`--partition is ${partition}. This log has the partitions 0 to ${log.partitions - 1}.`);
  }
  const all = Array.from({ length: log.partitions }, (_, number) => number);
  return all.filter(
    (each) =>
      (partition === undefined || each === partition) &&
      (stream === undefined || each === homeOf(stream, log.partitions)),
  );
}

/**
 * The events (or dead letters) of a plan as NDJSON, in pieces of whole lines: each as it is stored, its `position`, and
 * the `token` to go on from behind it. Those that are there come oldest first, across partitions; then, with `follow`, what
 * comes, as it comes. Within a partition the order is the log's. Reads no further than it is asked for.
 */
export async function* replay(plan: Plan, signal: AbortSignal): AsyncGenerator<string> {
  const { log, selection, starts } = plan;
  const seen = new Map(plan.seen);
  let left = selection.limit ?? Infinity;
  const lines = (found: readonly Found[]): string =>
    found
      .slice(0, left)
      .map(({ partition, offset, value, last }) => {
        left -= 1;
        // In the middle of a record: whoever goes on from there gets it from its start, so that nothing is left out.
        seen.set(partition, last ? offset + 1 : offset);
        const token = positionToken(
          log.id,
          [...seen].map(([each, at]) => ({ partition: each, offset: at })),
        );
        return `${JSON.stringify({ ...value, position: { partition, offset }, token })}\n`;
      })
      .join('');

  const cursors = new Map(starts);
  const sources = [...starts.keys()].map((partition) => pages(plan, partition, cursors, signal));
  for await (const found of oldestFirst(sources)) {
    if (found.length > 0) yield lines(found);
    if (left <= 0) return;
  }
  if (!selection.follow) return;

  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const followers = [...cursors].map(([partition, cursor]) =>
    chosen(plan, partition, log.read(partition, cursor, { follow: true, limit: PAGE, signal: until })),
  );
  try {
    for await (const found of arriving(followers)) {
      if (found.length > 0) yield lines(found);
      if (left <= 0) return;
    }
  } finally {
    over.abort();
  }
}

/** What is chosen of one partition up to its end. Notes in `cursors` how far it has read. */
async function* pages(
  plan: Plan,
  partition: number,
  cursors: Map<number, Cursor>,
  signal: AbortSignal,
): AsyncGenerator<readonly Found[]> {
  const { log, selection, starts } = plan;
  const noted = async function* (): AsyncGenerator<Chunk> {
    for await (const chunk of log.read(partition, starts.get(partition), { limit: PAGE, signal })) {
      cursors.set(partition, chunk.next);
      yield chunk;
      const newest = chunk.records.findLast(({ entry }) => entry.kind === 'event')?.entry;
      // Times never run backwards in a partition: nothing behind this one is earlier.
      const { until } = selection;
      if (until !== undefined && newest?.kind === 'event' && newest.event.at >= until) return;
    }
  };
  yield* chosen(plan, partition, noted());
}

async function* chosen(
  { selection }: Plan,
  partition: number,
  chunks: AsyncIterable<Chunk>,
): AsyncGenerator<readonly Found[]> {
  for await (const { records } of chunks) {
    yield records.flatMap(({ offset, entry }): Found[] => {
      const values = (selection.deadLetters ? lettersIn(entry) : eventsIn(entry)).filter((value) =>
        isWanted(selection, value),
      );
      return values.map(({ at, value }, n) => ({ partition, offset, at, value, last: n === values.length - 1 }));
    });
  }
}

/** What a filter sees of an event or a dead letter. */
type Candidate = { readonly stream: string; readonly type: string; readonly at: string; readonly value: object };

const eventsIn = (entry: Entry): readonly Candidate[] =>
  entry.kind === 'event' ? [{ ...entry.event, value: entry.event }] : [];

const lettersIn = (entry: Entry): readonly Candidate[] =>
  deadLettersIn(entry).map((value) => ({ stream: value.letter.stream, type: value.letter.type, at: value.at, value }));

const isWanted = ({ stream, types, since, until }: Selection, each: Candidate): boolean =>
  (stream === undefined || each.stream === stream) &&
  (types === undefined || types.has(each.type)) &&
  (since === undefined || each.at >= since) &&
  (until === undefined || each.at < until);
