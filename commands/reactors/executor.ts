import type { Uuid } from '../../domain/ids.js';
import type { Wait } from '../wait.js';
import { createLine } from './line.js';
import type { Obligation, Obligations } from './reactor.js';

/** One turn of one process at one obligation. */
export type Run = {
  /** Which turn it is: the attempt, or the version that it is about. */
  readonly turn: number;
  /** It shall end with what there is. */
  readonly stop: AbortSignal;
  /** It is no longer ours: a later turn has it, it has ended, or this process stops. */
  readonly gone: AbortSignal;
  /** The view has seen its end. */
  readonly ended: AbortSignal;
  /** Asks for another turn after this one, as after an attempt that came to nothing. */
  readonly again: (owed: Obligation) => void;
};

/** Who does what one kind of obligation asks. */
export type Keeper<O extends Obligation> = {
  /** How many are kept at once; the others wait in line. */
  readonly atOnce: number;
  /** Resolves when it is time, or with the signal. Whoever waits for that takes no place in the line. */
  readonly due?: (owed: O, signal: AbortSignal) => Promise<void>;
  /** Does it, once or again: its commands are named after the obligation and the turn. If it throws, it is called again. */
  keep(owed: O, run: Run): Promise<void>;
};

/** The keepers of a process. What it has no keeper for is left to others. */
export type Keepers = { readonly [O in Obligation as O['kind']]?: Keeper<O> };

export type ExecutorOptions = {
  readonly obligations: Obligations;
  readonly keepers: Keepers;
  readonly wait: Wait;
  /** Told of what failed and is tried again. None of it stops the executor. */
  readonly onFailure: (error: unknown) => void;
};

export type Executor = {
  /** Leaves what runs to the next process, which takes the next turn. Resolves when nothing is under way. */
  stop(): Promise<void>;
};

const FIRST_BACKOFF_MS = 100;

/** What throws may need a person: it is tried again more and more seldom. */
const LONGEST_RETRY_MS = 60_000;

/** How long whoever has an obligation has to end it after a stop, before somebody else does. */
const SWEEP_MS = 5_000;

/**
 * How long a turn may be taken without an end before somebody takes the next one, in ms: longer than any reply takes, for
 * whoever is at it may live.
 */
const LEASE_MS = 30 * 60_000;

/** A turn that this process takes. */
type Mine = {
  readonly turn: number;
  /** The obligation as it was last told. */
  told: Obligation;
  readonly stop: AbortController;
  readonly gone: AbortController;
  readonly ended: AbortController;
  /** What to go on with after it. */
  next: Obligation | undefined;
};

/**
 * Keeps every obligation that stands: one turn at a time for each, beginning at the caught-up end. Whatever happens in
 * between, the log holds one end: keepers claim what must not be done twice by a first command with the number of the
 * attempt, and name their commands so that a restart, a lost checkpoint or a second process repeats nothing.
 */
