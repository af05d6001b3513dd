import type { Db } from '../db.js';

/** How many obligations are open, by kind. One statement per home. */
export async function countObligations(db: Db, partitions: number): Promise<ReadonlyMap<string, number>> {
  const homes = Array.from({ length: partitions }, (_, home) =>
    db.query<{ kind: string; open: number }>(
      'SELECT r.kind, count(*) AS open FROM obligations.owed r WHERE r.home = $1 GROUP BY r.kind',
      [home],
    ),
  );
  const counts = new Map<string, number>();
  for (const { kind, open } of (await Promise.all(homes)).flatMap(({ rows }) => rows)) {
    counts.set(kind, (counts.get(kind) ?? 0) + open);
  }
  return counts;
}
