import { decode } from '../domain/catalogue.js';
import type { Position } from '../commands/command.js';
import type { Chunk, Cursor, Log, Placed } from '../commands/log/log.js';
import { moveCheckpoint, openGeneration } from './generations.js';
import { type Located, type Projection, ProjectionError } from './projection.js';
import type { Db } from './readmodel/db.js';
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
};

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
  const { log, db, projection, onCommit, onProgress, onFailure } = options;
  const stopping = new AbortController();
  const shown = createShown();

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
  const run = async (schema: string, home: number, { from, end }: Course, total: number, there: () => void) => {
    shown.move({ partition: home, offset: from.offset });
    if (from.offset >= end) there();
    let at = from;
    for await (const chunk of log.read(home, from, { follow: true, signal: stopping.signal })) {
      await apply(schema, home, at, chunk);
      if (at.offset < end) {
        done += Math.min(chunk.next.offset, end) - at.offset;
        onProgress?.(done, total);
        if (chunk.next.offset >= end) there();
      }
      at = chunk.next;
    }
  };

  const fail = (error: unknown, home?: number): never => {
    const failure = explain(error, home === undefined ? projection.name : `${projection.name}, home ${home}`);
    onFailure(failure);
    throw failure;
  };
  const opened = openGeneration(db, projection, log)
    .then(async ({ schema, checkpoints }) => {
      const ends = await Promise.all(checkpoints.map((_, home) => log.end(home)));
      return { schema, courses: checkpoints.map((from, home): Course => ({ from, end: ends[home] ?? 0 })) };
    })
    .catch(fail);

  const running: Promise<void>[] = [];
  const caughtUp = opened.then(async ({ schema, courses }) => {
    const total = courses.reduce((sum, { from, end }) => sum + Math.max(end - from.offset, 0), 0);
    const arrivals = courses.map(
      (course, home) =>
        new Promise<void>((there, never) => {
          running.push(
            run(schema, home, course, total, there)
              .catch((error: unknown) => fail(error, home))
              .catch(never),
          );
        }),
    );
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
      await Promise.all(running);
      shown.close();
    },
  };
}

/** Where a home begins, and the end of its log at that moment. */
type Course = { readonly from: Cursor; readonly end: number };

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
    /** Nothing more will be shown. */
    close: (): void => {
      closed = true;
      for (const { settle } of waiting) settle();
    },
  };
}
