import type { Uuid } from '../../../domain/ids.js';
import type { Db } from '../db.js';
import { type Table, fieldsOf, snake } from '../table.js';
import type { Homes } from './queries.js';
import type { BranchEnd, ConversationRow, CoreQueries, MemberRow, MessagePlace, MessageRow } from './rows.js';
import { conversations, members, messages } from './tables.js';

const c = fieldsOf(conversations, 'c');
const m = fieldsOf(messages, 'm');

type Thread = Pick<CoreQueries, 'messages' | 'branch' | 'branches' | 'siblings' | 'ends' | 'changes'>;
/** How many changed messages are read at once. */
const MOST_CHANGED = 500;

type Lane = { readonly lane: number };
const withoutLane = (found: MessageRow & Lane): MessageRow => {
  const { lane: _, ...row } = found;
  return row;
};

type OfEach = <Row extends object>(sql: string, ids: readonly Uuid[]) => Promise<readonly Row[]>;

/**
 * The questions about what is said in a conversation. A recursion names the home in both of its arms. Each row is looked
 * up by itself, which a LIMIT or an ORDER BY in the look-up makes sure of: a database without statistics would rather read
 * whole conversations to join them. A message is found by its id alone, and then asked where it belongs.
 */
export function threadQueries(db: Db, homes: Homes, ofEach: OfEach): Thread {
  /** One statement per home for all that is asked there: `lane` in a row says for which of those it is, from 1. */
  const lanes = async <Row extends object, Asked extends { readonly conversation: Uuid }>(
    asked: readonly Asked[],
    statement: (those: readonly Asked[]) => readonly [string, readonly unknown[]],
  ): Promise<readonly (readonly (Row & Lane)[])[]> => {
    const groups = [...new Set(asked.map(({ conversation }) => homes.of(conversation)))].map((home) => ({
      home,
      those: asked.filter(({ conversation }) => homes.of(conversation) === home),
    }));
    const answers = new Map<Asked, readonly (Row & Lane)[]>();
    const read = async ({ home, those }: (typeof groups)[number]): Promise<void> => {
      const [sql, params] = statement(those);
      const { rows } = await db.query<Row & Lane>(sql, [home, ...params]);
      for (const [at, one] of those.entries())
        answers.set(
          one,
          rows.filter(({ lane }) => lane === at + 1),
        );
    };
    await Promise.all(groups.map(read));
    return asked.map((one) => answers.get(one) ?? []);
  };

  const branches: Thread['branches'] = async (asked, count, inclusive) => {
    const found = await lanes<MessageRow, MessagePlace>(asked, (those) => [
      // By id alone, which is the key: a parent is of the same conversation as its child. Were the conversation named in the
      // joins, a planner without statistics would take the index that begins with it, and read the whole of it at each step.
      `WITH RECURSIVE branch AS (
         SELECT f.*, l.conversation AS asked, l.n, 1 AS depth
         FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS l(conversation, message, n) CROSS JOIN LATERAL (
           SELECT m.* FROM core.messages m WHERE m.home = $1 AND m.id = l.message LIMIT 1) f
         UNION ALL
         SELECT f.*, b.asked, b.n, b.depth + 1 FROM branch b CROSS JOIN LATERAL (
           SELECT m.* FROM core.messages m WHERE m.home = $1 AND m.id = b.parent LIMIT 1) f
         WHERE b.depth < $4)
       SELECT ${m}, m.n::int AS lane FROM branch m WHERE m.conversation = m.asked ORDER BY m.depth`,
      [
        those.map(({ conversation }) => conversation),
        those.map(({ message }) => message),
        inclusive ? count : count + 1,
      ],
    ]);
    return found.map((rows) => (inclusive ? rows : rows.slice(1)).map(withoutLane));
  };

  return {
    messages: (ids) =>
      ofEach<MessageRow>(`SELECT ${m} FROM core.messages m WHERE m.home = $1 AND m.id = ANY($2::uuid[])`, ids),

    branch: async (conversation, leaf, count, inclusive) =>
      (await branches([{ conversation, message: leaf }], count, inclusive))[0] ?? [],

    branches,

    siblings: async (asked) => {
      const found = await lanes<Pick<MessageRow, 'id'>, Pick<MessageRow, 'conversation' | 'parent'>>(asked, (those) => [
        `SELECT l.n::int AS lane, f.id, f.seq
         FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS l(conversation, parent, n) CROSS JOIN LATERAL (
           SELECT m.id, m.seq FROM core.messages m
           WHERE m.home = $1 AND m.conversation = l.conversation AND m.parent = l.parent ORDER BY m.seq) f
         UNION ALL
         SELECT l.n::int, f.id, f.seq
         FROM unnest($2::uuid[], $3::uuid[]) WITH ORDINALITY AS l(conversation, parent, n) CROSS JOIN LATERAL (
           SELECT m.id, m.seq FROM core.messages m
           WHERE m.home = $1 AND m.conversation = l.conversation AND m.parent IS NULL ORDER BY m.seq) f
         WHERE l.parent IS NULL
         ORDER BY 3`,
        [those.map(({ conversation }) => conversation), those.map(({ parent }) => parent)],
      ]);
      return found.map((rows) => rows.map(({ id }) => id));
    },

    ends: async (asked) => {
      const found = await lanes<BranchEnd, MessagePlace & { readonly steps: number }>(asked, (those) => [
        `WITH RECURSIVE branch AS (
           SELECT f.id, f.conversation, l.conversation AS asked, l.n, l.steps, 0 AS depth
           FROM unnest($2::uuid[], $3::uuid[], $4::int[]) WITH ORDINALITY AS l(conversation, message, steps, n)
           CROSS JOIN LATERAL (
             SELECT m.id, m.conversation FROM core.messages m WHERE m.home = $1 AND m.id = l.message LIMIT 1) f
           UNION ALL
           SELECT f.id, b.conversation, b.asked, b.n, b.steps, b.depth + 1 FROM branch b CROSS JOIN LATERAL (
             SELECT m.id FROM core.messages m WHERE m.home = $1 AND m.conversation = b.conversation AND m.parent = b.id
             ORDER BY m.seq DESC LIMIT 1) f
           WHERE b.depth < b.steps)
         SELECT DISTINCT ON (b.n) b.n::int AS lane, b.id, b.depth < b.steps AS whole FROM branch b
         WHERE b.conversation = b.asked ORDER BY b.n, b.depth DESC`,
        [
          those.map(({ conversation }) => conversation),
          those.map(({ message }) => message),
          those.map(({ steps }) => steps),
        ],
      ]);
      return found.map(([end]) => end && { id: end.id, whole: end.whole });
    },

    // Read in order of versions, by the index: the page ends with the version of the `most`-th message, whose fellows of
    // the same version come too, for whoever goes on from there asks for what is newer.
    changes: async (id, since, most = MOST_CHANGED) => {
      const { rows } = await db.query<ConversationRow & Changed>(
        `SELECT ${c}, e.version AS edge, r.message, r.member FROM core.conversations c
         LEFT JOIN LATERAL (SELECT n.version FROM core.messages n
           WHERE n.home = $1 AND n.conversation = $2 AND n.version > $3 ORDER BY n.version OFFSET $4 LIMIT 1) e ON true
         LEFT JOIN LATERAL (
           SELECT ${jsonOf(messages, 'm')} AS message, NULL::jsonb AS member, m.seq AS place
           FROM core.messages m WHERE m.home = $1 AND m.conversation = $2 AND m.version > $3
           AND m.version <= COALESCE(e.version, c.version)
           UNION ALL
           SELECT NULL::jsonb, ${jsonOf(members, 'p')}, p.joined
           FROM core.members p WHERE p.home = $1 AND p.conversation = $2 AND p.version > $3
         ) r ON true
         WHERE c.home = $1 AND c.id = $2 ORDER BY r.place`,
        [homes.of(id), id, since, most - 1],
      );
      const [head] = rows;
      if (!head) return undefined;
      const { message: _, member: __, edge, ...conversation } = head;
      return {
        to: edge ?? conversation.version,
        conversation,
        messages: rows.flatMap(({ message }) => (message ? [{ ...message, at: iso(message.at) }] : [])),
        members: rows.flatMap(({ member }) => (member ? [member] : [])),
      };
    },
  };
}

/** Each row of an answer holds at most one of them, beside the conversation itself. */
type Changed = {
  /** Where the page ends, if it is full. */
  readonly edge: number | null;
  readonly message: MessageRow | null;
  readonly member: MemberRow | null;
};

/** The fields of a row as one JSON object. */
const jsonOf = ({ columns }: Table, alias: string): string =>
  `jsonb_build_object(${Object.keys(columns)
    .map((field) => `'${field}', ${alias}.${snake(field)}`)
    .join(', ')})`;

/** A time inside JSON comes as Postgres writes it. */
const iso = (time: string): string => new Date(time).toISOString();
