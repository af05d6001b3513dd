import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { ELSEWHERE, elsewhereSql } from './inbox.js';
import type { Homes } from './queries.js';
import type { MembershipRow } from './rows.js';

/**
 * Those of some people with whom a person is in a conversation. A conversation lives where who began it does, so the homes
 * to ask are the person's own, and those of the conversations that they were let into, which their own home knows. Each is
 * one statement: it looks the people up by key in each conversation of the person there.
 */
export async function readAcquainted(
  db: Db,
  homes: Homes,
  user: Uuid,
  people: readonly Uuid[],
): Promise<ReadonlySet<Uuid>> {
  const here = homes.of(user);
  const joined = await db.query<Pick<MembershipRow, 'conversation'>>(elsewhereSql(''), [here, user, ELSEWHERE]);
  const asked = new Set([here, ...homes.group(joined.rows.map(({ conversation }) => conversation)).keys()]);
  const found = await Promise.all(
    [...asked].map((home) =>
      db.query<{ readonly person: Uuid }>(
        `SELECT DISTINCT q.person FROM core.members p
         CROSS JOIN LATERAL (SELECT c.deleted FROM core.conversations c
           WHERE c.home = $1 AND c.id = p.conversation LIMIT 1) c
         CROSS JOIN LATERAL (SELECT q.person FROM core.members q
           WHERE q.home = $1 AND q.conversation = p.conversation AND q.person = ANY($3::uuid[]) AND NOT q.removed
           ORDER BY q.person) q
         WHERE p.home = $1 AND p.person = $2 AND NOT p.removed AND NOT c.deleted`,
        [home, user, people],
      ),
    ),
  );
  return new Set(found.flatMap(({ rows }) => rows.map(({ person }) => person)));
}
