import type { Stream } from '../../domain/ids.js';
import type { Log } from '../log/log.js';
import {
  type Changes,
  type Checkpoint,
  type ChunkName,
  type Known,
  type Loaded,
  type Snapshots,
  type Wanted,
  sameCheckpoint,
} from '../snapshots/snapshots.js';
import { type Wait, within } from '../wait.js';
import {
  Damaged,
  type Held,
  type Memory,
  blankMemory,
  foldTail,
  forgetBefore,
  place,
  placeChunk,
  shelve,
  slotOf,
} from './memory.js';

/** The store did not answer, or not with what it was given. Commands wait; none is lost. */
export class SnapshotsSilent extends Error {
  override name = 'SnapshotsSilent';
  readonly code = 'SNAPSHOTS_SILENT';
}

/** The store is not at the checkpoint that the memory goes on from: drop the memory and take over again. */
export class Estranged extends Error {
  override name = 'Estranged';
  readonly code = 'SNAPSHOTS_MOVED';
}

/** What stands behind a partition's memory: everything up to the checkpoint, fetched when it is needed. */
export type Backing = {
  /** A memory that goes on from the store's checkpoint, or from the start of the log if that belongs to another log. */
  adopt(): Promise<Memory>;
  /** Brings streams to hand, and folds what waits for them; returns the outcomes of these names that there are. */
  bring(memory: Memory, streams: readonly Stream[], names: readonly string[]): Promise<ReadonlyMap<string, Known>>;
  /** Brings chunks of streams that are at hand. */
  bringChunks(memory: Memory, chunks: readonly ChunkName[]): Promise<void>;
  /**
   * Brings everything that waits, so that the memory can be flushed, once no other commit is under way. Nothing else may
   * use the memory meanwhile.
   */
  prepare(memory: Memory): Promise<void>;
  /**
   * Moves the store to where the memory is at this moment. The memory may go on at once, and the store be read: what is
   * under way stays in the memory until the store has it. False if the store was at another checkpoint.
   */
  commit(memory: Memory): Promise<boolean>;
  /** Forgets what older versions of the states have stored: this one owns the partition now. */
  retireOlder(): Promise<void>;
};

/** How many streams are brought by one statement. */
const SLICE = 500;

/** How long the store may take for an answer, in ms. One that hangs is one that does not answer. */
const PATIENCE = 5_000;

export type BackingOptions = {
  readonly snapshots: Snapshots;
  readonly log: Log;
  readonly home: number;
  readonly wait: Wait;
};

