import { Gauge, type Registry } from 'prom-client';
import type { Operations, Rebuilds } from '../../projections/operations.js';

export type ScrapeOptions = {
  readonly views: readonly string[];
  readonly operations: Pick<Operations, 'lag'> & Pick<Rebuilds, 'rebuilding'>;
  /** What was promised and is not yet done, by kind. */
  readonly obligations: () => Promise<ReadonlyMap<string, number>>;
  /** Told of what could not be looked at. It is missing in that answer then. */
  readonly onTrouble: (error: unknown) => void;
};

/** How far the views are, looked at when it is asked for: a few small statements, shared by all who ask at once. */
export function meterViews(registry: Registry, { views, operations, obligations, onTrouble }: ScrapeOptions): void {
  const add = (gauge: ConstructorParameters<typeof Gauge>[0]): void =>
    registry.registerMetric(new Gauge({ ...gauge, registers: [] }));
  const lag = shared(operations.lag, onTrouble);
  const rebuilds = shared(() => Promise.all(views.map((view) => operations.rebuilding(view))), onTrouble);
  const owed = shared(obligations, onTrouble);

  /** Of the generation that readers see: it stands first. */
  const liveLag = async () => {
    const rows = (await lag()) ?? [];
    const live = new Map(rows.toReversed().map(({ view, generation }) => [view, generation]));
    return rows.filter(({ view, generation }) => live.get(view) === generation);
  };

  add({
    name: 'verbatim_projection_lag_records',
    help: 'Records of the log that a view does not show yet, by view and home.',
    labelNames: ['view', 'home'],
    async collect() {
      this.reset();
      for (const { view, home, behind } of await liveLag()) this.set({ view, home }, behind);
    },
  });
  add({
    name: 'verbatim_projection_parked_streams',
    help: 'Streams that are held up by an event that a view refuses.',
    labelNames: ['view'],
    async collect() {
      this.reset();
      for (const { view, parked } of await liveLag()) this.inc({ view }, parked);
    },
  });
  for (const [what, help] of [
    ['done', 'Records that the generation beside the live one has taken; 0 where none is being built.'],
    ['of', 'Records that the generation beside the live one has to take; 0 where none is being built.'],
  ] as const) {
    add({
      name: what === 'done' ? 'verbatim_rebuild_done_records' : 'verbatim_rebuild_records',
      help,
      labelNames: ['view'],
      async collect() {
        this.reset();
        const all = (await rebuilds()) ?? [];
        for (const [at, rebuild] of all.entries()) {
          const isBuilt = rebuild?.phase === 'filling' || rebuild?.phase === 'verifying';
          this.set({ view: views[at] ?? '' }, isBuilt ? rebuild[what] : 0);
        }
      },
    });
  }
  add({
    name: 'verbatim_open_obligations',
    help: 'What was promised and is not yet done, by kind.',
    labelNames: ['kind'],
    async collect() {
      this.reset();
      for (const [kind, open] of (await owed()) ?? []) this.set({ kind }, open);
    },
  });
}

/** Asks once for all who ask while it is under way. Undefined where that went wrong. */
function shared<T>(ask: () => Promise<T>, onTrouble: (error: unknown) => void): () => Promise<T | undefined> {
  let asked: Promise<T | undefined> | undefined;
  return () => {
    asked ??= ask()
      .catch((error: unknown) => {
        onTrouble(error);
        return undefined;
      })
      .finally(() => {
        asked = undefined;
      });
    return asked;
  };
}
