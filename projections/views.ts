import type { Log } from '../commands/log/log.js';
import type { OperatedView } from './operations.js';
import type { Projection } from './projection.js';
import type { Db } from './readmodel/db.js';
import { core } from './readmodel/core/core.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { readRebuilding } from './rebuilding.js';
import { type Runner, type RunnerOptions, startRunner } from './runner.js';
import { createWishes } from './wishes.js';

/** By the name of each view, what those who watch it are told. */
type Projections<Of> = { readonly [View in keyof Of]: Projection<Of[View]> };
const named = <Of>(all: Projections<Of>): Projections<Of> => all;

/** Every view that there is. A new one is a folder of its own, and its name here. */
export const views = named({ core, obligations });

type NoticesOf<V> = V extends Projections<infer Of> ? Of : never;
type Notices = NoticesOf<typeof views>;
export type ViewName = keyof Notices;

type Told<N> = Pick<RunnerOptions<N>, 'onCommit' | 'onProgress' | 'onAgain' | 'onBatch'>;
type Listeners<Of> = { readonly [View in keyof Of]?: Told<Of[View]> };

export type ViewsOptions = Pick<
  RunnerOptions<never>,
  'log' | 'leases' | 'sessions' | 'onFailure' | 'onTrouble' | 'onRestart'
> & {
  /** A database for each runner. */
  readonly db: () => Db;
};

export type Views = {
  readonly runners: readonly Runner[];
  runner(view: ViewName): Runner;
  stop(): Promise<void>;
};

/** Starts a runner for every view. Each view may have listeners of its own. */
export const startViews = (options: ViewsOptions, listeners: Listeners<Notices> = {}): Views =>
  startAll(views, options, listeners);

function startAll<Of>(all: Projections<Of>, options: ViewsOptions, listeners: Listeners<Of>) {
  const runners = new Map<string, Runner>();
  for (const view in all) {
    runners.set(view, startRunner({ ...options, db: options.db(), projection: all[view], ...listeners[view] }));
  }
  return {
    runners: [...runners.values()],
    runner: (view: string): Runner => {
      const runner = runners.get(view);
      if (!runner) throw new RangeError(`there is no view ${view}`);
      return runner;
    },
    stop: async () => {
      await Promise.all([...runners.values()].map((runner) => runner.stop()));
    },
  };
}

/** The views as a process has them that runs none: what operators ask of them is read, or noted for those who do. */
export const viewsElsewhere = (options: { readonly log: Log; readonly db: Db; readonly clock: () => number }) =>
  everyElsewhere(views, options);

function everyElsewhere<Of>(
  all: Projections<Of>,
  { log, db, clock }: { readonly log: Log; readonly db: Db; readonly clock: () => number },
): readonly OperatedView[] {
  const operated: OperatedView[] = [];
  for (const name in all) {
    const projection = all[name];
    operated.push({
      ...createWishes({ log, db, projection, look: () => undefined, clock }),
      view: projection.name,
      rebuilding: () => readRebuilding(db, projection.name, clock()),
    });
  }
  return operated;
}
