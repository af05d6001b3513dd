import { bucketOf, membershipStream, parseStream, partitionOf, type Uuid } from '../../../domain/ids.js';
import type { Runner } from '../../runner.js';
import type { Db } from '../db.js';
import { fieldsOf } from '../table.js';
import type { ConversationRow, CoreQueries, InboxRow, MembershipRow, MessageRow, UserRow } from './rows.js';
import { conversations, memberships, messages, users } from './tables.js';

const c = fieldsOf(conversations, 'c');
const m = fieldsOf(messages, 'm');

/** The questions to the core view, over its stable names. Every statement names the home: it is one shard's to answer. */
export function coreQueries({ db, partitions, reached }: CoreQueriesOptions): CoreQueries {
  const homeOf = (id: Uuid): number => partitionOf(bucketOf(id), partitions);
  const first = async <Row extends object>(sql: string, params: readonly unknown[]): Promise<Row | undefined> =>
    (await db.query<Row>(sql, params)).rows[0];

  return {
    reached,

    users: async (ids) => {
      const pages = [...new Set(ids.map(homeOf))].map((home) =>
        db.query<UserRow>(
          `SELECT ${fieldsOf(users, 'u')} FROM core.users u WHERE u.home = $1 AND u.id = ANY($2::uuid[])`,
          [home, ids.filter((id) => homeOf(id) === home)],
        ),
      );
      return (await Promise.all(pages)).flatMap(({ rows }) => rows);
    },

    conversation: (id) =>
      first<ConversationRow>(`SELECT ${c} FROM core.conversations c WHERE c.home = $1 AND c.id = $2`, [homeOf(id), id]),

    inbox: async (user, count, after) => {
      const place = after ? 'AND (c.active_at, c.id) < ($4::timestamptz, $5::uuid)' : '';
      const { rows } = await db.query<InboxRow>(
        `SELECT ${c}, coalesce(s.read_seq, 0) AS "readSeq" FROM core.conversations c
         LEFT JOIN core.memberships s ON s.home = c.home AND s.conversation = c.id AND s.person = c.starter
         WHERE c.home = $1 AND c.starter = $2 AND NOT c.deleted ${place}
         ORDER BY c.active_at DESC, c.id DESC LIMIT $3`,
        [homeOf(user), user, count + 1, ...(after ? [after.activeAt, after.id] : [])],
      );
      return { rows: rows.slice(0, count), more: rows.length > count };
    },

    read: async (user, ids) => {
      const streams = ids.map((id) => parseStream(membershipStream(id, user)).id);
      const { rows } = await db.query<MembershipRow>(
        `SELECT ${fieldsOf(memberships, 's')} FROM core.memberships s WHERE s.home = $1 AND s.id = ANY($2::uuid[])`,
        [homeOf(user), streams],
      );
      return new Map(rows.map(({ conversation, readSeq }) => [conversation, readSeq]));
    },

    message: (id) =>
      first<MessageRow>(`SELECT ${m} FROM core.messages m WHERE m.home = $1 AND m.id = $2`, [homeOf(id), id]),

    branch: async (conversation, leaf, count, inclusive) => {
      const { rows } = await db.query<MessageRow>(
        `WITH RECURSIVE branch AS (
           SELECT m.*, 1 AS depth FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.id = $3
           UNION ALL
           SELECT m.*, b.depth + 1 FROM branch b JOIN core.messages m
             ON m.home = $1 AND m.conversation = $2 AND m.id = b.parent
           WHERE b.depth < $4)
         SELECT ${m} FROM branch m ORDER BY m.depth`,
        [homeOf(conversation), conversation, leaf, inclusive ? count : count + 1],
      );
      return inclusive ? rows : rows.slice(1);
    },

    siblings: async (conversation, parents) => {
      const { rows } = await db.query<Pick<MessageRow, 'id' | 'parent'>>(
        `SELECT m.id, m.parent FROM core.messages m WHERE m.home = $1 AND m.conversation = $2
         AND (m.parent = ANY($3::uuid[]) OR ($4 AND m.parent IS NULL)) ORDER BY m.seq`,
        [homeOf(conversation), conversation, parents.filter((parent) => parent !== null), parents.includes(null)],
      );
      return parents.map((parent) => ({
        parent,
        ids: rows.filter((row) => row.parent === parent).map(({ id }) => id),
      }));
    },

    changes: async (id, since) => {
      const { rows } = await db.query<ConversationRow & { changed: MessageRow | null }>(
        `SELECT ${c}, CASE WHEN m.id IS NULL THEN NULL ELSE jsonb_build_object(${jsonFields}) END AS changed
         FROM core.conversations c LEFT JOIN core.messages m
           ON m.home = c.home AND m.conversation = c.id AND m.version > $3
         WHERE c.home = $1 AND c.id = $2 ORDER BY m.seq`,
        [homeOf(id), id, since],
      );
      const [head] = rows;
      if (!head) return undefined;
      const { changed: _, ...conversation } = head;
      const changed = rows.flatMap((row) => (row.changed ? [{ ...row.changed, at: iso(row.changed.at) }] : []));
      return { to: conversation.version, conversation, messages: changed };
    },

    heads: async (home, ids) => {
      const { rows } = await db.query<Pick<ConversationRow, 'id' | 'version'>>(
        'SELECT c.id, c.version FROM core.conversations c WHERE c.home = $1 AND c.id = ANY($2::uuid[])',
        [home, ids],
      );
      return new Map(rows.map(({ id, version }) => [id, version]));
    },
  };
}

const jsonFields = Object.keys(messages.columns)
  .map((field) => `'${field}', m.${field}`)
  .join(', ');

/** A time inside JSON comes as Postgres writes it. */
const iso = (time: string): string => new Date(time).toISOString();

export type CoreQueriesOptions = {
  readonly db: Db;
  readonly partitions: number;
  readonly reached: Runner['reached'];
};
