import type { Chunk, Cursor, Log } from '../commands/log/log.js';
import { dropBeside, noteBeside, openBeside, stopLeading } from './beside.js';
import { isMoved, markLeading, moveCheckpoint } from './checkpoints.js';
import { type Feed, type Tell, openFeed } from './feed.js';
import { isGone, orGone, readLive } from './generations.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, isFull, passes } from './readmodel/db.js';
import { type Standing, readStanding } from './standing.js';
import { createTurns } from './turns.js';

export type Sides<N> = {
  live(): Feed<N>;
  /** The homes that this process runs. */
  homes(): readonly number[];
  isHere(home: number): boolean;
  /** Takes a home over in all that stands. False where what is live is not what this one began with: it is halted then. */
  enter(home: number): Promise<boolean>;
  /** Lets go of a home, once what is in hand there is done. */
  leave(home: number): Promise<void>;
  /** Applies a chunk to the live generation, and before that to the one beside it where that comes first. */
  apply(home: number, chunk: Chunk, tell: Tell<N>): Promise<number>;
  retry(home: number, stream: string, tell: Tell<N>): Promise<void>;
  /** Goes by how the view stands: another process may have switched. False where this one is to begin anew: it is halted. */
  follow(standing: Standing | undefined): boolean;
  /** The generation of that number beside the live one; undefined where it is gone or hangs on another log. */
  open(number: number): Promise<Feed<N> | undefined>;
  /** Forgets the generation beside the live one. */
  forget(): void;
  /** Has the other generation read anew where it is, at the homes where it does not come first. */
  refresh(feed: Feed<N>): Promise<void>;
  leads(home: number): boolean;
  /** From now on every batch of a home comes to a generation first. Both are at the same place, and the home is held. */
  lead(feed: Feed<N>, home: number): Promise<void>;
  /** Ends that at all homes, as that generation has failed. */
  stopLeading(): Promise<void>;
  /** Does something at a home of the live generation, one thing at a time. */
  turn<T>(home: number, work: () => Promise<T>): Promise<T>;
  /** Does something at a home of the generation beside the live one, while the live one may go on. */
  beside<T>(home: number, work: () => Promise<T>): Promise<T>;
  /** Does something while nothing changes at a home of either. */
  hold<T>(home: number, work: () => Promise<T>): Promise<T>;
};

/**
 * The two generations of a view as one process writes them. While one is about to take the other's place, each batch of a
 * home comes to it before it comes to the live one. So wherever it comes first, it is as far as the live one or further,
 * whoever runs the home, and whenever that is killed; and once it comes first everywhere, readers can be switched at any
 * moment, by anybody, with no home held: none of them goes back. Who does not know yet that they were switched still writes
 * both, in that order, and tells of a batch when both have it.
 */
