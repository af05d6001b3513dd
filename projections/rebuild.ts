import { sameFence } from '../commands/log/fence.js';
import type { Chunk, Cursor, Log } from '../commands/log/log.js';
import { dropBeside, noteBeside, readLeading, switchViews } from './beside.js';
import { isMoved, readCheckpoint } from './checkpoints.js';
import { BATCH, type Feed } from './feed.js';
import { type Beside, isGone } from './generations.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, isFull } from './readmodel/db.js';
import type { Sides } from './sides.js';
import { readStanding } from './standing.js';
import { type Compared, comparePage, comparedTables } from './verify.js';

/** How long the generation that was live before a switch is kept beside the new one, in ms. */
const KEPT_MS = 24 * 3_600_000;
/** The longest that it fills without a look at what is wanted of it, in ms. */
const PASS_MS = 1_000;

type Options<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  readonly sides: Sides<N>;
  readonly clock: () => number;
};

/** Whether it is to come to an end early: what it has is kept in the database, and it goes on from there. */
type Interrupted = () => boolean;

/** What came of making a home ready: the other generation comes first there, it differs, or it is for later. */
type Ready = 'ready' | 'later' | { readonly difference: string };

export type Rebuild = {
  /** Goes on with what is to be done, for a while. True where there is more to do at once. */
  tend(interrupted: Interrupted): Promise<boolean>;
};

/**
 * The generation beside the live one, as one process tends it at the homes that it runs: filled by the same code, never
 * beyond where the live one is; compared with it; put before it, home by home; put in its place once that is so at all
 * homes, whoever runs them; and kept in step with it from then on, so that the way back stays open. What is to be done, and
 * where every home is, stands in the database, so that whoever is killed in the middle, or gets a home, goes on there.
 */
