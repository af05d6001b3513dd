import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLeases } from './leases.js';
import { core } from './readmodel/core/core.js';
import { coreQueries } from './readmodel/core/queries.js';
import type { Db, Queryable, Rows } from './readmodel/db.js';
import { followObligations } from './readmodel/obligations/follow.js';
import { obligations, relationsReader, watchObligations } from './readmodel/obligations/obligations.js';
import { countObligations } from './readmodel/obligations/open.js';
import { openPglite } from './readmodel/pglite.js';
import { startRunner } from './runner.js';
import { memorySessions } from './sessions/memory.js';
import { faults, forbidden, shapes } from './sql-testing.js';
import { PARTITIONS, idOf, logWith, project, richHistory } from './testing.js';
import { wait } from './wait.js';

const root = fileURLToPath(new URL('.', import.meta.url));
/** Not the tests, and not what they alone use; nor the session views, which are no tables. */
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) => /(?<!test|[/-]testing|contract)\.ts$/.test(file) && !file.startsWith('sessions/'),
);

/** What one adapter can do, and is asked for by name, so that the others do without. */
const theirs: Readonly<Record<string, readonly string[]>> = { 'readmodel/postgres-copy.ts': ['COPY'] };

it.each(sources)('%s keeps to the SQL that runs everywhere', (file) => {
  expect(faults(forbidden, readFileSync(`${root}/${file}`, 'utf8'))).toEqual(theirs[file] ?? []);
});

it.each([
  ['CREATE TABLE t (id bigserial, other int)', ['a sequence']],
  [
    'CREATE TABLE t (other int REFERENCES u (id), at timestamptz DEFAULT now())',
    ['a foreign key', 'the clock of the database'],
  ],
  ['CREATE TABLE t (home int, during tstzrange, EXCLUDE USING gist (during WITH &&))', ['an exclusion']],
  ['CREATE RULE quiet AS ON INSERT TO t DO INSTEAD NOTHING', ['a rule']],
  ['CREATE TRIGGER loud AFTER INSERT ON t EXECUTE FUNCTION f()', ['a trigger']],
  ['INSERT INTO t VALUES ($1, gen_random_uuid())', ['an id or a number that the database makes']],
  ['INSERT INTO t VALUES ($1, (SELECT max(n) FROM u))', ['a value from a subquery']],
  ['WITH gone AS (DELETE FROM t RETURNING *) SELECT 1', ['a query that writes on the side']],
  ['SELECT * FROM m WHERE home = $1 FOR UPDATE', ['a lock on rows']],
  ['MERGE INTO t USING u ON t.id = u.id', ['MERGE']],
  ['ALTER SCHEMA live RENAME TO old', ['a change of what is there']],
  ['ALTER TABLE t ADD COLUMN n int', ['a change of what is there']],
  ['SET LOCAL plan_cache_mode = force_generic_plan', ['what is true of one node alone']],
  ['SELECT pg_notify($1, $2)', ['LISTEN or NOTIFY']],
  ['SELECT pg_advisory_xact_lock($1)', ['an advisory lock']],
  ['BEGIN ISOLATION LEVEL SERIALIZABLE', ['isolation across nodes']],
  ['SELECT home, count(*) FROM t GROUP BY ROLLUP (home)', ['grouping sets']],
  ['COPY s.t (home, id) FROM STDIN', ['COPY']],
  ['COPY t FROM STDIN (FORMAT binary)', ['COPY']],
])('would find what is forbidden in: %s', (sql, found) => {
  expect(faults(forbidden, sql)).toEqual(found);
});

const nowhere = ['a statement that does not bind its home', 'a table whose home is not bound'];

it.each([
  ['CREATE TABLE s.t (home int, id uuid, PRIMARY KEY (id))', ['a key without home in front']],
  ['CREATE TABLE s.t (home int, PRIMARY KEY (home), UNIQUE (id))', ['a key without home in front']],
  ['CREATE TABLE s.t (home int)', ['a table without a key']],
  ['CREATE INDEX i ON s.t (starter)', ['an index without home in front']],
  ['UPDATE s.m SET n = $2 FROM unnest($1::int[]) u WHERE home = $3', ['an update from a list']],
  ['SELECT * FROM core.messages WHERE id = $1', nowhere],
  ['UPDATE s.t SET n = $1 WHERE id = $2', nowhere],
  ['DELETE FROM s.t WHERE id = ANY($1::uuid[])', nowhere],
  ['SELECT 1 FROM s.a a JOIN s.b b ON b.id = a.id WHERE a.home = $1', ['a table whose home is not bound']],
  [
    'SELECT 1 FROM s.a a WHERE a.home = $1 AND EXISTS (SELECT 1 FROM s.b b WHERE b.id = a.id)',
    ['a table whose home is not bound'],
  ],
  ['SELECT 1 FROM s.a a, s.b b WHERE a.home = $1 AND b.home = $1', ['a join by a comma']],
  [
    'WITH RECURSIVE b AS (SELECT m.id FROM s.m m WHERE m.home = $1 UNION ALL SELECT m.id FROM b JOIN s.m m ON m.parent = b.id) SELECT 1',
    ['a table whose home is not bound'],
  ],
  ['SELECT 1 FROM s.a a WHERE a.home = $1::int', ['a home that is cast']],
  ['UPDATE s.t SET n = $2, home = $3 WHERE home = $1', ['a row that moves to another home']],
  ['INSERT INTO t VALUES ($1, 2) ON CONFLICT (home) DO UPDATE SET n = t.n + 1', ['an upsert that computes']],
  ['UPDATE s.t SET n = n + 1 WHERE home = $1', ['an update that computes']],
  ['UPDATE s.t SET at = date_trunc($2, at) WHERE home = $1', ['an update that computes']],
  [
    'INSERT INTO s.t (home, id) SELECT c.home, u.id FROM s.c c, unnest($2::uuid[]) u WHERE c.home = $1',
    ['an insert from a list without a fence'],
  ],
])('would find what is wrong with: %s', (sql, found) => {
  expect(faults(shapes, sql)).toEqual(found);
});

