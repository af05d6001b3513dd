import { readLeading } from './beside.js';
import { type Beside, orGone, readPair } from './generations.js';
import type { Queryable } from './readmodel/db.js';

/** How a view stands in its database: which generation is live, and the one beside it, with the homes where that comes first. */
export type Standing = { readonly live: number; readonly beside?: Beside & { readonly leading: readonly boolean[] } };

export async function readStanding(db: Queryable, projection: string): Promise<Standing | undefined> {
  const pair = await readPair(db, projection);
  if (!pair?.beside) return pair && { live: pair.live };
  const { live, beside } = pair;
  const leading = (await orGone(readLeading(db, projection, beside.generation))) ?? [];
  return { live, beside: { ...beside, leading } };
}
