import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { fieldsOf } from '../table.js';
import type { Homes } from './queries.js';
import type { InboxFilter, InboxPage, InboxPlace, MembershipRow, SeenConversation } from './rows.js';
import { conversations } from './tables.js';

// A sidebar is put together when it is read. What a person does to a conversation for themselves stands at their home, the
// conversation at that of its starter: where that is another one, only who is in it is known at both. A LIMIT keeps a
// look-up a look-up: a database without statistics would rather join all with all.

type Asked = {
  readonly user: Uuid;
  readonly filter: InboxFilter;
  readonly first: number;
  readonly after: InboxPlace | undefined;
};

/** How many conversations of other homes are looked at to put something together for a person: those begun last. */
export const ELSEWHERE = 1_000;

/** What each filter wants of the conversation itself, and of the relation to it. */
const wanted: Readonly<Record<InboxFilter, { readonly conversation: string; readonly relation: string }>> = {
  inbox: { conversation: 'NOT c.deleted', relation: 'AND s.archived IS NOT TRUE' },
  pinned: { conversation: 'NOT c.deleted', relation: 'AND s.archived IS NOT TRUE AND s.pinned' },
  archived: { conversation: 'NOT c.deleted', relation: 'AND s.archived' },
  deleted: { conversation: `c.deleted AND NOT c.expired AND p.role = 'owner'`, relation: '' },
};

const columns = `${fieldsOf(conversations, 'c')}, p.role, p.posted_seq AS "postedSeq"`;
const order = 'ORDER BY c.active_at DESC, c.id DESC LIMIT $3';
const below = (after: InboxPlace | undefined): string =>
  after ? 'AND (c.active_at, c.id) < ($4::timestamptz, $5::uuid)' : '';

export async function readInbox(db: Db, homes: Homes, asked: Asked): Promise<InboxPage> {
  const { user, first, after } = asked;
  const here = homes.of(user);
  const place = [first + 1, ...(after ? [after.activeAt, after.id] : [])];
  const [own, joined] = await Promise.all([
    db.query<SeenConversation>(ownSql(asked), [here, user, ...place]),
    db.query<Pick<MembershipRow, 'conversation'>>(elsewhereSql(`AND NOT s.hidden ${wanted[asked.filter].relation}`), [
      here,
      user,
      ELSEWHERE,
    ]),
  ]);
  const known = homes.group(joined.rows.map(({ conversation }) => conversation));
  const away = await Promise.all(
    [...known]
      .filter(([home]) => home !== here)
      .map(([home, ids]) => db.query<SeenConversation>(awaySql(asked), [home, user, ...place, ids])),
  );
  const rows = [own, ...away].flatMap((page) => page.rows).toSorted(newestFirst);
  return { rows: rows.slice(0, first), more: rows.length > first };
}

/** Times come in one form, so that they are in order as texts; and so are ids. */
const newestFirst = (a: InboxPlace, b: InboxPlace): number => {
  if (a.activeAt !== b.activeAt) return a.activeAt < b.activeAt ? 1 : -1;
  return a.id < b.id ? 1 : -1;
};

const ownSql = ({ filter, after }: Asked): string =>
  `SELECT ${columns} FROM core.members p
   JOIN core.conversations c ON c.home = p.home AND c.id = p.conversation
   LEFT JOIN LATERAL (SELECT s.archived, s.pinned, s.hidden FROM core.memberships s
     WHERE s.home = $1 AND s.person = $2 AND s.conversation = p.conversation LIMIT 1) s ON true
   WHERE p.home = $1 AND p.person = $2 AND NOT p.removed AND ${wanted[filter].conversation}
   AND s.hidden IS NOT TRUE ${wanted[filter].relation} ${below(after)} ${order}`;

/**
 * Conversations that a person's home knows them to be in, and that are not there themselves: the newest. Those that are
 * there are found without this, and must not use up the limit.
 */
export const elsewhereSql = (relation: string): string =>
  `SELECT s.conversation FROM core.memberships s
   LEFT JOIN LATERAL (SELECT c.id FROM core.conversations c
     WHERE c.home = $1 AND c.id = s.conversation LIMIT 1) c ON true
   WHERE s.home = $1 AND s.person = $2 AND s.role IS NOT NULL AND c.id IS NULL ${relation}
   ORDER BY s.conversation DESC LIMIT $3`;

const awaySql = ({ filter, after }: Asked): string =>
  `SELECT ${columns} FROM core.conversations c
   CROSS JOIN LATERAL (SELECT p.role, p.posted_seq FROM core.members p
     WHERE p.home = $1 AND p.conversation = c.id AND p.person = $2 AND NOT p.removed LIMIT 1) p
   WHERE c.home = $1 AND c.id = ANY($${after ? 6 : 4}::uuid[])
   AND ${wanted[filter].conversation} ${below(after)} ${order}`;
