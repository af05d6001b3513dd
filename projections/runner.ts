import { setTimeout as sleep } from 'node:timers/promises';
import { decode } from '../domain/catalogue.js';
import type { Position } from '../commands/command.js';
import type { Chunk, Cursor, Log, Placed } from '../commands/log/log.js';
import { type Generation, moveCheckpoint, openGeneration } from './generations.js';
import { type Located, type Projection, ProjectionError } from './projection.js';
import { type Db, passes } from './readmodel/db.js';
import { createStage } from './readmodel/table.js';

export type RunnerOptions<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  /** Told after each commit what it changed. */
  readonly onCommit?: (notices: readonly N[]) => void;
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
};

/** How long it waits before it goes on after such trouble, in ms. */
const RETRY_MS = 1_000;

/** The longest that a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

export type Runner = {
  /**
   * Resolves when every home has reached the end that the log had when it began; rejects with what stopped one before
   * it got there. Of a runner that is stopped before, it tells nothing.
   */
  readonly caughtUp: Promise<void>;
  /** Waits until the view shows a position; false when `patience` (ms) ran out, or the runner stopped. */
  reached(position: Position, patience: number): Promise<boolean>;
  /** Resolves when nothing of it runs any more. What is in hand is finished first. */
  stop(): Promise<void>;
};

