import type { Db } from '../db.js';

/** How many obligations are open, by kind. */
export async function countObligations(db: Db): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ home: number; kind: string; open: number }>(
    'SELECT r.home, r.kind, count(*) AS open FROM obligations.owed r GROUP BY r.home, r.kind',
  );
  const counts = new Map<string, number>();
  for (const { kind, open } of rows) counts.set(kind, (counts.get(kind) ?? 0) + open);
  return counts;
}
