import { type Uuid, bucketOf, partitionOf } from '../../domain/ids.js';
import { type Answer, type CommandSource, NotHeld, Refused } from '../command.js';
import { within } from '../wait.js';
import { type Owner, type OwnerOptions, createOwner } from './owner.js';

/** `onProgress` is told of all partitions together. */
export type WorkerOptions = Omit<OwnerOptions, 'partition'> & {
  readonly source: CommandSource;
  /** Told of what stops a partition: the process cannot go on with it. */
  readonly onFailure: (error: unknown) => void;
};

export type Worker = {
  /**
   * Resolves when it is known which partitions are this process's. Where that is all of them, they are owned by then; in
   * the fleet each is taken over when its first command comes.
   */
  readonly ready: Promise<void>;
  /** The partitions that are this process's now. */
  owned(): readonly number[];
  /**
   * What came of a command; undefined if it is not decided, or forgotten after 8 days. Rejects with `Refused` where that
   * cannot be told in time, as while the log is folded at the start, or where its partition is another process's.
   */
  outcome(command: { readonly actor: string; readonly id: Uuid }): Promise<Answer | undefined>;
  /** Takes no more commands and resolves when what was taken is answered, and what is known is stored. */
  stop(): Promise<void>;
};

/** What is known goes to the store at least this often, in ms, so that a new owner has little to fold. */
const FLUSH_EVERY = 5_000;

/** How long a look-up may take, in ms, and how many may be under way. */
const PATIENCE = 5_000;
const MOST_ASKING = 1_000;

/** Owns the partitions that its source says are its own, and decides the commands that come for them. */
export function startWorker({ source, onFailure, onProgress, ...options }: WorkerOptions): Worker {
  const stopping = new AbortController();
  const owners = new Map<number, Owner>();
  const folded = new Map<number, { readonly done: number; readonly of: number }>();
  const report = (partition: number, done: number, of: number): void => {
    folded.set(partition, { done, of });
    const all = [...folded.values()];
    onProgress?.(
      all.reduce((sum, each) => sum + each.done, 0),
      all.reduce((sum, each) => sum + each.of, 0),
    );
  };
  const ownerOf = (partition: number): Owner => {
    const owner = owners.get(partition);
    if (!owner) throw new NotHeld(`partition ${partition} is not of this process`);
    return owner;
  };

  const serving = source.serve({
    gain: (partition) => {
      const onFold = (done: number, of: number): void => report(partition, done, of);
      if (!owners.has(partition)) owners.set(partition, createOwner({ ...options, partition, onProgress: onFold }));
    },
    lose: (partition) => {
      owners.delete(partition);
      folded.delete(partition);
    },
    own: async (partition, hold) => ownerOf(partition).resume(hold),
    decide: async (partition, incoming, hold) => ownerOf(partition).process(incoming, hold),
    failed: onFailure,
  });
  const { ready } = serving;

  // The store costs time at the worst: what is wrong with it does not stop the worker.
  const flush = async (): Promise<void> => {
    const all = [...owners.values()];
    await Promise.all(all.map((owner) => owner.flush().catch((error: unknown) => options.onTrouble?.(error))));
  };
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
      return await ownerOf(partitionOf(bucketOf(command.id), options.log.partitions)).outcome(command);
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
    owned: () => [...owners.keys()].toSorted((a, b) => a - b),
    outcome,
    stop: async () => {
      stopping.abort();
      // What was flushed meanwhile may not be the last of it.
      await serving.stop(() => flushing.then(flush));
    },
  };
}