export function createSides<N>(options: {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  /** The live generation. */
  readonly first: Feed<N>;
  /** Begins anew with what the database holds. */
  readonly reopen: () => void;
  readonly clock: () => number;
}): Sides<N> {
  const { log, db, projection, first, reopen, clock } = options;
  const { name } = projection;
  const [turns, besides] = [createTurns(), createTurns()];
  const here = new Set<number>();
  /** Where the other generation comes first. */
  const leading = new Map<number, Feed<N>>();
  let live = first;
  let other: Feed<N> | undefined;
  let opening: { readonly number: number; readonly feed: Promise<Feed<N> | undefined> } | undefined;

  /** The generation to which what comes to a home comes first: the live one itself is none. */
  const aheadAt = (home: number): Feed<N> | undefined => {
    const feed = leading.get(home);
    return feed === live ? undefined : feed;
  };

  const beside = besides.take;
  const hold = <T>(home: number, work: () => Promise<T>): Promise<T> => turns.take(home, () => beside(home, work));

  const forget = (): void => {
    other = undefined;
    opening = undefined;
    leading.clear();
  };

  const open = (number: number): Promise<Feed<N> | undefined> => {
    if (opening?.number === number) return opening.feed;
    forget();
    const feed = orGone(openBeside(db, projection, log, number)).then((generation) =>
      generation ? openFeed({ log, db, projection, generation }) : undefined,
    );
    const mine = { number, feed };
    opening = mine;
    feed.then(
      (opened) => {
        if (opening === mine) other = opened;
        if (opening === mine && !opened) opening = undefined;
      },
      () => {
        if (opening === mine) opening = undefined;
      },
    );
    return feed;
  };

  const follow = (standing: Standing | undefined): boolean => {
    if (standing?.live === live.generation.number) return true;
    if (standing && other?.generation.number === standing.live && [...here].every((home) => leading.has(home))) {
      const before = live;
      [live, other] = [other, before];
      opening = { number: before.generation.number, feed: Promise.resolve(before) };
      leading.clear();
      return true;
    }
    reopen();
    return false;
  };

  const enter = (home: number): Promise<boolean> =>
    hold(home, async () => {
      for (;;) {
        const entered = live;
        await entered.enter(home);
        // Read behind that: until this one says that the other comes first here, nobody can switch.
        const standing = await readStanding(db, name);
        if (!follow(standing)) return false;
        if (live !== entered) continue;
        const there = standing?.beside;
        if (there?.leading[home] && there.phase !== 'failed') {
          const feed = await open(there.generation);
          await feed?.enter(home);
          // It became the live one meanwhile: nobody waited for a home that is not here yet.
          if (live !== entered) continue;
          if (feed) leading.set(home, feed);
          else await dropBeside(db, name, there.generation);
        }
        here.add(home);
        return true;
      }
    });

  const leave = async (home: number): Promise<void> => {
    // Whoever fills there beside sees that it is to end.
    here.delete(home);
    await hold(home, async () => {
      leading.delete(home);
      live.leave(home);
      other?.leave(home);
    });
  };

  /** The other generation does not come first at a home any more. Throws where it is the live one already. */
  const withdraw = async (feed: Feed<N>, home: number, main: Feed<N>, cause: unknown): Promise<void> => {
    const { number } = feed.generation;
    const at = { offset: feed.at(home).offset, term: feed.term(home) };
    if (!(await stopLeading(db, name, number, home, at))) {
      const standing = await readLive(db, name);
      if (standing?.generation !== main.generation.number) {
        reopen();
        throw cause;
      }
    }
    leading.delete(home);
  };

  /** Does something with the generation that comes first. If it refuses, that is its own fault: the live one goes on. */
  const goAhead = async (feed: Feed<N>, home: number, main: Feed<N>, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (isMoved(error) || (passes(error) && !isFull(error))) throw error;
      await withdraw(feed, home, main, error);
      if (isGone(error)) return;
      const { number: generation } = feed.generation;
      const note = error instanceof Error ? error.message : String(error);
      await noteBeside(db, name, generation, { generation, phase: 'failed', note, since: clock() });
    }
  };

  /** What it has parked and the live one has not is refused anew: it stops there, as in the rest of a rebuild. */
  const compareParked = async (feed: Feed<N>, home: number, main: Feed<N>): Promise<void> => {
    for (const { stream, eventOffset, errorMessage } of feed.parked(home).values()) {
      if (main.parked(home).get(stream)?.eventOffset === eventOffset) continue;
      const what = `home ${home} refuses ${stream} at offset ${eventOffset}, which the live view took: ${errorMessage}`;
      throw new ProjectionError('REBUILD_STOPPED', what);
    }
  };

  const apply = async (home: number, chunk: Chunk, tell: Tell<N>): Promise<number> => {
    const [main, feed] = [live, aheadAt(home)];
    // Whoever reads may have begun where another generation was, which is live no more.
    const take = async (): Promise<number> => {
      const rest = beyond(chunk, main.at(home));
      return rest ? main.take(home, rest, tell) : 0;
    };
    if (!feed) return take();
    return beside(home, async () => {
      const before = beyond(chunk, feed.at(home));
      if (before) await goAhead(feed, home, main, () => feed.take(home, before));
      const taken = await take();
      if (leading.get(home) === feed) await goAhead(feed, home, main, () => compareParked(feed, home, main));
      return taken;
    });
  };

  const retry = async (home: number, stream: string, tell: Tell<N>): Promise<void> => {
    const [main, feed] = [live, aheadAt(home)];
    if (!feed) {
      await main.retry(home, stream, tell);
      return;
    }
    await beside(home, async () => {
      await goAhead(feed, home, main, () => feed.retry(home, stream));
      await main.retry(home, stream, tell);
    });
  };

  return {
    live: () => live,
    homes: () => [...here],
    isHere: (home) => here.has(home),
    enter,
    leave,
    apply,
    retry,
    follow,
    open,
    forget,
    refresh: async (feed) => {
      for (const home of here) {
        await hold(home, async () => {
          if (leading.get(home) !== feed) feed.leave(home);
        });
      }
    },
    leads: (home) => leading.has(home),
    lead: async (feed, home) => {
      const [at, ahead] = [live, feed].map((each) => ({ offset: each.at(home).offset, term: each.term(home) }));
      if (!at || !ahead) return;
      await db.tx(async (tx) => {
        // That both are this process's at one moment is what makes it true.
        await moveCheckpoint(tx, live.generation.schema, home, at, live.at(home));
        await markLeading(tx, feed.generation.schema, home, ahead, true);
      });
      leading.set(home, feed);
    },
    stopLeading: async () => {
      for (const home of leading.keys()) {
        await hold(home, async () => {
          const [main, feed] = [live, leading.get(home)];
          if (feed) await withdraw(feed, home, main, new Error(`${feed.generation.schema} has become the live one`));
        });
      }
    },
    turn: turns.take,
    beside,
    hold,
  };
}

/** What of a chunk lies at or behind a cursor, if anything does. */
const beyond = ({ records, next }: Chunk, { offset }: Cursor): Chunk | undefined =>
  next.offset <= offset ? undefined : { records: records.filter((record) => record.offset >= offset), next };
