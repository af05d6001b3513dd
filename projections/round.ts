import type { Chunk, Log } from '../commands/log/log.js';
import type { Bell } from './bell.js';
import { BATCH, type Feed } from './feed.js';
import { readWanted } from './parked.js';
import type { Projection } from './projection.js';
import { type Db, passes } from './readmodel/db.js';
import { type Rebuild, createRebuild, isFull } from './rebuild.js';
import { createTurns } from './turns.js';

/** How often it looks at what is wanted of it, in ms, where nobody tells it: of what is parked, and of a rebuild. */
const RETRIES_MS = 1_000;
const REBUILD_MS = 5_000;

/**
 * What one batch of a home took: its records, how many events the view shows of it (not those that are parked or wait),
 * and when the newest event happened (ISO 8601).
 */
export type Batch = {
  readonly home: number;
  readonly records: number;
  readonly events: number;
  readonly seconds: number;
  readonly newest: string | undefined;
};

export type RoundOptions<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  /** Those that are to run. */
  readonly homes: readonly number[];
  /** The live generation, as it was opened. */
  readonly first: Feed<N>;
  /** Ends the round when it aborts. */
  readonly signal: AbortSignal;
  /** Ends the round, as there is trouble that passes, or what it holds is not what the database holds. */
  readonly halt: AbortController;
  readonly bells: { readonly retries: Bell; readonly rebuild: Bell };
  /** Told where a home is: when it begins, and after each commit. */
  readonly onShown: (home: number, offset: number) => void;
  readonly onCommit: (notices: readonly N[]) => void;
  readonly onBatch: ((batch: Batch) => void) | undefined;
  readonly onTrouble: (error: unknown) => void;
  /** Told when a home begins, and when it has taken what lies between two offsets of the log. */
  readonly onTaken: (home: number, from: number, to: number) => void;
  /** Told of what stops a home for good. */
  readonly onStopped: (home: number, error: unknown) => void;
  readonly clock: () => number;
};

/**
 * A view at work on a database that stays the same: one loop per home keeps the live generation in step with the log, and
 * beside them two look at what operators want. Which generation is the live one may change on the way; no home notices.
 */
export function startRound<N>(options: RoundOptions<N>): { readonly ended: Promise<void>; readonly rebuild: Rebuild } {
  const { log, db, projection, homes, first, signal, halt, bells } = options;
  const { onShown, onCommit, onBatch, onTrouble, onTaken, onStopped, clock } = options;
  const turns = createTurns();
  let live = first;

  const tell = (notices: readonly N[]): void => {
    if (notices.length > 0) onCommit(notices);
  };
  const apply = async (home: number, chunk: Chunk): Promise<void> => {
    const begun = performance.now();
    const events = await live.take(home, chunk, (notices, at) => {
      onShown(home, at.offset);
      tell(notices);
    });
    if (!onBatch) return;
    const times = chunk.records.flatMap(({ entry }) => (entry.kind === 'event' ? [entry.event.at] : []));
    const seconds = (performance.now() - begun) / 1_000;
    onBatch({ home, records: chunk.records.length, events, seconds, newest: times.at(-1) });
  };

  const follow = async (home: number): Promise<void> => {
    const from = live.at(home);
    let { offset } = from;
    onShown(home, offset);
    onTaken(home, offset, offset);
    for await (const chunk of log.read(home, from, { follow: true, signal, limit: BATCH })) {
      await turns.take(home, async () => {
        if (!signal.aborted) await apply(home, chunk);
      });
      if (signal.aborted) return;
      onTaken(home, offset, chunk.next.offset);
      ({ offset } = chunk.next);
    }
  };

  const retryWanted = async (): Promise<void> => {
    for (const home of homes) {
      if (signal.aborted || live.parked(home).size === 0) continue;
      await turns.take(home, async () => {
        for (const stream of await readWanted(db, live.generation.schema, home)) await live.retry(home, stream, tell);
      });
    }
  };

  const rebuild = createRebuild({
    log,
    db,
    projection,
    live: () => live,
    swap: (feed) => {
      live = feed;
    },
    hold: turns.take,
    reopen: () => halt.abort(),
    clock,
  });

  /** Once it is halted, whatever goes wrong was asked of a database that is another one now. */
  const isPassing = (error: unknown): boolean => passes(error) || halt.signal.aborted;
  const holdUp = (error: unknown): void => {
    onTrouble(error);
    halt.abort();
  };
  const looking = async (work: () => Promise<number>, holdsUp: (error: unknown) => boolean): Promise<number> => {
    try {
      return await work();
    } catch (error) {
      if (holdsUp(error)) holdUp(error);
      else onTrouble(error);
      return REBUILD_MS;
    }
  };

  const following = async (home: number): Promise<void> => {
    try {
      if (!signal.aborted) await follow(home);
    } catch (error) {
      if (isPassing(error)) holdUp(error);
      else onStopped(home, error);
    }
  };
  const run = async (): Promise<void> => {
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const lookers = [
      bells.retries.everyTime(until, () => looking(async () => (await retryWanted(), RETRIES_MS), isPassing)),
      bells.rebuild.everyTime(until, (isRung) =>
        looking(
          async () => ((await rebuild.tend(isRung)) ? 0 : REBUILD_MS),
          // Without room for the rebuild, the live view goes on.
          (error) => !isFull(error) && isPassing(error),
        ),
      ),
    ];
    await Promise.all(homes.map(following));
    over.abort();
    await Promise.all(lookers);
  };
  return { ended: run(), rebuild };
}
