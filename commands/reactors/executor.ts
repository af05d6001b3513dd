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
  /** This process, as its claims name it. */
  readonly executor: Uuid;
  /** Whether another process may still be at what it has claimed. */
  readonly lives: (executor: Uuid) => Promise<boolean>;
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

/** How often it is asked whether whoever has a turn still lives. */
const LOOK_MS = 5_000;

/** How long one that lives may have a turn without an end before somebody takes the next one: longer than any reply takes. */
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
export async function startExecutor(options: ExecutorOptions): Promise<Executor> {
  const { obligations, keepers, executor, lives, wait, onFailure } = options;
  const running = new Map<Uuid, Mine>();
  /** What has not ended, and is not run here: somebody else has it, or had it. */
  const resting = new Map<Uuid, AbortController>();
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

  const begin = (owed: Obligation): void => {
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
    const doing = keep(start, { turn, stop: stop.signal, gone: gone.signal, ended: ended.signal, again })
      .catch(onFailure)
      .finally(() => {
        kept.delete(doing);
        running.delete(owed.id);
        if (ended.signal.aborted || stopped) return;
        if (mine.next) begin(mine.next);
        // What it came to, or found, is not seen yet: it would find the same again at once, and so for ever.
        else lookAfter(mine.told, mine.told === owed ? LOOK_MS : 0);
      });
    kept.add(doing);
  };

  /**
   * Leaves to another process what it has taken, for as long as it lives. That may not be long: its claim may have landed
   * when it was gone already, and none of those who are there now would ever end what it began. Not before so many ms.
   */
  const lookAfter = (told: Obligation, rest = 0): void => {
    const over = new AbortController();
    resting.set(told.id, over);
    untilFree(told, over.signal, rest)
      .then(() => {
        if (over.signal.aborted) return;
        resting.delete(told.id);
        begin(told);
      })
      .catch(onFailure);
  };

  /** Resolves when who has it can no longer end it, or with the signal. */
  const untilFree = async (told: Obligation, signal: AbortSignal, rest: number): Promise<void> => {
    const { by, stopping } = standingOf(told);
    if (rest > 0) await wait(rest, signal);
    for (let passed = rest; !signal.aborted; passed += LOOK_MS) {
      if (passed >= (stopping ? SWEEP_MS : LEASE_MS)) return;
      // What is ours may have ended, and not be seen to have.
      if (by !== null && by !== executor && !(await isAlive(by))) return;
      await wait(LOOK_MS, signal);
    }
  };

  const isAlive = (other: Uuid): Promise<boolean> =>
    lives(other).catch((error: unknown) => {
      onFailure(error);
      return true;
    });

  const end = (id: Uuid): void => {
    wake(id);
    const mine = running.get(id);
    if (!mine) return;
    mine.next = undefined;
    mine.ended.abort();
    mine.gone.abort();
  };

  const wake = (id: Uuid): void => {
    resting.get(id)?.abort();
    resting.delete(id);
  };

  const unwatch = await obligations.watch((change) => {
    if (stopped) return;
    if ('ended' in change) return end(change.ended);
    const mine = running.get(change.id);
    const { turn, by, stopping } = standingOf(change);
    const taken = by !== null;
    // What was found of who had it before says nothing of who has it now.
    wake(change.id);
    if (mine) {
      mine.told = change;
      if (!taken && turn > mine.turn) mine.next = change;
      // A turn that is taken is the one before the next one: ours, or one that has overtaken ours.
      if (turn > mine.turn + (taken ? 1 : 0)) mine.gone.abort();
      else if (stopping) mine.stop.abort();
    } else if (!taken) {
      begin(change);
    } else {
      lookAfter(change);
    }
  });

  return {
    stop: async () => {
      stopped = true;
      unwatch();
      // One by one: a signal made of theirs and that of the process would stay with the latter for ever.
      for (const { gone } of running.values()) gone.abort();
      for (const over of resting.values()) over.abort();
      await Promise.all(kept);
    },
  };
}

/** The next turn at an obligation, who is at the one before it, and whether that shall end. */
function standingOf(owed: Obligation): { turn: number; by: Uuid | null; stopping: boolean } {
  switch (owed.kind) {
    case 'reply':
      return { turn: owed.attempt + 1, by: owed.executor, stopping: owed.stopping };
    case 'title':
      return { turn: owed.attempt + 1, by: owed.executor, stopping: false };
    case 'membership':
      return { turn: owed.source, by: null, stopping: false };
    case 'erasure':
      return { turn: owed.late?.source ?? 1, by: null, stopping: false };
    case 'expiry':
      return { turn: 1, by: null, stopping: false };
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
