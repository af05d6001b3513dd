import type { Chunk, Log } from '../commands/log/log.js';
import type { Bell } from './bell.js';
import { isMoved } from './checkpoints.js';
import { BATCH, type Feed } from './feed.js';
import { isGone } from './generations.js';
import type { Homes } from './homes.js';
import { readWanted } from './parked.js';
import type { Projection } from './projection.js';
import { type Db, isFull, passes } from './readmodel/db.js';
import { createRebuild } from './rebuild.js';
import { createSides } from './sides.js';

/** How often it looks at what is wanted of it, in ms, where nobody tells it: of what is parked, and of a rebuild. */
const RETRIES_MS = 1_000;
const REBUILD_MS = 5_000;
/** The same where processes share the homes: none can tell another one, and a rebuild waits for all of them. */
const SHARED_REBUILD_MS = 1_000;

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
  /** Those that are to run here. */
  readonly homes: Homes;
  /** Whether other processes run other homes: what is dropped, moved or switched is then by one of them. */
  readonly isShared: boolean;
  /** Whether a home is to go on: it has not stopped for good. */
  readonly isLeft: (home: number) => boolean;
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
export function startRound<N>(options: RoundOptions<N>): { readonly ended: Promise<void> } {
  const { log, db, projection, homes, isShared, isLeft, first, signal, halt, bells } = options;
  const { onShown, onCommit, onBatch, onTrouble, onTaken, onStopped, clock } = options;
  const sides = createSides({ log, db, projection, first, reopen: () => halt.abort(), clock });
  const rebuild = createRebuild({ log, db, projection, sides, clock });
  const rebuildMs = isShared ? SHARED_REBUILD_MS : REBUILD_MS;

  const tell = (notices: readonly N[]): void => {
    if (notices.length > 0) onCommit(notices);
  };
  const apply = async (home: number, chunk: Chunk): Promise<void> => {
    const begun = performance.now();
    const events = await sides.apply(home, chunk, (notices, at) => {
      onShown(home, at.offset);
      tell(notices);
    });
    if (!onBatch) return;
    const times = chunk.records.flatMap(({ entry }) => (entry.kind === 'event' ? [entry.event.at] : []));
    const seconds = (performance.now() - begun) / 1_000;
    onBatch({ home, records: chunk.records.length, events, seconds, newest: times.at(-1) });
  };

  const follow = async (home: number, until: AbortSignal): Promise<void> => {
    if (!(await sides.enter(home))) return;
    const from = sides.live().at(home);
    let { offset } = from;
    onShown(home, offset);
    onTaken(home, offset, offset);
    for await (const chunk of log.read(home, from, { follow: true, signal: until, limit: BATCH })) {
      await sides.turn(home, async () => {
        if (!until.aborted) await apply(home, chunk);
      });
      if (until.aborted) return;
      onTaken(home, offset, chunk.next.offset);
      ({ offset } = chunk.next);
    }
  };

  const retryWanted = async (): Promise<void> => {
    for (const home of sides.homes()) {
      if (signal.aborted || sides.live().parked(home).size === 0) continue;
      await sides.turn(home, async () => {
        if (!sides.isHere(home)) return;
        const { schema } = sides.live().generation;
        for (const stream of await readWanted(db, schema, home)) await sides.retry(home, stream, tell);
      });
    }
  };

  /** Once it is halted, whatever goes wrong was asked of a database that is another one now. */
  const isPassing = (error: unknown): boolean => passes(error) || halt.signal.aborted || (isShared && isGone(error));
  const holdUp = (error: unknown): void => {
    onTrouble(error);
    halt.abort();
  };
  const looking = async (work: () => Promise<number>, holdsUp: (error: unknown) => boolean): Promise<number> => {
    try {
      return await work();
    } catch (error) {
      // Another process has the home: its loop here finds out.
      if (isShared && isMoved(error)) return RETRIES_MS;
      if (holdsUp(error)) holdUp(error);
      else onTrouble(error);
      return rebuildMs;
    }
  };

  const following = async (home: number, until: AbortSignal): Promise<void> => {
    if (!isLeft(home) || until.aborted) return;
    try {
      await follow(home, until);
    } catch (error) {
      if (isPassing(error)) holdUp(error);
      else if (!isShared || !isMoved(error)) onStopped(home, error);
    } finally {
      await sides.leave(home);
    }
  };
  const run = async (): Promise<void> => {
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const lookers = [
      bells.retries.everyTime(until, () => looking(async () => (await retryWanted(), RETRIES_MS), isPassing)),
      bells.rebuild.everyTime(until, (isRung) =>
        looking(
          async () => ((await rebuild.tend(isRung)) ? 0 : rebuildMs),
          // Without room for the rebuild, the live view goes on.
          (error) => !isFull(error) && isPassing(error),
        ),
      ),
    ];
    await homes.each(following, signal);
    over.abort();
    await Promise.all(lookers);
  };
  return { ended: run() };
}
