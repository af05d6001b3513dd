import { decode } from '../domain/catalogue.js';
import { pass } from '../commands/log/fence.js';
import type { Chunk, Cursor, Log, Placed } from '../commands/log/log.js';
import { moveCheckpoint, moved, takeHome } from './checkpoints.js';
import { createGatherer } from './gatherer.js';
import type { Generation } from './generations.js';
import { type ParkedRow, Poison, errorOf, parkedRow, parkedTable, readParkedAt, refusing } from './parked.js';
import { type Located, type Projection, ProjectionError } from './projection.js';
import type { Db, Queryable } from './readmodel/db.js';
import { type Stage, type Ways, createStage } from './readmodel/table.js';
import { sliced } from './slices.js';

/** So many streams parked at one home say that it is not the events that are wrong. */
const MOST_PARKED = 100;
/**
 * How many records are taken at once, where so many are there. More would be a little faster, and a little longer nobody
 * could read where one session serves all.
 */
export const BATCH = 2_000;
/** How many events of one stream are applied at once when it is tried again. */
const SLICE = 1_000;
/** How many records it takes at least until it has statistics made anew. */
const GROWTH = 10_000;

/** What stands parked at a home, by stream. */
export type ParkedStreams = ReadonlyMap<string, ParkedRow>;

/** Told after each commit of a batch, or of a part of one: what it changed, and the cursor behind it. */
export type Tell<N> = (notices: readonly N[], at: Cursor) => void;

/** One generation as it is filled, home by home. At one home, one thing at a time: whoever drives it sees to that. */
export type Feed<N> = {
  readonly generation: Generation;
  /** Takes a home over, before anything else is done there. Whoever had it writes nothing more there. */
  enter(home: number): Promise<void>;
  /** Forgets a home: others may have it. */
  leave(home: number): void;
  isIn(home: number): boolean;
  at(home: number): Cursor;
  /** In which term of the home it writes: see `Checkpoint`. */
  term(home: number): number;
  parked(home: number): ParkedStreams;
  /**
   * Applies a chunk of the log that begins where the home is, in one transaction with its checkpoint. Where events are
   * refused, it goes on in parts, until the first one refused of a stream is found, and parks that stream. With `like`,
   * exactly what stands there is parked, and anything else that is refused throws REBUILD_STOPPED. What is large is cut
   * into several transactions. Returns how many events it applied: not those that it parked, or that wait.
   */
  take(home: number, chunk: Chunk, tell?: Tell<N>, like?: ParkedStreams): Promise<number>;
  /**
   * Applies what a parked stream holds up, all or nothing; with `like`, only up to the event with which the stream is
   * parked there, and parks it with that. Returns what it was refused with, if it was, and notes it.
   */
  retry(home: number, stream: string, tell?: Tell<N>, like?: ParkedRow): Promise<Error | undefined>;
  /** Has the database count what it holds, so that it plans by that. Not everywhere does it do so by itself. */
  analyze(): Promise<void>;
};

