import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { ELSEWHERE } from './inbox.js';
import type { Homes } from './queries.js';
import type { MembershipRow } from './rows.js';

/**
 * Those of some people with whom a person is in a conversation. A conversation lives where who began it does, so the homes
 * to ask are the person's own, and those of the conversations that they were let into, which their own home knows. Each is
 * one statement over the people's rows by index, however many conversations there are.
 */
export async function readAcquainted(
  db: Db,
  homes: Homes,
  user: Uuid,
  people: readonly Uuid[],
): Promise<ReadonlySet<Uuid>> {
  const here = homes.of(user);
  const joined = await db.query<Pick<MembershipRow, 'conversation'>>(
    `SELECT s.conversation FROM core.memberships s WHERE s.home = $1 AND s.person = $2 AND s.role IS NOT NULL
     ORDER BY s.conversation DESC LIMIT $3`,
    [here, user, ELSEWHERE],
  );
  const asked = new Set([here, ...homes.group(joined.rows.map(({ conversation }) => conversation)).keys()]);
  const found = await Promise.all(
    [...asked].map((home) =>
      db.query<{ readonly person: Uuid }>(
        `SELECT DISTINCT q.person FROM core.members p
         JOIN core.members q ON q.home = p.home AND q.conversation = p.conversation
         JOIN core.conversations c ON c.home = p.home AND c.id = p.conversation
         WHERE p.home = $1 AND p.person = $2 AND NOT p.removed
         AND q.person = ANY($3::uuid[]) AND NOT q.removed AND NOT c.deleted`,
        [home, user, people],
      ),
    ),
  );
  return new Set(found.flatMap(({ rows }) => rows.map(({ person }) => person)));
}
