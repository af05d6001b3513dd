import type { CommandSource } from '../command.js';
import { type OwnerOptions, createOwner } from './owner.js';

/** `onProgress` is told of all partitions together. */
export type WorkerOptions = Omit<OwnerOptions, 'partition'> & {
  readonly source: CommandSource;
  /** Told of what stops a partition: the process cannot go on with it. */
  readonly onFailure: (error: unknown) => void;
};

export type Worker = {
  /** Resolves when every partition is owned. */
  readonly ready: Promise<void>;
  /** Takes no more commands and resolves when what was taken is answered. */
  stop(): Promise<void>;
};

const BATCH = 500;

/** Owns all partitions of a log and decides the commands that come for them, each partition in a loop of its own. */
export function startWorker({ source, onFailure, onProgress, ...options }: WorkerOptions): Worker {
  const stopping = new AbortController();
  const folded = new Map<number, { readonly done: number; readonly of: number }>();
  const report = (partition: number, done: number, of: number): void => {
    folded.set(partition, { done, of });
    const all = [...folded.values()];
    onProgress?.(
      all.reduce((sum, each) => sum + each.done, 0),
      all.reduce((sum, each) => sum + each.of, 0),
    );
  };
  const owners = Array.from({ length: options.log.partitions }, (_, partition) =>
    createOwner({ ...options, partition, onProgress: (done, of) => report(partition, done, of) }),
  );
  const ready = Promise.all(owners.map((owner) => owner.takeOver())).then(() => undefined);

  const loops = owners.map(async (owner, partition) => {
    await ready;
    for (;;) {
      const incoming = await source.take(partition, BATCH, stopping.signal);
      if (incoming.length === 0) return;
      await owner.process(incoming);
    }
  });
  const ended = Promise.all(loops).catch(onFailure);

  return {
    ready,
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}