/** A generation that is to be filled. It begins with no home. */
export function openFeed<N>(options: {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  readonly generation: Generation;
}): Feed<N> {
  const { log, db, projection, generation } = options;
  const { schema } = generation;
  const cursors = new Map<number, Cursor>();
  const terms = new Map<number, number>();
  const parked = new Map<number, Map<string, ParkedRow>>();

  const enter = async (home: number): Promise<void> => {
    const { cursor, term } = await takeHome(db, schema, home);
    // What is parked is read behind that, as nobody else changes it any more.
    const rows = await readParkedAt(db, schema, home);
    parked.set(home, new Map(rows.map((row) => [row.stream, row])));
    terms.set(home, term);
    cursors.set(home, cursor);
  };
  const at = (home: number): Cursor => {
    const cursor = cursors.get(home);
    if (!cursor) throw new RangeError(`home ${home} was not entered`);
    return cursor;
  };
  const fromOf = (home: number) => ({ offset: at(home).offset, term: terms.get(home) ?? 0 });
  const parkedAt = (home: number): Map<string, ParkedRow> => parked.get(home) ?? new Map<string, ParkedRow>();
  /** A retry leaves the checkpoint where it is, so that only the row that is gone tells of it: what waited must not be lost. */
  const unparked = (home: number, stream: string): ProjectionError =>
    moved(schema, `Another runner has taken what ${stream} held up at home ${home}.`);

  /** One whose statements are asked at once, one by one. */
  const stageIn = ({ query }: Queryable, home: number, offset: number): Stage =>
    createStage({ read: { query }, write: { query } }, schema, home, offset);
  const applyIn = (ways: Ways, home: number, offset: number, events: readonly Located[]): Promise<readonly N[]> =>
    events.length === 0 ? Promise.resolve([]) : projection.apply(events, createStage(ways, schema, home, offset));

  /**
   * Writes what a part of a batch changes, who waits longer, what it parks, and the checkpoint behind it. The fold is over
   * before the transaction begins, so that that is short: what was read is still true if the checkpoint has not moved. That
   * is moved first, so that whoever else is at this home waits there, and two never hold rows that both need; and so that
   * what is new to the fold is new to the tables, and may be copied. Where a COPY is refused all the same, all is inserted.
   */
  const commit = async (home: number, part: Part, next: Cursor, copies = db.copies === true): Promise<readonly N[]> => {
    const { flowing, waiting, parking } = part;
    const gathered = createGatherer(copies);
    const notices = await refusing(db, (read) => applyIn({ read, write: gathered.write }, home, next.offset, flowing));
    const from = fromOf(home);
    try {
      await db.tx(async (tx) => {
        await Promise.all([
          moveCheckpoint(tx, schema, home, from, next),
          refusing(tx, (noted) => Promise.all(gathered.steps.map((step) => step(noted)))),
          ...waiting.map(async ({ stream, waiting: events }) => {
            const { count } = await tx.query(
              `UPDATE ${schema}.parked SET waiting = $3 WHERE home = $1 AND stream = $2`,
              [home, stream, events],
            );
            if (count !== 1) throw unparked(home, stream);
          }),
          ...(parking ? [stageIn(tx, home, next.offset).save(parkedTable, [parking])] : []),
        ]);
      });
    } catch (error) {
      // An insert takes what is there already, and what is written in another way; or says which event it refuses.
      if (error instanceof Poison && gathered.hasCopied()) return commit(home, part, next, false);
      throw error;
    }
    cursors.set(home, next);
    for (const row of parking ? [...waiting, parking] : waiting) parkedAt(home).set(row.stream, row);
    return notices;
  };

  const take = async (home: number, chunk: Chunk, tell: Tell<N>, like: ParkedStreams | undefined): Promise<number> => {
    const { records, next } = chunk;
    const held = parkedAt(home);
    const events = records.flatMap((placed) => locate(home, placed));
    const flowing = held.size === 0 ? events : events.filter(({ event }) => !held.has(event.stream));
    const waiting = held.size === 0 ? [] : countWaiting(held, events);
    const foreseen = flowing.find(({ event, offset }) => like?.get(event.stream)?.eventOffset === offset);
    const [first] = flowing;
    try {
      if (foreseen) throw new Poison('it is parked in the live generation');
      tell(await commit(home, { flowing, waiting }, next), next);
      return flowing.length;
    } catch (error) {
      if (!(error instanceof Poison) || !first) throw error;
      if (flowing.length > 1) {
        const middle = foreseen ?? flowing[Math.floor(flowing.length / 2)] ?? first;
        const cut = middle === first ? middle.offset + 1 : middle.offset;
        const before = records.filter(({ offset }) => offset < cut);
        const taken = await take(home, { records: before, next: behind(at(home), before) }, tell, like);
        return taken + (await take(home, { records: records.slice(before.length), next }, tell, like));
      }
      const known = like?.get(first.event.stream);
      if (like && known?.eventOffset !== first.offset) throw stopped(home, first, error.cause);
      if (held.size >= MOST_PARKED) throw tooMany(held.size, first, error.cause);
      const parking = known ? { ...known, waiting: 0, wanted: false } : parkedRow(first, error.cause);
      tell(await commit(home, { flowing: [], waiting, parking }, next), next);
      return 0;
    }
  };

  const takeInSlices: Feed<N>['take'] = async (home, { records, next }, tell = () => undefined, like) => {
    let taken = 0;
    const slices = sliced(records, BATCH, ({ entry }) => (entry.kind === 'event' ? entry.event.data : null));
    for (const slice of slices.slice(0, -1)) {
      taken += await take(home, { records: slice, next: behind(at(home), slice) }, tell, like);
    }
    taken += await take(home, { records: slices.at(-1) ?? [], next }, tell, like);
    if (total() - analyzed >= Math.max(GROWTH, analyzed)) await analyze();
    return taken;
  };

  /** Where all homes together were when statistics were last made; of what was made before this was opened it knows nothing. */
  let analyzed = 0;
  const total = (): number => [...cursors.values()].reduce((sum, { offset }) => sum + offset, 0);
  const analyze = async (): Promise<void> => {
    analyzed = total();
    for (const { name } of [parkedTable, ...projection.tables]) await db.query(`ANALYZE ${schema}.${name}`);
  };

  const retry = async (
    home: number,
    stream: string,
    tell: Tell<N>,
    like: ParkedRow | undefined,
  ): Promise<Error | undefined> => {
    const row = parkedAt(home).get(stream);
    if (!row) return undefined;
    const here = at(home);
    const held = await eventsOf(log, home, row, here.offset);
    const events = like ? held.filter(({ offset }) => offset < like.eventOffset) : held;
    const waiting = held.length - events.length - 1;
    const parking = like && waiting >= 0 ? { ...like, waiting, wanted: false } : undefined;
    try {
      const notices = await db.tx(async (tx) => {
        await moveCheckpoint(tx, schema, home, fromOf(home), here);
        const told: N[] = [];
        for (const slice of sliced(events, SLICE, ({ event }) => event.data)) {
          told.push(...(await refusing(tx, (noted) => projection.apply(slice, stageIn(noted, home, here.offset)))));
        }
        const { count } = await tx.query(`DELETE FROM ${schema}.parked WHERE home = $1 AND stream = $2`, [
          home,
          stream,
        ]);
        if (count !== 1) throw unparked(home, stream);
        if (parking) await stageIn(tx, home, here.offset).save(parkedTable, [parking]);
        return told;
      });
      if (parking) parkedAt(home).set(stream, parking);
      else parkedAt(home).delete(stream);
      tell(notices, here);
      return undefined;
    } catch (error) {
      if (!(error instanceof Poison)) throw error;
      const { errorName, errorMessage } = errorOf(error.cause);
      await db.query(
        `UPDATE ${schema}.parked SET wanted = false, error_name = $3, error_message = $4 WHERE home = $1 AND stream = $2`,
        [home, stream, errorName, errorMessage],
      );
      parkedAt(home).set(stream, { ...row, wanted: false, errorName, errorMessage });
      return error.cause instanceof Error ? error.cause : error;
    }
  };

  return {
    generation,
    enter,
    leave: (home) => {
      cursors.delete(home);
      terms.delete(home);
      parked.delete(home);
    },
    isIn: (home) => cursors.has(home),
    at,
    term: (home) => fromOf(home).term,
    parked: parkedAt,
    take: takeInSlices,
    retry: (home, stream, tell = () => undefined, like) => retry(home, stream, tell, like),
    analyze,
  };
}

