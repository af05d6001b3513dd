import type { Recorded } from '../domain/catalogue.js';
import type { Stage, Table } from './readmodel/table.js';

/**
 * A read model: a name, a schema version, its tables, and how a batch of one partition's events changes them. `apply`
 * runs in the transaction that moves the checkpoint, so each event counts exactly once; it folds the batch to one row
 * per key and writes those. `N` is what watchers are told after the commit.
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
 * What stops a projection at one home. UNKNOWN_EVENT: newer code wrote it, and skipping it would be wrong for ever.
 * CHECKPOINT_MOVED: another runner is at work here. PROJECTION_FAILED: the database or the fold failed; `cause` says how.
 */
export class ProjectionError extends Error {
  override name = 'ProjectionError';
  constructor(
    readonly code: 'UNKNOWN_EVENT' | 'CHECKPOINT_MOVED' | 'PROJECTION_FAILED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
