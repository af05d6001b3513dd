import { readLeading } from './beside.js';
import { type Beside, orGone, readBeside, readLive } from './generations.js';
import type { Queryable } from './readmodel/db.js';

/** How a view stands in its database: which generation is live, and the one beside it, with the homes where that comes first. */
export type Standing = { readonly live: number; readonly beside?: Beside & { readonly leading: readonly boolean[] } };

export async function readStanding(db: Queryable, projection: string): Promise<Standing | undefined> {
  const live = await orGone(readLive(db, projection));
  if (!live) return undefined;
  const beside = await readBeside(db, projection);
  const leading = beside && (await orGone(readLeading(db, projection, beside.generation)));
  return { live: live.generation, ...(beside && { beside: { ...beside, leading: leading ?? [] } }) };
}
