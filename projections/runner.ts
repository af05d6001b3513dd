import type { Position } from '../commands/command.js';
import type { Log } from '../commands/log/log.js';
import { createBell } from './bell.js';
import { type Feed, openFeed } from './feed.js';
import { type Generation, openGeneration } from './generations.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, passes } from './readmodel/db.js';
import { allHomes } from './homes.js';
import type { Leases } from './leases.js';
import { reachedBy } from './reached.js';
import { type Rebuilding, readRebuilding } from './rebuilding.js';
import { type Batch, startRound } from './round.js';
import type { Sessions } from './sessions/sessions.js';
import { announceShown } from './sessions/announce.js';
import { createShown } from './shown.js';
import { wait } from './wait.js';
import { type Wishes, createWishes } from './wishes.js';

export type RunnerOptions<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  /** Which homes of the view are this process's, where several share them. Without it, all are. */
  readonly leases?: Leases;
  /** Where processes without a runner hear of what is shown, and this one of what others show. */
  readonly sessions?: Pick<Sessions, 'publish' | 'attach'>;
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
  const {
    log,
    db,
    projection,
    leases,
    sessions,
    onCommit,
    onBatch,
    onProgress,
    onFailure,
    onTrouble,
    onAgain,
    onRestart,
  } = options;
  const { clock = Date.now } = options;
  const stopping = new AbortController();
  const homes = leases?.homes(projection.name, log.partitions) ?? allHomes(log.partitions);
  const shown = createShown();
  const announce = sessions && announceShown(sessions, projection.name, wait);
  // Where others run homes as well, what is shown is told by the database alone.
  const reached = leases
    ? reachedBy({ db, view: projection.name, sessions, wait, signal: stopping.signal, onTrouble })
    : shown.reached;
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
  const open = async (): Promise<Opened<N> | undefined> => {
    while (!stopping.signal.aborted) {
      try {
        halt = new AbortController();
        const generation = await openGeneration(db, projection, log, leases);
        return { generation, feed: openFeed({ log, db, projection, generation }) };
      } catch (error) {
        if (!passes(error)) throw fail(error);
        onTrouble?.(error);
        await wait(RETRY_MS, stopping.signal);
      }
    }
    return undefined;
  };

  const again = async (these: readonly number[], halted: AbortSignal, tell: () => void): Promise<void> => {
    const there = await Promise.all(
      these.map(async (partition) => reached({ partition, offset: await log.end(partition) }, LONGEST_MS)),
    );
    if (!halted.aborted && there.every(Boolean)) tell();
  };

  const opened = open();
  let running: Promise<unknown> = opened.catch(() => homes.close());
  const caughtUp = opened.then(async (first) => {
    if (!first) return;
    const all = Array.from({ length: log.partitions }, (_, home) => home);
    const ends = await Promise.all(all.map((home) => log.end(home)));
    const endOf = (home: number): number => ends[home] ?? 0;
    const { checkpoints } = first.generation;
    const total = all.reduce((sum, home) => sum + Math.max(endOf(home) - (checkpoints[home]?.offset ?? 0), 0), 0);
    /** What goes on, and whom to tell when it has reached the end that its log had, or that it never will. */
    const left = new Map<number, Arrival>();
    const arrivals = all.map((home) => new Promise<void>((there, never) => left.set(home, { there, never })));
    const progress = createProgress(total, onProgress);
    // What others run arrives as well.
    const arrive = async (home: number): Promise<void> => {
      if (await reached({ partition: home, offset: endOf(home) }, LONGEST_MS)) left.get(home)?.there();
    };
    if (leases) for (const home of all) void arrive(home);

    const round = async ({ feed }: Opened<N>): Promise<void> => {
      const { ended } = startRound({
        log,
        db,
        projection,
        homes,
        isShared: leases !== undefined,
        isLeft: (home) => left.has(home),
        first: feed,
        signal: AbortSignal.any([stopping.signal, halt.signal]),
        halt,
        bells,
        onShown: (home, offset) => {
          shown.move({ partition: home, offset });
          announce?.(home, offset);
        },
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
      await ended;
    };
    const rounds = async (): Promise<void> => {
      await round(first);
      while (left.size > 0 && !stopping.signal.aborted) {
        await wait(RETRY_MS, stopping.signal);
        const next = await open();
        if (next && onAgain) again([...left.keys()], halt.signal, onAgain).catch((error) => onTrouble?.(error));
        if (next) await round(next);
      }
    };
    running = rounds()
      .catch((error: unknown) => {
        for (const { never } of left.values()) never(error);
      })
      // Others may be able to do what this one is not.
      .finally(() => homes.close());
    await Promise.all(arrivals);
  });
  // Told through onFailure; whoever does not wait for the end need not hear of it twice.
  caughtUp.catch(() => undefined);

  return {
    ...createWishes({ log, db, projection, look: (what) => bells[what].ring(), clock }),
    view: projection.name,
    caughtUp,
    reached,
    rebuilding: () => readRebuilding(db, projection.name, clock()),
    stop: async () => {
      stopping.abort();
      await opened.catch(() => undefined);
      await running.catch(() => undefined);
      await homes.close();
      unwatch?.();
      shown.close();
    },
  };
}

type Opened<N> = { readonly generation: Generation; readonly feed: Feed<N> };

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
