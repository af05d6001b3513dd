import { decode } from '../domain/catalogue.js';
import type { Position } from '../commands/command.js';
import type { Chunk, Cursor, Log } from '../commands/log/log.js';
import { moveCheckpoint, openGeneration } from './generations.js';
import type { Located, Projection } from './projection.js';
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
  /** Resolves when every home has reached the end that the log had when it began. */
  readonly caughtUp: Promise<void>;
  /** Waits until the view shows a position; false when `patience` (ms) ran out. */
  reached(position: Position, patience: number): Promise<boolean>;
  stop(): Promise<void>;
};

/** Keeps a projection in step with the log: one loop per home, pushed by the log, one transaction per chunk. */
export function startRunner<N>(options: RunnerOptions<N>): Runner {
  const { log, db, projection, onCommit, onProgress, onFailure } = options;
  const stopping = new AbortController();
  const shown = new Map<number, number>();
  const waiting = new Set<{ position: Position; resolve: () => void }>();
  let done = 0;

  const show = (partition: number, offset: number): void => {
    shown.set(partition, offset);
    for (const wait of waiting) {
      if (isShown(wait.position)) wait.resolve();
    }
  };
  const isShown = ({ partition, offset }: Position): boolean => (shown.get(partition) ?? 0) >= offset;

  const apply = async (schema: string, partition: number, from: Cursor, chunk: Chunk): Promise<void> => {
    const events = chunk.records.flatMap(({ offset, entry }): Located[] =>
      entry.kind === 'event' ? [{ partition, offset, event: decode(entry.event) }] : [],
    );
    const notices = await db.tx(async (tx) => {
      const told =
        events.length === 0 ? [] : await projection.apply(events, createStage(tx, schema, partition, from.offset));
      await moveCheckpoint(tx, schema, partition, from.offset, chunk.next);
      return told;
    });
    show(partition, chunk.next.offset);
    if (notices.length > 0) onCommit?.(notices);
  };

  const run = async (schema: string, home: number, from: Cursor, end: number, total: number, there: () => void) => {
    show(home, from.offset);
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

  const started = openGeneration(db, projection, log).then(async ({ schema, checkpoints }) => {
    const ends = await Promise.all(checkpoints.map((_, home) => log.end(home)));
    const total = checkpoints.reduce((sum, { offset }, home) => sum + (ends[home] ?? 0) - offset, 0);
    const loops: Promise<void>[] = [];
    const arrivals = checkpoints.map(
      (cursor, home) =>
        new Promise<void>((there) => {
          loops.push(run(schema, home, cursor, ends[home] ?? 0, total, there));
        }),
    );
    return { arrivals: Promise.all(arrivals), loops: Promise.all(loops) };
  });
  const ended = started.then(({ loops }) => loops).catch(onFailure);

  return {
    caughtUp: started.then(async ({ arrivals }) => {
      await arrivals;
    }),
    reached: async (position, patience) => {
      if (isShown(position)) return true;
      return new Promise((answer) => {
        const settle = (): void => {
          clearTimeout(timer);
          waiting.delete(wait);
          answer(isShown(position));
        };
        const wait = { position, resolve: settle };
        const timer = setTimeout(settle, patience);
        waiting.add(wait);
      });
    },
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