export function createBacking({ snapshots, log, home, wait }: BackingOptions): Backing {
  let committing: Promise<unknown> = Promise.resolve();
  /** Where the commit under way brings the store, if one is. */
  let moving: Checkpoint | undefined;
  /** A store is found broken once. Where the fold from the first record breaks too, it is the log. */
  let cleared = false;

  const asking = async <T>(question: Promise<T>): Promise<T> => {
    try {
      return await within(PATIENCE, question, wait, () => new Error(`no answer within ${PATIENCE} ms`));
    } catch (error) {
      throw new SnapshotsSilent(`the snapshots of home ${home} do not answer`, { cause: error });
    }
  };

  /**
   * Reads what the memory does not have. While a commit is under way the answer may be from before it or from after it: it
   * moves only what the memory has, so what is wanted is the same in both.
   */
  const load = async (memory: Memory, wanted: Wanted): Promise<Loaded> => {
    const moments = [memory.checkpoint, moving ?? memory.checkpoint];
    const loaded = await asking(snapshots.load(home, wanted));
    if (memory.estranged || !moments.some((moment) => sameCheckpoint(loaded.checkpoint, moment))) {
      memory.estranged = true;
      throw new Estranged(`the snapshots of home ${home} are at another checkpoint`);
    }
    return loaded;
  };

  /** Throws the store away: it does not fit to the log. */
  const clear = async (memory: Memory, why: unknown): Promise<never> => {
    if (cleared) throw why;
    cleared = true;
    memory.estranged = true;
    await asking(snapshots.clear(home));
    throw new Estranged(`the snapshots of home ${home} do not fit to the log`, { cause: why });
  };

  const bringChunks = async (memory: Memory, chunks: readonly ChunkName[]): Promise<void> => {
    const loaded = await load(memory, { chunks });
    for (const { stream, chunk } of chunks) {
      const found = loaded.chunks.find((each) => each.stream === stream && each.chunk === chunk);
      if (!found) await clear(memory, new Damaged(`chunk ${chunk} of ${stream} is not stored`));
      else placeChunk(memory, stream, chunk, found.body);
    }
  };

  const foldTails = async (memory: Memory, streams: readonly Stream[]): Promise<void> => {
    for (let todo = streams; todo.length > 0;) {
      const lacking: ChunkName[] = [];
      for (const stream of todo) {
        try {
          const chunk = foldTail(memory, stream);
          if (chunk !== undefined) lacking.push({ stream, chunk });
        } catch (error) {
          if (!(error instanceof Damaged)) throw error;
          await clear(memory, error);
        }
      }
      if (lacking.length > 0) await bringChunks(memory, lacking);
      todo = lacking.map(({ stream }) => stream);
    }
  };

  const bring: Backing['bring'] = async (memory, streams, names) => {
    const absent = streams.filter((stream) => !slotOf(memory, stream));
    // What the memory knows by now it may let go of while the store answers, if a commit ends meanwhile.
    const found = new Map<string, Known>();
    const unknown: string[] = [];
    for (const name of names) {
      const known = memory.outcomes.get(name);
      if (known) found.set(name, known);
      else unknown.push(name);
    }
    if (absent.length > 0 || unknown.length > 0) {
      const loaded = await load(memory, { streams: absent, outcomes: unknown });
      for (const stream of absent) place(memory, stream, loaded.streams.get(stream));
      for (const [name, known] of loaded.outcomes) found.set(name, known);
    }
    await foldTails(
      memory,
      streams.filter((stream) => memory.tails.has(stream)),
    );
    return found;
  };

  const commit = async (memory: Memory): Promise<boolean> => {
    const { cursor, at, covered, checkpoint: from, unflushed } = memory;
    const to: Checkpoint = { log: log.id, cursor, at, covered };
    moving = to;
    const captured = [...memory.dirty].map(([stream, slot]) => ({ stream, slot, now: slot.now, stored: slot.stored }));
    const outcomes = [...memory.outcomes];
    const flushed = await asking(
      snapshots.flush(home, from, to, {
        streams: captured.map(({ stream, now, stored }) => ({
          stream,
          version: now.version,
          hash: now.hash,
          bare: now.aggregate.bare(),
          chunks: changedChunks(now, stored),
        })),
        outcomes: outcomes.map(([name, known]) => ({ name, ...known })),
        forget: forgetBefore(at),
      }),
    );
    if (!flushed) {
      memory.estranged = true;
      return false;
    }
    memory.checkpoint = to;
    memory.unflushed -= unflushed;
    for (const { stream, slot, now } of captured) {
      slot.stored = now;
      // What changed meanwhile is still here because of that.
      if (slot.now !== now) memory.unflushed += slot.weight;
      shelve(memory, stream, slot);
    }
    for (const [name, known] of outcomes) if (memory.outcomes.get(name) === known) memory.outcomes.delete(name);
    return true;
  };

  return {
    adopt: async () => {
      await committing;
      const { checkpoint } = await asking(snapshots.load(home, {}));
      if (!checkpoint) return blankMemory();
      if (checkpoint.log === log.id && (await log.holds(home, checkpoint.cursor))) return blankMemory(checkpoint);
      await asking(snapshots.clear(home));
      return blankMemory();
    },
    bring,
    bringChunks,
    prepare: async (memory) => {
      await committing;
      const waiting = [...memory.tails.keys()];
      for (let at = 0; at < waiting.length; at += SLICE) await bring(memory, waiting.slice(at, at + SLICE), []);
    },
    commit: (memory) => {
      const done = commit(memory).finally(() => {
        moving = undefined;
      });
      committing = done.catch(() => undefined);
      return done;
    },
    retireOlder: () => asking(snapshots.retireOlder(home)),
  };
}

/** The chunks that the store does not have as they are now. It has none of a stream that it does not have. */
function changedChunks(now: Held, stored: Held): Changes['streams'][number]['chunks'] {
  const before = stored.version === 0 ? undefined : stored.aggregate.chunks();
  return new Map([...now.aggregate.chunks()].filter(([number, chunk]) => before?.get(number) !== chunk));
}
