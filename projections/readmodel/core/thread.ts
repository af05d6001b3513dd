import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { type Table, fieldsOf, snake } from '../table.js';
import type { Homes } from './queries.js';
import type { ConversationRow, CoreQueries, MemberRow, MessageRow } from './rows.js';
import { conversations, members, messages } from './tables.js';

const c = fieldsOf(conversations, 'c');
const m = fieldsOf(messages, 'm');

type Thread = Pick<CoreQueries, 'messages' | 'branch' | 'siblings' | 'leafBelow' | 'changes'>;
type OfEach = <Row extends object>(sql: string, ids: readonly Uuid[]) => Promise<readonly Row[]>;

/** The questions about what is said in a conversation. A recursion names the home in both of its arms. */
export function threadQueries(db: Db, homes: Homes, ofEach: OfEach): Thread {
  return {
    messages: (ids) =>
      ofEach<MessageRow>(`SELECT ${m} FROM core.messages m WHERE m.home = $1 AND m.id = ANY($2::uuid[])`, ids),

    branch: async (conversation, leaf, count, inclusive) => {
      const { rows } = await db.query<MessageRow>(
        `WITH RECURSIVE branch AS (
           SELECT m.*, 1 AS depth FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.id = $3
           UNION ALL
           SELECT m.*, b.depth + 1 FROM branch b JOIN core.messages m
             ON m.home = $1 AND m.conversation = $2 AND m.id = b.parent
           WHERE b.depth < $4)
         SELECT ${m} FROM branch m ORDER BY m.depth`,
        [homes.of(conversation), conversation, leaf, inclusive ? count : count + 1],
      );
      return inclusive ? rows : rows.slice(1);
    },

    siblings: async (conversation, parents) => {
      const { rows } = await db.query<Pick<MessageRow, 'id' | 'parent'>>(
        `SELECT m.id, m.parent FROM core.messages m WHERE m.home = $1 AND m.conversation = $2
         AND (m.parent = ANY($3::uuid[]) OR ($4 AND m.parent IS NULL)) ORDER BY m.seq`,
        [homes.of(conversation), conversation, parents.filter((parent) => parent !== null), parents.includes(null)],
      );
      return parents.map((parent) => ({
        parent,
        ids: rows.filter((row) => row.parent === parent).map(({ id }) => id),
      }));
    },

    leafBelow: async (conversation, message, steps) => {
      const { rows } = await db.query<Pick<MessageRow, 'id'>>(
        `WITH RECURSIVE branch AS (
           SELECT m.id, 0 AS depth FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.id = $3
           UNION ALL
           SELECT n.id, b.depth + 1 FROM branch b CROSS JOIN LATERAL (
             SELECT m.id FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.parent = b.id
             ORDER BY m.seq DESC LIMIT 1) n
           WHERE b.depth < $4)
         SELECT b.id FROM branch b ORDER BY b.depth DESC LIMIT 1`,
        [homes.of(conversation), conversation, message, steps],
      );
      return rows[0]?.id;
    },

    changes: async (id, since) => {
      const { rows } = await db.query<ConversationRow & Changed>(
        `SELECT ${c}, r.message, r.member FROM core.conversations c LEFT JOIN (
           SELECT m.home, m.conversation, ${jsonOf(messages, 'm')} AS message, NULL::jsonb AS member, m.seq AS place
           FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.version > $3
           UNION ALL
           SELECT p.home, p.conversation, NULL::jsonb, ${jsonOf(members, 'p')}, p.joined
           FROM core.members p WHERE p.home = $1 AND p.conversation = $2 AND p.version > $3
         ) r ON r.home = c.home AND r.conversation = c.id
         WHERE c.home = $1 AND c.id = $2 ORDER BY r.place`,
        [homes.of(id), id, since],
      );
      const [head] = rows;
      if (!head) return undefined;
      const { message: _, member: __, ...conversation } = head;
      return {
        to: conversation.version,
        conversation,
        messages: rows.flatMap(({ message }) => (message ? [{ ...message, at: iso(message.at) }] : [])),
        members: rows.flatMap(({ member }) => (member ? [member] : [])),
      };
    },
  };
}

/** Each row of an answer holds at most one of them, beside the conversation itself. */
type Changed = { readonly message: MessageRow | null; readonly member: MemberRow | null };

/** The fields of a row as one JSON object. */
const jsonOf = ({ columns }: Table, alias: string): string =>
  `jsonb_build_object(${Object.keys(columns)
    .map((field) => `'${field}', ${alias}.${snake(field)}`)
    .join(', ')})`;

/** A time inside JSON comes as Postgres writes it. */
const iso = (time: string): string => new Date(time).toISOString();
