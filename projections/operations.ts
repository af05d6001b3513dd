import type { Log } from '../commands/log/log.js';
import { orGone, readGenerations } from './generations.js';
import { type Lag, readLag } from './lag.js';
import { type Parked, readParked } from './parked.js';
import type { Db } from './readmodel/db.js';
import type { Rebuilding } from './rebuilding.js';
import type { Runner } from './runner.js';
import { OperationError } from './wishes.js';

/** What operators ask of the views. Whatever is thrown for their sake is an OperationError. */
export type Operations = {
  /** How far every generation of every view is, at each home. */
  lag(): Promise<readonly Lag[]>;
  /** What is parked in the live generation of every view. */
  parked(): Promise<readonly Parked[]>;
  /** Tries a parked stream again. Throws UNKNOWN_VIEW, NOT_PARKED, RETRY_REFUSED, NO_ANSWER. */
  retry(view: string, stream: string): Promise<void>;
};

/** What they do with the generation beside the live one of a view. All throw UNKNOWN_VIEW, and what `Wishes` says. */
export type Rebuilds = {
  rebuild(view: string): Promise<void>;
  rebuilding(view: string): Promise<Rebuilding | undefined>;
  cancel(view: string): Promise<void>;
  switchTo(view: string, phase: 'kept' | 'different'): Promise<void>;
};

/** A view as operators see it: over its runner, or in a process that does not run it (see `viewsElsewhere`). */
export type OperatedView = Omit<Runner, 'caughtUp' | 'reached' | 'stop'>;

/** The operations on some views. */
export function createOperations(options: {
  readonly log: Log;
  readonly db: Db;
  readonly runners: readonly OperatedView[];
}): Operations & Rebuilds {
  const { log, db, runners } = options;

  const runnerOf = (view: string): OperatedView => {
    const runner = runners.find((each) => each.view === view);
    if (runner) return runner;
    const there = runners.map((each) => each.view).join(', ');
    throw new OperationError('UNKNOWN_VIEW', `There is no view "${view}". There are ${there}.`);
  };
  const parkedIn = async ({ view }: OperatedView): Promise<readonly Parked[]> => {
    const { live } = await readGenerations(db, view);
    const rows = (live && (await orGone(readParked(db, live.schema)))) ?? [];
    return rows.map(({ home, stream, eventOffset, event, type, at, waiting, errorName, errorMessage }) => {
      const error = { name: errorName, message: errorMessage };
      return { view, home, stream, offset: eventOffset, event, type, at, waiting, error };
    });
  };

  return {
    lag: async () => (await Promise.all(runners.map(({ view }) => readLag(db, log, view)))).flat(),
    parked: async () => (await Promise.all(runners.map(parkedIn))).flat(),
    retry: async (view, stream) => runnerOf(view).retry(stream),
    rebuild: async (view) => runnerOf(view).rebuild(),
    rebuilding: async (view) => runnerOf(view).rebuilding(),
    cancel: async (view) => runnerOf(view).cancel(),
    switchTo: async (view, phase) => runnerOf(view).switchTo(phase),
  };
}
