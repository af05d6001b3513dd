import type { Uuid } from '../domain/ids.js';
import { isGone, type Others } from './generations.js';
import type { HomeWork, Homes } from './homes.js';
import {
  type Beat,
  addLease,
  createLeaseTables,
  passLease,
  readBeats,
  readLeases,
  removeHolder,
  writeBeat,
} from './leases-table.js';
import type { Queryable } from './readmodel/db.js';
import { type Lease, share } from './sharing.js';
import type { Wait } from './wait.js';

/** How long a process that says nothing keeps its homes, in ms. */
const LEASE_MS = 6_000;
/** In the time of a lease, how often each looks who is to have what, and how often it says that it lives. */
const LOOKS = 12;
const BEATS = 4;

export type Leases = Others & {
  /** The homes of a view that are this process's. */
  homes(view: string, partitions: number): Homes;
  /** Says from now on that this process lives, though it may want no homes. */
  attend(): Promise<void>;
  /** Whether a process that attends, or has homes, still lives. */
  lives(holder: Uuid): Promise<boolean>;
  /** Leaves all homes to others, at once. Nothing is at work any more. */
  stop(): Promise<void>;
};

type Running = { readonly stop: AbortController; readonly done: Promise<void> };
type View = {
  readonly partitions: number;
  readonly mine: Set<number>;
  readonly leaving: Map<number, Promise<void>>;
  readonly running: Map<number, Running>;
  active?: { readonly work: HomeWork; readonly signal: AbortSignal };
};

/**
 * Shares the homes of views among all processes on one database: each has as many as the others, within one; takes those of
 * one that is gone; and lets go of some when another one comes. Whether another one lives is told by its row: it is gone
 * once that has stayed as it was for `lease` ms of this one's own clock, so that no two clocks need to agree. If two believe
 * that they have a home, its checkpoint lets one of them write, and the other looks again.
 */
