import { sameFence } from '../commands/log/fence.js';
import type { Chunk, Cursor, Log } from '../commands/log/log.js';
import { BATCH, type Feed, openFeed } from './feed.js';
import {
  type Beside,
  dropBeside,
  noteBeside,
  openBeside,
  readBeside,
  readGenerations,
  switchViews,
} from './generations.js';
import { type Projection, ProjectionError } from './projection.js';
import { type Db, DbError } from './readmodel/db.js';
import { type Compared, comparePage, comparedTables } from './verify.js';

/** How long the generation that was live before a switch is kept beside the new one, in ms. */
const KEPT_MS = 24 * 3_600_000;
/** The longest that it fills without a look at what is wanted of it, in ms. */
const PASS_MS = 1_000;

/** How far a rebuild is. `done` and `of` are records of the log; `rate` is records/s, `left` seconds, where they are known. */
export type Rebuilding = {
  readonly view: string;
  /** The generation that readers see, and the one beside it. */
  readonly live: number;
  readonly generation: number;
  readonly phase: Beside['phase'] | 'verifying';
  readonly done: number;
  readonly of: number;
  readonly rate: number | undefined;
  readonly left: number | undefined;
  /** In what the two generations differ, or what stopped it. */
  readonly note: string | null;
};

type Options<N> = {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  readonly live: () => Feed<N>;
  /** Makes another generation the live one. All homes are held. */
  readonly swap: (feed: Feed<N>) => void;
  /** Does something while nothing changes at a home of the live generation. */
  readonly hold: <T>(home: number, work: () => Promise<T>) => Promise<T>;
  /** Begins anew with what the database holds. */
  readonly reopen: () => void;
  readonly clock: () => number;
};

/** Whether it is to come to an end early: what it has is kept in the database, and it goes on from there. */
type Interrupted = () => boolean;

export type Rebuild = {
  /** Goes on with what is to be done, for a while. True where there is more to do at once. */
  tend(interrupted: Interrupted): Promise<boolean>;
  status(): Promise<Rebuilding | undefined>;
};

/**
 * The generation beside the live one, as one runner tends it: filled by the same code, never beyond where the live one is;
 * compared with it; put in its place; and kept in step with it from then on, so that the way back stays open. What is to be
 * done stands in the database, so that whoever is killed in the middle goes on there.
 */
