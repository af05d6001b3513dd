import type { CommandSource } from '../command.js';
import { type OwnerOptions, createOwner } from './owner.js';

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
export function startWorker({ source, onFailure, ...options }: WorkerOptions): Worker {
  const stopping = new AbortController();
  const owners = Array.from({ length: options.log.partitions }, (_, partition) =>
    createOwner({ ...options, partition }),
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