export function createLeases(options: {
  readonly db: Queryable;
  /** The id of the log that this process reads. */
  readonly log: Uuid;
  /** Names this process, once: the next start has another one. */
  readonly holder: Uuid;
  /** Ms. A process that stopped without a word is replaced after that and a look. */
  readonly lease?: number;
  /** Ms that never run backwards. */
  readonly clock: () => number;
  readonly wait: Wait;
  /** Told once of what keeps it from looking, until it can again. */
  readonly onTrouble?: (error: unknown) => void;
}): Leases {
  const { db, log, holder, lease = LEASE_MS, clock, wait, onTrouble } = options;
  const views = new Map<string, View>();
  /** Of each process its last beat, and when that was new here. */
  const heard = new Map<Uuid, { readonly beat: number; readonly at: number }>();
  /** When beats were last read. */
  let listened: number | undefined;
  const ending = new AbortController();
  let nap = new AbortController();
  let isRung = false;
  let made = false;
  let beaten: number | undefined;
  let beats = 0;
  let looping: Promise<void> | undefined;

  const ring = (): void => {
    isRung = true;
    nap.abort();
  };

  const begin = (view: View, home: number): void => {
    const { active, mine, running } = view;
    if (!active || active.signal.aborted || !mine.has(home) || running.has(home)) return;
    const stop = new AbortController();
    const done = active
      .work(home, AbortSignal.any([active.signal, stop.signal]))
      .catch((error: unknown) => onTrouble?.(error))
      .finally(() => running.delete(home));
    running.set(home, { stop, done });
  };

  /** Ends the work at a home, in hand or not. */
  const end = async ({ running }: View, home: number): Promise<void> => {
    const there = running.get(home);
    there?.stop.abort();
    await there?.done;
  };

  const giveUp = (name: string, view: View, home: number): Promise<void> => {
    const under = view.leaving.get(home);
    if (under) return under;
    view.mine.delete(home);
    const leaving = end(view, home)
      .then(() => passLease(db, { view: name, home }, holder, null))
      .then(
        () => undefined,
        (error: unknown) => onTrouble?.(error),
      )
      .finally(() => view.leaving.delete(home));
    view.leaving.set(home, leaving);
    return leaving;
  };

  const make = async (): Promise<void> => {
    if (made) return;
    await createLeaseTables(db);
    for (const [view, { partitions }] of views) {
      for (let home = 0; home < partitions; home++) await addLease(db, { view, home });
    }
    made = true;
  };

  const beat = async (): Promise<void> => {
    beats += 1;
    await writeBeat(db, { holder, log, views: [...views.keys()], beat: beats });
    beaten = clock();
  };

  /** Those who live, and run the views over the same log. Whoever is gone is taken away. */
  const living = async (): Promise<readonly Beat[]> => {
    const all = await readBeats(db);
    // Of a time in which nothing could be read nothing is known: maybe nothing could be written either.
    const isDeaf = listened !== undefined && clock() - listened > lease / 2;
    listened = clock();
    for (const [id, { beat: last }] of heard) {
      if (!all.some((each) => each.holder === id)) heard.delete(id);
      else if (isDeaf) heard.set(id, { beat: last, at: listened });
    }
    const alive: Beat[] = [];
    for (const each of all) {
      const before = heard.get(each.holder);
      if (before?.beat !== each.beat) heard.set(each.holder, { beat: each.beat, at: clock() });
      else if (each.holder !== holder && clock() - before.at >= lease) {
        await removeHolder(db, each.holder, each.beat);
        continue;
      }
      if (each.log === log) alive.push(each);
    }
    return alive;
  };

  /** Takes and gives up what is to be, where that is this process's to do. */
  const settle = async (alive: readonly Beat[], leases: readonly Lease[]): Promise<void> => {
    const lives = (id: string | null): boolean => alive.some((each) => each.holder === id);
    const isLeaving = ({ view, home }: Lease): boolean => views.get(view)?.leaving.has(home) === true;
    const known = leases.filter(({ view, home }) => home < (views.get(view)?.partitions ?? Infinity));
    const held = known.map((each) =>
      lives(each.holder) && !(each.holder === holder && isLeaving(each)) ? each : { ...each, holder: null },
    );
    const wanted = share(
      alive.map(({ holder: id, views: able }) => ({ id, views: able })),
      held,
    );
    const wantedAt = new Map(wanted.map((each) => [`${each.view} ${each.home}`, each.holder]));
    for (const each of known) {
      const view = views.get(each.view);
      if (!view || isLeaving(each)) continue;
      const isWanted = wantedAt.get(`${each.view} ${each.home}`) === holder;
      if (each.holder === holder && !isWanted) {
        void giveUp(each.view, view, each.home);
        continue;
      }
      const isTaken =
        each.holder === holder || (isWanted && !lives(each.holder) && (await passLease(db, each, each.holder, holder)));
      if (isTaken && views.get(each.view) !== view) {
        // It was closed meanwhile.
        await passLease(db, each, holder, null);
      } else if (isTaken) {
        view.mine.add(each.home);
        begin(view, each.home);
      } else if (view.mine.delete(each.home)) void end(view, each.home);
    }
  };

  const look = async (): Promise<void> => {
    await make();
    if (beaten === undefined || clock() - beaten >= lease / BEATS) await beat();
    const alive = await living();
    const leases = await readLeases(db);
    // Some may be lost, as in a failover: they are made again at the next look.
    made = [...views].every(
      ([name, { partitions }]) =>
        leases.filter(({ view, home }) => view === name && home < partitions).length === partitions,
    );
    await settle(alive, leases);
  };

  const loop = async (): Promise<void> => {
    let isTroubled = false;
    while (!ending.signal.aborted) {
      isRung = false;
      try {
        await look();
        isTroubled = false;
      } catch (error) {
        if (isGone(error)) made = false;
        if (!isTroubled) onTrouble?.(error);
        isTroubled = true;
      }
      nap = new AbortController();
      if (!isRung && !ending.signal.aborted) await wait(lease / LOOKS, nap.signal);
    }
  };

  const close = async (name: string): Promise<void> => {
    const view = views.get(name);
    if (!view) return;
    views.delete(name);
    // The others are told first: until then they would leave some to this one.
    await beat().catch((error: unknown) => onTrouble?.(error));
    await Promise.all([...view.mine, ...view.leaving.keys()].map((home) => giveUp(name, view, home)));
  };

  return {
    homes: (name, partitions) => {
      const view: View = { partitions, mine: new Set(), leaving: new Map(), running: new Map() };
      views.set(name, view);
      made = false;
      beaten = undefined;
      ring();
      looping ??= loop();
      return {
        each: async (work, signal) => {
          view.active = { work, signal };
          for (const home of view.mine) begin(view, home);
          ring();
          await aborted(signal);
          while (view.running.size > 0) await Promise.all([...view.running.values()].map(({ done }) => done));
          delete view.active;
        },
        close: () => close(name),
      };
    },
    attend: async () => {
      await make();
      await beat();
      looping ??= loop();
    },
    lives: async (other) => (await living()).some((each) => each.holder === other),
    onAnotherLog: async () => {
      await createLeaseTables(db);
      const others = (await readBeats(db)).filter((each) => each.log !== log);
      for (const until = clock() + lease; others.length > 0 && clock() < until; await wait(lease / LOOKS)) {
        const later = await readBeats(db);
        const lives = ({ holder: id, beat: then }: Beat) =>
          later.some((each) => each.holder === id && each.log !== log && each.beat !== then);
        if (others.some(lives)) return true;
      }
      return false;
    },
    stop: async () => {
      for (const name of views.keys()) await close(name);
      ending.abort();
      nap.abort();
      await looping;
      if (beaten !== undefined) await removeHolder(db, holder, beats).catch((error: unknown) => onTrouble?.(error));
    },
  };
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
