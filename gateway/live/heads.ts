import type { Uuid } from '../../domain/ids.js';
import { homesOf } from '../../projections/readmodel/core/queries.js';
import type { CoreQueries } from '../../projections/readmodel/core/rows.js';
import { createRounds } from '../rounds.js';

/** Repeats the heads of all conversations that somebody watches here, so that a lost last notice heals by itself. */
export type Heads = {
  watch(conversation: Uuid, told: (version: number) => void): () => void;
  /** How many conversations somebody watches here. */
  watched(): number;
  stop(): void;
};

export type HeadsOptions = {
  readonly core: Pick<CoreQueries, 'heads'>;
  readonly partitions: number;
  /** How often heads are repeated, in ms. Default 2,500. */
  readonly every?: number;
  readonly onFailure: (error: unknown) => void;
};

export function repeatHeads({ core, partitions, every = 2_500, onFailure }: HeadsOptions): Heads {
  const homes = homesOf(partitions);
  const watched = new Map<Uuid, Set<(version: number) => void>>();

  const repeat = createRounds<number>(onFailure);
  const timer = setInterval(() => {
    // One query per home, however many watch.
    repeat(homes.group([...watched.keys()]), async (home, ids) => {
      for (const [id, version] of await core.heads(home, ids)) {
        for (const told of watched.get(id) ?? []) told(version);
      }
    });
  }, every);

  return {
    watch: (conversation, told) => {
      const watchers = watched.get(conversation) ?? new Set();
      const own = (version: number): void => told(version);
      watched.set(conversation, watchers.add(own));
      return () => {
        watchers.delete(own);
        if (watchers.size === 0 && watched.get(conversation) === watchers) watched.delete(conversation);
      };
    },
    watched: () => watched.size,
    stop: () => clearInterval(timer),
  };
}
