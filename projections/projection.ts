import type { Recorded } from '../domain/catalogue.js';
import type { Queryable } from './readmodel/db.js';

/**
 * A read model: a name, a schema version, its tables, and how a batch of one partition's events changes them. Every
 * table has `home` as the first column of its primary key. `apply` runs in the transaction that moves the checkpoint,
 * so each event counts exactly once; it folds the batch to one row per key and writes those. `N` is what it tells
 * live watchers after the commit.
 */
export type Projection<N> = {
  readonly name: string;
  readonly schema: number;
  /** CREATE TABLE statements, unqualified; each generation runs them in a schema of its own. */
  readonly tables: string;
  /** The tables that readers see, through views of the same names in the schema named after the projection. */
  readonly views: readonly string[];
  /** `schema` is the generation's schema, to qualify the tables with. */
  apply(batch: Batch, tx: Queryable, schema: string): Promise<readonly N[]>;
};

export type Batch = {
  readonly home: number;
  /** In the order of the log, valid ones only, each with its offset. */
  readonly events: readonly { readonly offset: number; readonly event: Recorded }[];
};