export async function startExecutor({ obligations, keepers, wait, onFailure }: ExecutorOptions): Promise<Executor> {
  const running = new Map<Uuid, Mine>();
  /** What this process was done with and what has not ended: somebody else has it, or had it. */
  const resting = new Map<Uuid, { told: Obligation; readonly over: AbortController }>();
  const kept = new Set<Promise<void>>();
  let stopped = false;
  const begins = beginningOf(keepers);

  const keep = async (start: Start, run: Run): Promise<void> => {
    const enough = AbortSignal.any([run.stop, run.gone]);
    await start.due(enough);
    const leave = await start.place(enough);
    try {
      for (let backOff = FIRST_BACKOFF_MS; ; backOff = Math.min(backOff * 2, LONGEST_RETRY_MS)) {
        try {
          return await start.keep(run);
        } catch (error) {
          onFailure(error);
          // A stop that comes meanwhile is not kept waiting; one that has come already is tried as seldom as the rest.
          await wait(backOff, run.stop.aborted ? run.gone : enough);
          if (run.gone.aborted) return;
        }
      }
    } finally {
      leave();
    }
  };

  const begin = (owed: Obligation, after = 0): void => {
    const start = begins(owed);
    if (!start) return;
    const [stop, gone, ended] = [new AbortController(), new AbortController(), new AbortController()];
    const { turn, stopping } = standingOf(owed);
    const mine: Mine = { turn, told: owed, stop, gone, ended, next: undefined };
    if (stopping) stop.abort();
    running.set(owed.id, mine);
    const again = (next: Obligation): void => {
      if (!ended.signal.aborted) mine.next ??= next;
    };
    const doing = (after > 0 ? wait(after, gone.signal) : Promise.resolve())
      .then(() => keep(start, { turn, stop: stop.signal, gone: gone.signal, ended: ended.signal, again }))
      .catch(onFailure)
      .finally(() => {
        kept.delete(doing);
        running.delete(owed.id);
        if (ended.signal.aborted || stopped) return;
        if (mine.next) begin(mine.next);
        else lookAfter(mine.told);
      });
    kept.add(doing);
  };

  /**
   * Comes back to what has not ended after this process was done with it. Another one may have taken the turn, or its
   * claim may have landed when it was gone already: then none of those who are there now would ever end it.
   */
  const lookAfter = (owed: Obligation): void => {
    const left = { told: owed, over: new AbortController() };
    resting.set(owed.id, left);
    wait(LEASE_MS, left.over.signal)
      .then(() => {
        if (left.over.signal.aborted) return;
        resting.delete(owed.id);
        begin(left.told);
      })
      .catch(onFailure);
  };

  const end = (id: Uuid): void => {
    wake(id);
    const mine = running.get(id);
    if (!mine) return;
    mine.next = undefined;
    mine.ended.abort();
    mine.gone.abort();
  };

  const wake = (id: Uuid): void => {
    resting.get(id)?.over.abort();
    resting.delete(id);
  };

  let settled = false;
  const unwatch = await obligations.watch((change) => {
    if (stopped) return;
    if ('ended' in change) return end(change.ended);
    const mine = running.get(change.id);
    const left = resting.get(change.id);
    const { turn, taken, stopping } = standingOf(change);
    if (left && taken && !stopping) {
      left.told = change;
      return;
    }
    wake(change.id);
    if (mine) {
      mine.told = change;
      if (!taken && turn > mine.turn) mine.next = change;
      // A turn that is taken is the one before the next one: ours, or one that has overtaken ours.
      if (turn > mine.turn + (taken ? 1 : 0)) mine.gone.abort();
      else if (stopping) mine.stop.abort();
    } else if (!settled || !taken) {
      // What was taken when this process started was taken by one that is gone.
      begin(change);
    } else if (stopping) {
      // Taken elsewhere. If nobody is there to stop it, this process does.
      begin(change, SWEEP_MS);
    }
  });
  settled = true;

  return {
    stop: async () => {
      stopped = true;
      unwatch();
      // One by one: a signal made of theirs and that of the process would stay with the latter for ever.
      for (const { gone } of running.values()) gone.abort();
      for (const { over } of resting.values()) over.abort();
      await Promise.all(kept);
    },
  };
}

/** The next turn at an obligation, whether somebody is at the one before it, and whether that shall end. */
function standingOf(owed: Obligation): { turn: number; taken: boolean; stopping: boolean } {
  switch (owed.kind) {
    case 'reply':
      return { turn: owed.attempt + 1, taken: owed.executor !== null, stopping: owed.stopping };
    case 'title':
      return { turn: owed.attempt + 1, taken: owed.executor !== null, stopping: false };
    case 'membership':
      return { turn: owed.source, taken: false, stopping: false };
    case 'erasure':
      return { turn: owed.late?.source ?? 1, taken: false, stopping: false };
    case 'expiry':
      return { turn: 1, taken: false, stopping: false };
  }
}

/** How one obligation is begun, with its keeper closed over. */
type Start = {
  due(signal: AbortSignal): Promise<void>;
  place(signal: AbortSignal): Promise<() => void>;
  keep(run: Run): Promise<void>;
};

/** The beginning of obligations by those who keep them, with a line in front of each. */
function beginningOf(keepers: Keepers): (owed: Obligation) => Start | undefined {
  const startsOf = <O extends Obligation>(keeper: Keeper<O> | undefined): ((owed: O) => Start | undefined) => {
    if (!keeper) return () => undefined;
    const place = createLine(keeper.atOnce);
    return (owed) => ({
      due: async (signal) => keeper.due?.(owed, signal),
      place,
      keep: (run) => keeper.keep(owed, run),
    });
  };
  const reply = startsOf(keepers.reply);
  const title = startsOf(keepers.title);
  const membership = startsOf(keepers.membership);
  const expiry = startsOf(keepers.expiry);
  const erasure = startsOf(keepers.erasure);
  return (owed) => {
    switch (owed.kind) {
      case 'reply':
        return reply(owed);
      case 'title':
        return title(owed);
      case 'membership':
        return membership(owed);
      case 'expiry':
        return expiry(owed);
      case 'erasure':
        return erasure(owed);
    }
  };
}
