import { type Uuid, bucketOf, partitionOf } from '../../domain/ids.js';
import type { Answer, CommandSource } from '../command.js';
import { type OwnerOptions, createOwner } from './owner.js';

/** `onProgress` is told of all partitions together. */
export type WorkerOptions = Omit<OwnerOptions, 'partition'> & {
  readonly source: CommandSource;
  /** Told of what stops a partition: the process cannot go on with it. */
  readonly onFailure: (error: unknown) => void;
  /** Resolves after so many ms, or with the signal. */
  readonly wait: (ms: number, signal?: AbortSignal) => Promise<void>;
};

export type Worker = {
  /** Resolves when every partition is owned. */
  readonly ready: Promise<void>;
  /** What came of a command, by the home that its id names; undefined if it is not decided, or forgotten after 8 days. */
  outcome(command: { readonly actor: string; readonly id: Uuid }): Promise<Answer | undefined>;
  /** Takes no more commands and resolves when what was taken is answered, and what is known is stored. */
  stop(): Promise<void>;
};

const BATCH = 500;

/** What is known goes to the store at least this often, in ms, so that a new owner has little to fold. */
const FLUSH_EVERY = 5_000;

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

  // The store costs time at the worst: what is wrong with it does not stop the worker.
  const flush = (): Promise<unknown> =>
    Promise.all(owners.map((owner) => owner.flush().catch((error: unknown) => options.onTrouble?.(error))));
  const flushing = (async () => {
    while (!stopping.signal.aborted) {
      await options.wait(FLUSH_EVERY, stopping.signal);
      await flush();
    }
  })();

  return {
    ready,
    outcome: async (command) => owners[partitionOf(bucketOf(command.id), owners.length)]?.outcome(command),
    stop: async () => {
      stopping.abort();
      await Promise.all([ended, flushing]);
      await flush();
    },
  };
}