describe('every statement that runs', () => {
  const statements = new Set<string>();
  /** Those of which somebody asked how many rows they changed. */
  const counted = new Set<string>();
  const note = ({ query }: Queryable): Queryable => ({
    query: async <Row extends object>(sql: string, params?: readonly unknown[]): Promise<Rows<Row>> => {
      statements.add(sql);
      const answer = await query<Row>(sql, params);
      return {
        ...answer,
        get count() {
          counted.add(sql);
          return answer.count;
        },
      };
    },
  });

  beforeAll(async () => {
    const real = await openPglite();
    const db: Db = { ...real, ...note(real), tx: (work) => real.tx((tx) => work(note(tx))) };
    const { history, first } = richHistory();
    const { log } = await logWith(history.events);
    await project(db, core, log);
    const watched = watchObligations(db);
    const runner = startRunner({
      log,
      db,
      projection: obligations,
      onCommit: watched.told,
      onFailure: () => undefined,
    });
    await watched.port(runner).watch(() => undefined);
    await relationsReader(db, runner)(history.user, { partition: 0, offset: 0 });
    await countObligations(db, PARTITIONS);
    await runner.stop();
    const leases = createLeases({ db, log: log.id, holder: idOf(5), clock: Date.now, wait });
    const sharing = startRunner({ log, db, projection: obligations, leases, onFailure: () => undefined });
    const sessions = memorySessions({ now: Date.now });
    const { caughtUp } = sharing;
    const detach = await followObligations({ db, sessions, caughtUp, wait, onTrouble: () => undefined }).watch(
      () => undefined,
    );
    detach();
    await sharing.stop();
    await leases.stop();
    sessions.close();
    const queries = coreQueries({ db, partitions: PARTITIONS, reached: runner.reached });
    await queries.users([history.user]);
    await queries.conversation(first);
    await queries.seen(history.user, [first]);
    await queries.members([first]);
    for (const filter of ['inbox', 'pinned', 'archived', 'deleted'] as const) {
      await queries.inbox(history.user, filter, 1);
      await queries.inbox(history.user, filter, 1, { activeAt: '2026-01-01T00:00:00.000Z', id: first });
    }
    await queries.relations(history.user, [first]);
    await queries.memberships(history.user, 1);
    await queries.memberships(history.user, 1, first);
    await queries.messages([idOf(11)]);
    await queries.branches([{ conversation: first, message: idOf(14) }], 10, true);
    await queries.siblings([{ conversation: first, parent: null }]);
    await queries.ends([{ conversation: first, message: idOf(11), steps: 10 }]);
    await queries.changes(first, 0);
    await queries.heads(0, [first]);
    await queries.parked([`conversation-${first}`]);
    await real.close();
  });

  it('is one that Citus would take', () => {
    expect(statements.size).toBeGreaterThan(30);
    const found = [...statements].flatMap((sql) => faults([...forbidden, ...shapes], sql).map((what) => [what, sql]));
    expect(found).toEqual([]);
  });

  it('is not asked how many rows it changed, if it is an upsert: not all of them know', () => {
    expect(counted.size).toBeGreaterThan(0);
    for (const sql of counted) expect(sql).toMatch(/^(UPDATE|SELECT)\b/);
  });

  // One of `messages` itself has the version: it is by that index alone that what changed since a version is found without
  // a read of the whole conversation. It costs a place when a message comes, and at each start and end of a reply.
  it('moves no index of a conversation or of its members with every message', () => {
    const indexes = [...statements].filter((sql) => /^CREATE INDEX .* ON \S+\.(conversations|members) /.test(sql));
    expect(indexes).not.toEqual([]);
    for (const sql of indexes) expect(sql).not.toMatch(/active_at|version|last_seq|posted_seq|head/);
  });
});
