import type { Recorded } from '../domain/catalogue.js';
import type { Stage, Table } from './readmodel/table.js';

/**
 * A read model: a name, a schema version, its tables, and how a batch of one partition's events changes them. `apply`
 * folds the batch to one row per key; what it writes is committed together with the checkpoint, so that each event counts
 * exactly once. `N` is what watchers are told after the commit.
 */
export type Projection<N> = {
  readonly name: string;
  readonly schema: number;
  /** Readers see each table through a view of the same name in a schema named after the projection. */
  readonly tables: readonly Table[];
  apply(events: readonly Located[], stage: Stage): Promise<readonly N[]>;
};

/** An event and its place in the log. */
export type Located = { readonly partition: number; readonly offset: number; readonly event: Recorded };

/**
 * What stops a projection at one home, or a rebuild. UNKNOWN_EVENT: newer code wrote it, and skipping it would be wrong
 * for ever. CHECKPOINT_MOVED: another runner is at work here. TOO_MANY_PARKED: what refuses that many streams is the view
 * itself. REBUILD_STOPPED: a rebuild refuses an event that the live view took. NEWER_VIEW: newer code made the tables, and
 * this one would drop them. ANOTHER_LOG: others keep the view over another log. PROJECTION_FAILED: the database failed, and
 * not for an event's sake; `cause` says how.
 */
export class ProjectionError extends Error {
  override name = 'ProjectionError';
  constructor(
    readonly code:
      | 'UNKNOWN_EVENT'
      | 'CHECKPOINT_MOVED'
      | 'TOO_MANY_PARKED'
      | 'REBUILD_STOPPED'
      | 'NEWER_VIEW'
      | 'ANOTHER_LOG'
      | 'PROJECTION_FAILED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
