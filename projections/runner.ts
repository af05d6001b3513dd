import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../commands/command.js';
import type { Log } from '../commands/log/log.js';
import { createBell } from './bell.js';
import { type Feed, openFeed } from './feed.js';
import { openGeneration } from './generations.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, passes } from './readmodel/db.js';
import type { Rebuild, Rebuilding } from './rebuild.js';
import { type Batch, startRound } from './round.js';
import { createShown } from './shown.js';
import { type Wishes, createWishes } from './wishes.js';

export type RunnerOptions<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  /** Told after each commit what it changed. */
  readonly onCommit?: (notices: readonly N[]) => void;
  /** Told after each batch of the live generation. */
  readonly onBatch?: (batch: Batch) => void;
  /** Told while it catches up: records done of those that there were when it began. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Told of what stops a home: an event of newer code, a database that is gone, another runner. */
  readonly onFailure: (error: unknown) => void;
  /** Told of what only holds it up: a database without room, or one that starts again. It goes on from what that has then. */
  readonly onTrouble?: (error: unknown) => void;
  /** Told when it is caught up again after trouble: of a commit whose answer was lost nobody was told. */
  readonly onAgain?: () => void;
  /** Where a database that may come back emptier says that it has come back. Returns what ends the telling. */
  readonly onRestart?: (listener: () => void) => () => void;
  /** Ms since 1970. Default: the clock. */
  readonly clock?: () => number;
};

/** How long it waits before it goes on after such trouble, in ms. */
const RETRY_MS = 1_000;
/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

export type Runner = Wishes & {
  readonly view: string;
  /**
   * Resolves when every home has reached the end that the log had when it began; rejects with what stopped one before
   * it got there. Of a runner that is stopped before, it tells nothing.
   */
  readonly caughtUp: Promise<void>;
  /** Waits until the view shows a position; false when `patience` (ms) ran out, or the runner stopped. */
  reached(position: Position, patience: number): Promise<boolean>;
  /** How far the generation beside the live one is, if there is one. */
  rebuilding(): Promise<Rebuilding | undefined>;
  /** Resolves when nothing of it runs any more. What is in hand is finished first. */
  stop(): Promise<void>;
};

/**
 * Keeps a projection in step with the log: one loop per home, pushed by the log, one transaction per chunk. An event that
 * it refuses parks its stream. Beside that it does what operators want of it, and tends the generation beside the live one.
 */
export function startRunner<N>(options: RunnerOptions<N>): Runner {
  const { log, db, projection, onCommit, onBatch, onProgress, onFailure, onTrouble, onAgain, onRestart } = options;
  const { clock = Date.now } = options;
  const stopping = new AbortController();
  const shown = createShown();
  const bells = { retries: createBell(), rebuild: createBell() };
  /** Ends a round. Each has its own, from before its generation is opened: a restart in between ends it as well. */
  let halt = new AbortController();
  const unwatch = onRestart?.(() => {
    shown.forget();
    halt.abort();
  });

  const fail = (error: unknown, home?: number): ProjectionError => {
    const failure = explain(error, home === undefined ? projection.name : `${projection.name}, home ${home}`);
    onFailure(failure);
    return failure;
  };

  /** Opens the live generation, however long the database is in trouble. Undefined where the runner stops before. */
  const open = async (): Promise<Feed<N> | undefined> => {
    while (!stopping.signal.aborted) {
      try {
        halt = new AbortController();
        return await openFeed({ log, db, projection, generation: await openGeneration(db, projection, log) });
      } catch (error) {
        if (!passes(error)) throw fail(error);
        onTrouble?.(error);
        await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
    return undefined;
  };

  const again = async (homes: readonly number[], halted: AbortSignal, tell: () => void): Promise<void> => {
    const there = await Promise.all(
      homes.map(async (partition) => shown.reached({ partition, offset: await log.end(partition) }, LONGEST_MS)),
    );
    if (!halted.aborted && there.every(Boolean)) tell();
  };

  let rebuild: Rebuild | undefined;
  const opened = open();
  let running: Promise<unknown> = opened;
  const caughtUp = opened.then(async (first) => {
    if (!first) return;
    const homes = Array.from({ length: log.partitions }, (_, home) => home);
    const ends = await Promise.all(homes.map((home) => log.end(home)));
    const endOf = (home: number): number => ends[home] ?? 0;
    const total = homes.reduce((sum, home) => sum + Math.max(endOf(home) - first.at(home).offset, 0), 0);
    /** What goes on, and whom to tell when it has reached the end that its log had, or that it never will. */
    const left = new Map<number, Arrival>();
    const arrivals = homes.map((home) => new Promise<void>((there, never) => left.set(home, { there, never })));
    const progress = createProgress(total, onProgress);

    const round = async (feed: Feed<N>): Promise<void> => {
      const going = startRound({
        log,
        db,
        projection,
        homes: [...left.keys()],
        first: feed,
        signal: AbortSignal.any([stopping.signal, halt.signal]),
        halt,
        bells,
        onShown: (home, offset) => shown.move({ partition: home, offset }),
        onCommit: (notices) => onCommit?.(notices),
        onBatch,
        onTrouble: (error) => onTrouble?.(error),
        onTaken: (home, from, to) => {
          if (from < to && from < endOf(home)) progress(Math.min(to, endOf(home)) - from);
          if (to >= endOf(home)) left.get(home)?.there();
        },
        onStopped: (home, error) => {
          left.get(home)?.never(fail(error, home));
          left.delete(home);
        },
        clock,
      });
      ({ rebuild } = going);
      await going.ended;
    };
    const rounds = async (): Promise<void> => {
      await round(first);
      while (left.size > 0 && !stopping.signal.aborted) {
        await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
        const feed = await open();
        if (feed && onAgain) again([...left.keys()], halt.signal, onAgain).catch((error) => onTrouble?.(error));
        if (feed) await round(feed);
      }
    };
    running = rounds().catch((error: unknown) => {
      for (const { never } of left.values()) never(error);
    });
    await Promise.all(arrivals);
  });
  // Told through onFailure; whoever does not wait for the end need not hear of it twice.
  caughtUp.catch(() => undefined);

  return {
    ...createWishes({ log, db, projection, look: (what) => bells[what].ring(), clock }),
    view: projection.name,
    caughtUp,
    reached: shown.reached,
    rebuilding: async () => rebuild?.status(),
    stop: async () => {
      stopping.abort();
      await opened.catch(() => undefined);
      await running.catch(() => undefined);
      unwatch?.();
      shown.close();
    },
  };
}

type Arrival = { readonly there: () => void; readonly never: (error: unknown) => void };

/** Adds up what is done, and tells it. */
function createProgress(of: number, tell: RunnerOptions<never>['onProgress']): (more: number) => void {
  let done = 0;
  return (more) => {
    done += more;
    tell?.(done, of);
  };
}

const explain = (error: unknown, where: string): ProjectionError => {
  const what = error instanceof Error ? error.message : String(error);
  const code = error instanceof ProjectionError ? error.code : 'PROJECTION_FAILED';
  return new ProjectionError(code, `The view ${where} has stopped: ${what}`, { cause: error });
};
