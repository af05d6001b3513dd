import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { fieldsOf } from '../table.js';
import type { Homes } from './queries.js';
import type { InboxFilter, InboxPage, InboxPlace, MembershipRow, SeenConversation } from './rows.js';
import { conversations } from './tables.js';

// A sidebar is put together when it is read. What a person does to a conversation for themselves stands at their home, the
// conversation at that of its starter: where that is another one, only who is in it is known at both.

type Asked = {
  readonly user: Uuid;
  readonly filter: InboxFilter;
  readonly first: number;
  readonly after: InboxPlace | undefined;
};

/** How many conversations that others began are looked at to put something together for a person. */
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
    db.query<Pick<MembershipRow, 'conversation'>>(joinedSql(asked), [here, user, ELSEWHERE]),
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
   LEFT JOIN core.memberships s ON s.home = p.home AND s.person = p.person AND s.conversation = p.conversation
   WHERE p.home = $1 AND p.person = $2 AND NOT p.removed AND ${wanted[filter].conversation}
   AND s.hidden IS NOT TRUE ${wanted[filter].relation} ${below(after)} ${order}`;

/** The conversations that the person's home knows of and wants: many of them are elsewhere. */
const joinedSql = ({ filter }: Asked): string =>
  `SELECT s.conversation FROM core.memberships s WHERE s.home = $1 AND s.person = $2 AND s.role IS NOT NULL
   AND NOT s.hidden ${wanted[filter].relation} ORDER BY s.conversation DESC LIMIT $3`;

const awaySql = ({ filter, after }: Asked): string =>
  `SELECT ${columns} FROM core.conversations c
   JOIN core.members p ON p.home = c.home AND p.conversation = c.id
   WHERE c.home = $1 AND c.id = ANY($${after ? 6 : 4}::uuid[]) AND p.person = $2 AND NOT p.removed
   AND ${wanted[filter].conversation} ${below(after)} ${order}`;