export function createRebuild<N>({ log, db, projection, sides, clock }: Options<N>): Rebuild {
  const { name } = projection;

  const enter = async (feed: Feed<N>, home: number): Promise<void> => {
    if (!feed.isIn(home)) await feed.enter(home);
  };

  /** Fills a home up to where the live one is now, or until it is interrupted. */
  const advance = async (feed: Feed<N>, home: number, interrupted: Interrupted): Promise<void> => {
    const live = sides.live();
    await enter(feed, home);
    const to = live.at(home);
    const like = live.parked(home);
    if (feed.at(home).offset < to.offset) {
      for await (const chunk of log.read(home, feed.at(home), { limit: BATCH })) {
        await feed.take(home, upTo(chunk, to), undefined, like);
        if (feed.at(home).offset >= to.offset || interrupted()) break;
      }
    }
    // What the live one took when it was tried again.
    for (const { stream, eventOffset } of feed.parked(home).values()) {
      const there = like.get(stream);
      if (there && there.eventOffset <= eventOffset) continue;
      if (feed.at(home).offset < to.offset) return;
      const refused = await feed.retry(home, stream, undefined, there);
      if (refused) throw new ProjectionError('REBUILD_STOPPED', `home ${home} refuses ${stream}: ${refused.message}`);
    }
  };

  const fill = (feed: Feed<N>, home: number, interrupted: Interrupted): Promise<void> =>
    sides.beside(home, async () => {
      if (sides.isHere(home) && !sides.leads(home)) await advance(feed, home, interrupted);
    });

  /** Does something while both generations are at the same place of a home; `undefined` where the home has left. */
  const together = <T>(feed: Feed<N>, home: number, work: () => Promise<T>): Promise<T | undefined> =>
    sides.hold(home, async () => {
      if (!sides.isHere(home)) return undefined;
      await advance(feed, home, () => false);
      const [here, there] = [feed.at(home), sides.live().at(home)];
      if (here.offset !== there.offset)
        throw new Error(`home ${home} is at ${here.offset}, and not at ${there.offset}`);
      return work();
    });

  /**
   * Compares all rows of a home, page by page, each while both are at the same place: nobody waits longer than for one
   * page. What comes to rows compared before comes to both by the same code.
   */
  const compare = async (feed: Feed<N>, home: number, interrupted: Interrupted): Promise<Ready> => {
    const schemas = [sides.live().generation.schema, feed.generation.schema] as const;
    for (const table of comparedTables(projection)) {
      let last: Compared['last'];
      do {
        const after = last;
        const page = await together(feed, home, () => comparePage(db, schemas, table, home, after));
        if (page === undefined || interrupted()) return 'later';
        if (page.difference !== undefined) return { difference: page.difference };
        ({ last } = page);
      } while (last);
    }
    return 'ready';
  };

  /** What can be told at once while a home is held: that both stand at the same checkpoint. */
  const compareCheckpoints = async (feed: Feed<N>, home: number): Promise<string | undefined> => {
    const [a, b] = [sides.live().generation.schema, feed.generation.schema];
    const [ours, theirs] = [(await readCheckpoint(db, a, home)).cursor, (await readCheckpoint(db, b, home)).cursor];
    if (ours.offset === theirs.offset && sameFence(ours.fence, theirs.fence)) return undefined;
    return `checkpoints, home ${home}: ${JSON.stringify(ours)} in ${a}, ${JSON.stringify(theirs)} in ${b}`;
  };

  /** Has every batch of a home come to the other generation first from now on; if they are to be the same, once they are. */
  const makeReady = async (feed: Feed<N>, home: number, same: boolean, interrupted: Interrupted): Promise<Ready> => {
    const compared = same ? await compare(feed, home, interrupted) : 'ready';
    if (compared !== 'ready') return compared;
    const led = await together(feed, home, async (): Promise<Ready> => {
      const difference = same ? await compareCheckpoints(feed, home) : undefined;
      if (difference !== undefined) return { difference };
      await sides.lead(feed, home);
      return 'ready';
    });
    return led ?? 'later';
  };

  const note = ({ generation }: Beside, phase: Beside['phase'], what: string): Promise<boolean> =>
    noteBeside(db, name, generation, { generation, phase, note: what, since: clock() });

  /** Makes all homes of this process ready, and switches if those of all others are as well. */
  const switchTo = async (feed: Feed<N>, beside: Beside, same: boolean, interrupted: Interrupted): Promise<void> => {
    const homes = sides.homes().filter((home) => !sides.leads(home));
    if (same && homes.length > 0) for (const each of [sides.live(), feed]) await each.analyze();
    for (const home of homes) {
      const ready = await makeReady(feed, home, same, interrupted);
      if (ready === 'later') return;
      if (ready === 'ready') continue;
      await note(beside, 'different', ready.difference);
      return;
    }
    if (!(await readLeading(db, name, feed.generation.number)).every(Boolean)) return;
    await switchViews(db, projection, sides.live().generation, feed.generation, clock());
    sides.follow(await readStanding(db, name));
  };

  const tend = async (interrupted: Interrupted): Promise<boolean> => {
    const standing = await readStanding(db, name);
    if (!sides.follow(standing)) return false;
    const beside = standing?.beside;
    if (!beside) {
      sides.forget();
      return false;
    }
    const { generation, phase, wish } = beside;
    const feed = await sides.open(generation);
    const isOver = phase === 'kept' && clock() - beside.since > KEPT_MS;
    if (!feed || wish === 'drop' || isOver) {
      await dropBeside(db, name, generation);
      sides.forget();
      return false;
    }
    if (phase === 'failed') {
      await sides.stopLeading();
      return false;
    }
    try {
      const until = clock() + PASS_MS;
      let isOut = false;
      const isEnough: Interrupted = () => (isOut ||= interrupted() || clock() > until);
      await Promise.all(sides.homes().map((home) => fill(feed, home, isEnough)));
      if (isOut) return true;
      if (wish === 'switch') await switchTo(feed, beside, false, interrupted);
      else if (phase === 'filling') await switchTo(feed, beside, true, interrupted);
      return false;
    } catch (error) {
      // What it holds in memory may not be what was committed.
      await sides.refresh(feed);
      // Somebody else has the home, or has dropped the generation: the next look tells.
      if (isMoved(error) || isGone(error)) return false;
      if (!(error instanceof ProjectionError) && !isFull(error)) throw error;
      await note(beside, 'failed', beside.note === null ? error.message : `${beside.note}; then ${error.message}`);
      return false;
    }
  };

  return { tend };
}

/** What of a chunk lies before a cursor. */
const upTo = ({ records, next }: Chunk, to: Cursor): Chunk =>
  next.offset <= to.offset
    ? { records, next }
    : { records: records.filter(({ offset }) => offset < to.offset), next: to };