export function createRebuild<N>({ log, db, projection, live, swap, hold, reopen, clock }: Options<N>): Rebuild {
  const homes = Array.from({ length: log.partitions }, (_, home) => home);
  let other: Feed<N> | undefined;
  let verifying = false;
  /** Where this process began to fill, and when. */
  let begun: { readonly generation: number; readonly done: number; readonly at: number } | undefined;

  /** Fills a home up to where the live one is now, or until it is interrupted. */
  const advance = async (feed: Feed<N>, home: number, interrupted: Interrupted): Promise<void> => {
    const to = live().at(home);
    const like = live().parked(home);
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

  /** Does something while both generations are at the same place of a home. */
  const together = <T>(feed: Feed<N>, home: number, work: () => Promise<T>): Promise<T> =>
    hold(home, async () => {
      await advance(feed, home, () => false);
      const [here, there] = [feed.at(home), live().at(home)];
      if (here.offset !== there.offset)
        throw new Error(`home ${home} is at ${here.offset}, and not at ${there.offset}`);
      return work();
    });

  const allTogether = <T>(feed: Feed<N>, work: () => Promise<T>): Promise<T> =>
    homes.reduceRight<() => Promise<T>>((inner, home) => () => together(feed, home, inner), work)();

  /**
   * Compares all rows, page by page, each while both are at the same place of its home: nobody waits longer than for one
   * page. What comes to rows compared before comes to both by the same code. Undefined where nothing differs.
   */
  const findDifference = async (feed: Feed<N>, interrupted: Interrupted): Promise<string | undefined> => {
    const schemas = [live().generation.schema, feed.generation.schema] as const;
    for (const home of homes) {
      for (const table of comparedTables(projection)) {
        let page: Compared = {};
        do {
          const { last } = page;
          page = await together(feed, home, () => comparePage(db, schemas, table, home, last));
          if (page.difference !== undefined) return page.difference;
        } while (page.last && !interrupted());
      }
    }
    return undefined;
  };

  /** What can be told at once while all homes are held: that both stand at the same checkpoints. */
  const findLastDifference = async (feed: Feed<N>): Promise<string | undefined> => {
    const [a, b] = [live().generation.schema, feed.generation.schema];
    const stored = await readGenerations(db, projection.name);
    const found = homes.find((home) => {
      const [ours, theirs] = [stored.live, stored.beside].map((each) => each?.checkpoints[home]);
      return !ours || !theirs || ours.offset !== theirs.offset || !sameFence(ours.fence, theirs.fence);
    });
    if (found === undefined) return undefined;
    const [ours, theirs] = [stored.live, stored.beside].map((each) => JSON.stringify(each?.checkpoints[found]));
    return `checkpoints, home ${found}: ${ours} in ${a}, ${theirs} in ${b}`;
  };

  const note = ({ generation }: Beside, phase: Beside['phase'], what: string): Promise<boolean> =>
    noteBeside(db, projection.name, generation, { generation, phase, note: what, since: clock() });

  /** Returns in what they differ, if they are to be the same. */
  const switchTo = (feed: Feed<N>, same: boolean): Promise<string | undefined> =>
    allTogether(feed, async () => {
      const difference = same ? await findLastDifference(feed) : undefined;
      if (difference !== undefined) return difference;
      const before = live();
      if (await switchViews(db, projection, before.generation, feed.generation, clock())) {
        swap(feed);
        other = before;
      }
      return undefined;
    });

  const verifyAndSwitch = async (feed: Feed<N>, beside: Beside, interrupted: Interrupted): Promise<void> => {
    verifying = true;
    try {
      for (const each of [live(), feed]) await each.analyze();
      const difference = await findDifference(feed, interrupted);
      if (difference === undefined && interrupted()) return;
      const found = difference ?? (await switchTo(feed, true));
      if (found !== undefined) await note(beside, 'different', found);
    } finally {
      verifying = false;
    }
  };

  const open = async (number: number): Promise<Feed<N> | undefined> => {
    if (other?.generation.number === number) return other;
    const generation = await openBeside(db, projection, log, number);
    if (!generation) return undefined;
    const feed = await openFeed({ log, db, projection, generation });
    begun = { generation: number, done: sum(homes.map((home) => feed.at(home).offset)), at: clock() };
    return feed;
  };

  const drop = async (number: number): Promise<void> => {
    other = undefined;
    await dropBeside(db, projection.name, number);
  };

  const tend = async (interrupted: Interrupted): Promise<boolean> => {
    const beside = await readBeside(db, projection.name);
    if (!beside) {
      other = undefined;
      return false;
    }
    const { generation, phase, wish } = beside;
    if (generation === live().generation.number) {
      // A switch was committed and nobody here knows: as after an answer that was lost.
      reopen();
      return false;
    }
    other = await open(generation);
    const isOver = phase === 'kept' && clock() - beside.since > KEPT_MS;
    if (!other || wish === 'drop' || isOver) {
      await drop(generation);
      return false;
    }
    const feed = other;
    if (phase === 'failed') return false;
    try {
      const until = clock() + PASS_MS;
      let isOut = false;
      const isEnough: Interrupted = () => (isOut ||= interrupted() || clock() > until);
      await Promise.all(homes.map((home) => advance(feed, home, isEnough)));
      if (isOut) return true;
      if (wish === 'switch') await switchTo(feed, false);
      else if (phase === 'filling') await verifyAndSwitch(feed, beside, interrupted);
      return false;
    } catch (error) {
      // What it holds in memory may not be what was committed.
      other = undefined;
      if (!(error instanceof ProjectionError) && !isFull(error)) throw error;
      await note(beside, 'failed', beside.note === null ? error.message : `${beside.note}; then ${error.message}`);
      return false;
    }
  };

  const status = async (): Promise<Rebuilding | undefined> => {
    const { live: shown, beside } = await readGenerations(db, projection.name);
    if (!shown || !beside) return undefined;
    const [done, of] = [beside, shown].map(({ checkpoints }) => sum(checkpoints.map(({ offset }) => offset)));
    const { number: generation, phase, note: what } = beside;
    const told = { view: projection.name, live: shown.number, generation, note: what, done: done ?? 0, of: of ?? 0 };
    if (phase !== 'filling') return { ...told, phase, rate: undefined, left: undefined };
    const seconds = begun?.generation === generation ? (clock() - begun.at) / 1_000 : 0;
    const rate = begun && seconds > 0 ? (told.done - begun.done) / seconds : undefined;
    const left = rate ? (told.of - told.done) / rate : undefined;
    return { ...told, phase: verifying ? 'verifying' : phase, rate, left };
  };

  return { tend, status };
}

/** There is no room. What is built beside the live view is given up then, so that the live one has some. */
export const isFull = (error: unknown): error is DbError => error instanceof DbError && error.code.startsWith('53');

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** What of a chunk lies before a cursor. */
const upTo = ({ records, next }: Chunk, to: Cursor): Chunk =>
  next.offset <= to.offset
    ? { records, next }
    : { records: records.filter(({ offset }) => offset < to.offset), next: to };
