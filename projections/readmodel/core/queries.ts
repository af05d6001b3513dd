import { type Uuid, bucketOf, homeOf, membershipId, partitionOf } from '../../../domain/ids.js';
import type { Runner } from '../../runner.js';
import type { Db } from '../db.js';
import { fieldsOf } from '../table.js';
import { readAcquainted } from './acquainted.js';
import { readInbox } from './inbox.js';
import { noRelation } from './people.js';
import type {
  ConversationRow,
  CoreQueries,
  MemberRow,
  MembershipRow,
  Relation,
  SeenConversation,
  UserRow,
} from './rows.js';
import { conversations, members, memberships, users } from './tables.js';
import { threadQueries } from './thread.js';

const c = fieldsOf(conversations, 'c');
const s = fieldsOf(memberships, 's');

export type CoreQueriesOptions = {
  readonly db: Db;
  readonly partitions: number;
  readonly reached: Runner['reached'];
};

/** Where things live: the home of an id, and ids by their homes. */
export type Homes = {
  of(id: Uuid): number;
  group(ids: readonly Uuid[]): ReadonlyMap<number, readonly Uuid[]>;
};

export function homesOf(partitions: number): Homes {
  const of = (id: Uuid): number => partitionOf(bucketOf(id), partitions);
  return {
    of,
    group: (ids) => {
      const groups = new Map<number, Uuid[]>();
      for (const id of new Set(ids)) {
        const group = groups.get(of(id));
        if (group) group.push(id);
        else groups.set(of(id), [id]);
      }
      return groups;
    },
  };
}

/** The questions to the core view, over its stable names. Every statement names the home: it is one shard's to answer. */
export function coreQueries({ db, partitions, reached }: CoreQueriesOptions): CoreQueries {
  const homes = homesOf(partitions);

  /** The rows that a statement finds of `ids`, at each of their homes. They are its $2. */
  const ofEach = async <Row extends object>(sql: string, ids: readonly Uuid[], ...more: readonly unknown[]) => {
    const pages = [...homes.group(ids)].map(([home, there]) => db.query<Row>(sql, [home, there, ...more]));
    return (await Promise.all(pages)).flatMap(({ rows }) => rows);
  };

  return {
    reached,

    parked: async (streams) => {
      const asked = [...new Set(streams.map((stream) => homeOf(stream, partitions)))].map((home) =>
        db.query<{ readonly stream: string }>(
          'SELECT r.stream FROM core.parked r WHERE r.home = $1 AND r.stream = ANY($2::text[])',
          [home, streams.filter((stream) => homeOf(stream, partitions) === home)],
        ),
      );
      return new Set((await Promise.all(asked)).flatMap(({ rows }) => rows.map(({ stream }) => stream)));
    },

    ...threadQueries(db, homes, ofEach),

    users: (ids) =>
      ofEach<UserRow>(
        `SELECT ${fieldsOf(users, 'u')} FROM core.users u WHERE u.home = $1 AND u.id = ANY($2::uuid[])`,
        ids,
      ),

    conversation: async (id) => {
      const { rows } = await db.query<ConversationRow>(
        `SELECT ${c} FROM core.conversations c WHERE c.home = $1 AND c.id = $2`,
        [homes.of(id), id],
      );
      return rows[0];
    },

    seen: async (user, ids) => {
      const rows = await ofEach<SeenConversation>(
        `SELECT ${c}, p.role, p.posted_seq AS "postedSeq" FROM core.conversations c
         JOIN core.members p ON p.home = c.home AND p.conversation = c.id
         WHERE c.home = $1 AND c.id = ANY($2::uuid[]) AND p.home = $1 AND p.person = $3 AND NOT p.removed`,
        ids,
        user,
      );
      return new Map(rows.map((row) => [row.id, row]));
    },

    members: (ids) =>
      ofEach<MemberRow>(
        `SELECT ${fieldsOf(members, 'p')} FROM core.members p
         WHERE p.home = $1 AND p.conversation = ANY($2::uuid[]) AND NOT p.removed ORDER BY p.joined`,
        ids,
      ),

    acquainted: (user, people) => readAcquainted(db, homes, user, people),

    inbox: (user, filter, first, after) => readInbox(db, homes, { user, filter, first, after }),

    relations: async (user, ids) => {
      const { rows } = await db.query<MembershipRow>(
        `SELECT ${s} FROM core.memberships s WHERE s.home = $1 AND s.id = ANY($2::uuid[])`,
        [homes.of(user), ids.map((id) => membershipId(id, user))],
      );
      const relations = new Map(ids.map((id): [Uuid, Relation] => [id, noRelation(id, user)]));
      for (const { id: _, version: __, role: ___, source: ____, ...relation } of rows) {
        relations.set(relation.conversation, relation);
      }
      return relations;
    },

    memberships: async (user, first, after) => {
      const { rows } = await db.query<MembershipRow>(
        `SELECT ${s} FROM core.memberships s WHERE s.home = $1 AND s.person = $2 AND s.role IS NOT NULL
         ${after === undefined ? '' : 'AND s.conversation > $4'} ORDER BY s.conversation LIMIT $3`,
        [homes.of(user), user, first + 1, ...(after === undefined ? [] : [after])],
      );
      return { rows: rows.slice(0, first), more: rows.length > first };
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
