import { readLeading } from './beside.js';
import { type Beside, orGone } from './generations.js';
import type { Queryable } from './readmodel/db.js';

/** How a view stands in its database: which generation is live, and the one beside it, with the homes where that comes first. */
export type Standing = { readonly live: number; readonly beside?: Beside & { readonly leading: readonly boolean[] } };

type Row = { generation: number; other: number | null } & Pick<Beside, 'phase' | 'wish' | 'note' | 'since'>;

export async function readStanding(db: Queryable, projection: string): Promise<Standing | undefined> {
  // One statement, for both change places at once: in two, one could seem to be live and beside itself.
  const found = await orGone(
    db.query<Row>(
      `SELECT g.generation, b.generation AS other, b.phase, b.wish, b.note, b.since
       FROM rm.generations g LEFT JOIN rm.beside b ON b.home = g.home AND b.projection = g.projection
       WHERE g.home = 0 AND g.projection = $1 AND g.generation > 0`,
      [projection],
    ),
  );
  const [row] = found?.rows ?? [];
  if (!row) return undefined;
  const { generation: live, other: generation, ...beside } = row;
  if (generation === null) return { live };
  const leading = (await orGone(readLeading(db, projection, generation))) ?? [];
  return { live, beside: { generation, ...beside, leading } };
}