/** Keeps a projection in step with the log: one loop per home, pushed by the log, one transaction per chunk. */
export function startRunner<N>(options: RunnerOptions<N>): Runner {
  const { log, db, projection, onCommit, onProgress, onFailure, onTrouble, onAgain, onRestart } = options;
  const stopping = new AbortController();
  const shown = createShown();
  /** Ends a round. Each has its own, from before its generation is opened: a restart in between ends it as well. */
  let halt = new AbortController();
  const unwatch = onRestart?.(() => {
    shown.forget();
    halt.abort();
  });

  const apply = async (schema: string, partition: number, from: Cursor, chunk: Chunk): Promise<void> => {
    const events = chunk.records.flatMap((placed) => locate(partition, placed));
    const notices = await db.tx(async (tx) => {
      const told =
        events.length === 0 ? [] : await projection.apply(events, createStage(tx, schema, partition, from.offset));
      await moveCheckpoint(tx, schema, partition, from.offset, chunk.next);
      return told;
    });
    shown.move({ partition, offset: chunk.next.offset });
    if (notices.length > 0) onCommit?.(notices);
  };

  let done = 0;
  const run = async (schema: string, home: number, course: Course, total: number, signal: AbortSignal) => {
    const { from, end, there } = course;
    if (signal.aborted) return;
    shown.move({ partition: home, offset: from.offset });
    if (from.offset >= end) there();
    let at = from;
    for await (const chunk of log.read(home, from, { follow: true, signal })) {
      if (signal.aborted) return;
      await apply(schema, home, at, chunk);
      if (at.offset < end) {
        done += Math.min(chunk.next.offset, end) - at.offset;
        onProgress?.(done, total);
        if (chunk.next.offset >= end) there();
      }
      at = chunk.next;
    }
  };

  const fail = (error: unknown, home?: number): ProjectionError => {
    const failure = explain(error, home === undefined ? projection.name : `${projection.name}, home ${home}`);
    onFailure(failure);
    return failure;
  };

  /** Opens the generation, however long the database is in trouble. Undefined where the runner stops before. */
  const open = async (): Promise<Generation | undefined> => {
    while (!stopping.signal.aborted) {
      try {
        halt = new AbortController();
        return await openGeneration(db, projection, log);
      } catch (error) {
        if (!passes(error)) throw fail(error);
        onTrouble?.(error);
        await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    }
    return undefined;
  };

  /** Runs homes until trouble that passes stops one of them and so all, or the runner stops. Returns what goes on then. */
  const round = async ({ schema, checkpoints }: Generation, courses: Courses, total: number): Promise<Courses> => {
    const { signal: halted } = halt;
    const signal = AbortSignal.any([stopping.signal, halted]);
    const left = new Map(courses);
    const homes = [...courses].map(async ([home, course]) => {
      try {
        await run(schema, home, { ...course, from: checkpoints[home] ?? course.from }, total, signal);
      } catch (error) {
        if (passes(error)) {
          onTrouble?.(error);
          halt.abort();
        } else {
          left.delete(home);
          course.never(fail(error, home));
        }
      }
    });
    await Promise.all(homes);
    return stopping.signal.aborted ? new Map() : left;
  };

  const again = async (homes: readonly number[], halted: AbortSignal, tell: () => void): Promise<void> => {
    const there = await Promise.all(
      homes.map(async (partition) => shown.reached({ partition, offset: await log.end(partition) }, LONGEST_MS)),
    );
    if (!halted.aborted && there.every(Boolean)) tell();
  };

  const opened = open();
  let running: Promise<unknown> = opened;
  const caughtUp = opened.then(async (first) => {
    if (!first) return;
    const ends = await Promise.all(first.checkpoints.map((_, home) => log.end(home)));
    const total = first.checkpoints.reduce((sum, { offset }, home) => sum + Math.max((ends[home] ?? 0) - offset, 0), 0);
    const courses = new Map<number, Course>();
    const arrivals = first.checkpoints.map(
      (from, home) =>
        new Promise<void>((there, never) => courses.set(home, { from, end: ends[home] ?? 0, there, never })),
    );
    const rounds = async (): Promise<void> => {
      let left = await round(first, courses, total);
      while (left.size > 0) {
        await sleep(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
        const generation = await open();
        if (generation && onAgain) again([...left.keys()], halt.signal, onAgain).catch((error) => onTrouble?.(error));
        if (generation) left = await round(generation, left, total);
      }
    };
    running = rounds().catch((error: unknown) => {
      for (const { never } of courses.values()) never(error);
    });
    await Promise.all(arrivals);
  });
  // Told through onFailure; whoever does not wait for the end need not hear of it twice.
  caughtUp.catch(() => undefined);

  return {
    caughtUp,
    reached: shown.reached,
    stop: async () => {
      stopping.abort();
      await opened.catch(() => undefined);
      await running.catch(() => undefined);
      unwatch?.();
      shown.close();
    },
  };
}

/** Where a home begins, the end that its log had when the runner began, and who is told that it got there, or never will. */
type Course = {
  readonly from: Cursor;
  readonly end: number;
  readonly there: () => void;
  readonly never: (error: unknown) => void;
};
type Courses = ReadonlyMap<number, Course>;

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

const explain = (error: unknown, where: string): ProjectionError => {
  const what = error instanceof Error ? error.message : String(error);
  const code = error instanceof ProjectionError ? error.code : 'PROJECTION_FAILED';
  return new ProjectionError(code, `The view ${where} has stopped: ${what}`, { cause: error });
};

/** What a view shows, per home, and who waits for it to show more. */
function createShown() {
  const offsets = new Map<number, number>();
  const waiting = new Set<{ readonly position: Position; readonly settle: () => void }>();
  let closed = false;
  const isShown = ({ partition, offset }: Position): boolean => (offsets.get(partition) ?? 0) >= offset;

  return {
    move: ({ partition, offset }: Position): void => {
      offsets.set(partition, offset);
      for (const { position, settle } of waiting) {
        if (isShown(position)) settle();
      }
    },
    reached: async (position: Position, patience: number): Promise<boolean> => {
      if (closed || isShown(position)) return isShown(position);
      return new Promise((answer) => {
        const settle = (): void => {
          clearTimeout(timer);
          waiting.delete(wait);
          answer(isShown(position));
        };
        const wait = { position, settle };
        const timer = setTimeout(settle, patience);
        waiting.add(wait);
      });
    },
    /** Nothing of it may be there any more. */
    forget: (): void => offsets.clear(),
    /** Nothing more will be shown. */
    close: (): void => {
      closed = true;
      for (const { settle } of waiting) settle();
    },
  };
}
