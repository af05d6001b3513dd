import { type Uuid, bucketOf, partitionOf } from '../../domain/ids.js';
import { type Answer, type CommandSource, Refused } from '../command.js';
import { within } from '../wait.js';
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
  /**
   * What came of a command; undefined if it is not decided, or forgotten after 8 days. Rejects with `Refused` where that
   * cannot be told in time, as while the log is folded at the start.
   */
  outcome(command: { readonly actor: string; readonly id: Uuid }): Promise<Answer | undefined>;
  /** Takes no more commands and resolves when what was taken is answered, and what is known is stored. */
  stop(): Promise<void>;
};

const BATCH = 500;

/** What is known goes to the store at least this often, in ms, so that a new owner has little to fold. */
const FLUSH_EVERY = 5_000;

/** How long a look-up may take, in ms, and how many may be under way. */
const PATIENCE = 5_000;
const MOST_ASKING = 1_000;

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

  let asking = 0;
  const find: Worker['outcome'] = async (command) => {
    asking += 1;
    try {
      await ready;
      return await owners[partitionOf(bucketOf(command.id), owners.length)]?.outcome(command);
    } catch (error) {
      options.onTrouble?.(error);
      throw new Refused('UNAVAILABLE', 'What came of it cannot be looked up right now. Ask again in a moment.');
    } finally {
      asking -= 1;
    }
  };

  const outcome: Worker['outcome'] = async (command) => {
    if (asking >= MOST_ASKING) throw new Refused('UNAVAILABLE', 'Too many ask at once. Ask again in a moment.');
    const late = (): Refused =>
      new Refused('UNAVAILABLE', 'The server is still reading its log. Ask again in a moment.');
    return within(PATIENCE, find(command), options.wait, late);
  };

  return {
    ready,
    outcome,
    stop: async () => {
      stopping.abort();
      await Promise.all([ended, flushing]);
      await flush();
    },
  };
}