/** What one transaction does with a part of a batch. */
type Part = {
  readonly flowing: readonly Located[];
  readonly waiting: readonly ParkedRow[];
  readonly parking?: ParkedRow;
};

/** The rows of the parked streams that these events belong to, with one more waiting for each. */
function countWaiting(held: ParkedStreams, events: readonly Located[]): readonly ParkedRow[] {
  const rows = new Map<string, ParkedRow>();
  for (const { event } of events) {
    const row = rows.get(event.stream) ?? held.get(event.stream);
    if (row) rows.set(event.stream, { ...row, waiting: row.waiting + 1 });
  }
  return [...rows.values()];
}

/** The cursor behind some valid records: what lies between them has not moved the fence. */
const behind = (from: Cursor, records: readonly Placed[]): Cursor => ({
  offset: (records.at(-1)?.offset ?? from.offset - 1) + 1,
  fence: records.reduce((fence, { entry }) => pass(fence, entry).fence, from.fence),
});

/** What a stream holds from the event with which it was parked up to an offset. */
async function eventsOf(log: Log, home: number, { stream, eventOffset }: ParkedRow, end: number) {
  const events: Located[] = [];
  for await (const { records, next } of log.read(home, await log.cursorAt(home, { offset: eventOffset }))) {
    for (const placed of records) {
      const { offset, entry } = placed;
      if (offset < end && entry.kind === 'event' && entry.event.stream === stream) events.push(...locate(home, placed));
    }
    if (next.offset >= end) break;
  }
  return events;
}

/** The event in a record, if there is one, with its place. */
function locate(partition: number, { offset, entry }: Placed): readonly Located[] {
  if (entry.kind !== 'event') return [];
  try {
    return [{ partition, offset, event: decode(entry.event) }];
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new ProjectionError('UNKNOWN_EVENT', `${what} (at offset ${offset}). Start the version that wrote it.`, {
      cause,
    });
  }
}

const named = ({ offset, event }: Located): string => `the ${event.type} of ${event.stream} at offset ${offset}`;

function stopped(home: number, event: Located, cause: unknown): ProjectionError {
  const what = `home ${home} refuses ${named(event)}, which the live view took: ${errorOf(cause).errorMessage}`;
  return new ProjectionError('REBUILD_STOPPED', what, { cause });
}

function tooMany(count: number, event: Located, cause: unknown): ProjectionError {
  const what = `${count} streams are parked here, and now it refuses ${named(event)}: ${errorOf(cause).errorMessage}`;
  return new ProjectionError('TOO_MANY_PARKED', `${what}. Mend the view, and start again.`, { cause });
}
