import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { core } from './readmodel/core/core.js';
import { coreQueries } from './readmodel/core/queries.js';
import type { Db, Queryable } from './readmodel/db.js';
import { obligations, relationsReader, watchObligations } from './readmodel/obligations/obligations.js';
import { openPglite } from './readmodel/pglite.js';
import { startRunner } from './runner.js';
import { PARTITIONS, idOf, logWith, project, richHistory } from './testing.js';

// The read models' SQL runs unchanged on plain Postgres, PGlite and Citus. What can be held without a Citus is held here.

const root = fileURLToPath(new URL('.', import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!test|contract)\.ts$/.test(file),
);

type Rule = readonly [string, (sql: string) => boolean];

/** What does not run, or means something else, on one of the three: wherever it is written. */
const forbidden: readonly Rule[] = (
  [
    ['a trigger', /\bCREATE (CONSTRAINT )?TRIGGER\b/i],
    ['a sequence', /\b(big)?serial\b|\bnextval\b|GENERATED .* AS IDENTITY/i],
    ['a foreign key', /\bREFERENCES\s+\w+\.?\w*\s*\(|\bFOREIGN KEY\b/i],
    ['MERGE', /\bMERGE INTO\b/i],
    [
      'the clock of the database',
      /(?<!Date\.|performance\.)\b(now|clock_timestamp|gen_random_uuid|random)\(\)|\bCURRENT_(DATE|TIME)/i,
    ],
    ['LISTEN or NOTIFY', /\b(LISTEN|NOTIFY)\s+\w+/],
    ['an advisory lock', /pg_(try_)?advisory/i],
    ['COPY', /\bCOPY\s+\w+(\.\w+)?\s+(FROM|TO)\b/],
    ['a lock on rows', /\bFOR (UPDATE|SHARE)\b|\bSKIP LOCKED\b/i],
    ['grouping sets', /\bGROUPING SETS\b|\bGROUP BY (ROLLUP|CUBE)\b/i],
  ] as const
).map(([what, pattern]) => [what, (sql) => pattern.test(sql)]);

/** Reads every home, where it is known that it must. */
const scatters = [
  /^SELECT home, next_offset, fence FROM \S+\.checkpoints /,
  /^SELECT r\.home, .* ORDER BY r\.next_offset/,
  /^SELECT r\.home, .* FROM \S+\.parked r ORDER BY r\.home/,
  /^SELECT to_regclass/,
];
const bindings = (sql: string): number => sql.match(/\bhome = (\$\d|0\b)/g)?.length ?? 0;

/** What a whole statement must be like. */
const shapes: readonly Rule[] = [
  ['an update from a list', (sql) => /^UPDATE\s.*\sFROM\s/s.test(sql)],
  ['a key without home in front', (sql) => /(PRIMARY KEY|UNIQUE|ON CONFLICT) \((?!home\b)/.test(sql)],
  ['a table without a key', (sql) => sql.startsWith('CREATE TABLE') && !sql.includes('PRIMARY KEY')],
  ['an index without home in front', (sql) => /^CREATE (UNIQUE )?INDEX/.test(sql) && !/\(home, /.test(sql)],
  [
    'a statement that does not bind its home',
    (sql) =>
      /^(SELECT|WITH|UPDATE|DELETE|INSERT)\b/.test(sql) &&
      bindings(sql) === 0 &&
      !/ VALUES \((\$1|0),/.test(sql) &&
      !scatters.some((scatter) => scatter.test(sql)),
  ],
  ['a recursion that does not bind its home in both arms', (sql) => sql.includes('RECURSIVE') && bindings(sql) < 2],
  [
    'an upsert that computes',
    (sql) =>
      (/ DO UPDATE SET (.*)$/s.exec(sql)?.[1] ?? '')
        .split(',')
        .some((part) => part !== '' && !/^\s*(\w+) = EXCLUDED\.\1\s*$/.test(part)),
  ],
];

const faults = (rules: readonly Rule[], sql: string): readonly string[] =>
  rules.filter(([, broken]) => broken(sql)).map(([what]) => what);

it.each(sources)('%s keeps to the SQL that runs everywhere', (file) => {
  expect(faults(forbidden, readFileSync(`${root}/${file}`, 'utf8'))).toEqual([]);
});

it.each([
  ['CREATE TABLE t (id bigserial, other int)', ['a sequence']],
  [
    'CREATE TABLE t (other int REFERENCES u (id), at timestamptz DEFAULT now())',
    ['a foreign key', 'the clock of the database'],
  ],
  ['SELECT * FROM m WHERE home = $1 FOR UPDATE', ['a lock on rows']],
  ['MERGE INTO t USING u ON t.id = u.id', ['MERGE']],
])('would find what is forbidden in: %s', (sql, found) => {
  expect(faults(forbidden, sql)).toEqual(found);
});

it.each([
  ['CREATE TABLE s.t (home int, id uuid, PRIMARY KEY (id))', 'a key without home in front'],
  ['CREATE TABLE s.t (home int, PRIMARY KEY (home), UNIQUE (id))', 'a key without home in front'],
  ['CREATE TABLE s.t (home int)', 'a table without a key'],
  ['CREATE INDEX i ON s.t (starter)', 'an index without home in front'],
  ['UPDATE m SET n = u.n FROM unnest($1::int[]) u WHERE m.home = $2', 'an update from a list'],
  ['SELECT * FROM core.messages WHERE id = $1', 'a statement that does not bind its home'],
  ['WITH RECURSIVE b AS (SELECT 1 WHERE home = $1) SELECT 1', 'a recursion that does not bind its home in both arms'],
  ['INSERT INTO t VALUES ($1, 2) ON CONFLICT (home) DO UPDATE SET n = t.n + 1', 'an upsert that computes'],
])('would find what is wrong with: %s', (sql, found) => {
  expect(faults(shapes, sql)).toEqual([found]);
});

describe('every statement that runs', () => {
  const statements = new Set<string>();
  const note = ({ query }: Queryable): Queryable => ({
    query: (sql, params) => {
      statements.add(sql);
      return query(sql, params);
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
    await runner.stop();
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
    await queries.branch(first, idOf(14), 10, true);
    await queries.siblings([{ conversation: first, parent: null }]);
    await queries.ends([{ conversation: first, message: idOf(11), steps: 10 }]);
    await queries.acquainted(history.user, [history.user]);
    await queries.changes(first, 0);
    await queries.heads(0, [first]);
    await real.close();
  });

  it('is one that Citus would take', () => {
    expect(statements.size).toBeGreaterThan(30);
    const found = [...statements].flatMap((sql) => faults([...forbidden, ...shapes], sql).map((what) => [what, sql]));
    expect(found).toEqual([]);
  });

  it('moves no index with every message', () => {
    const indexes = [...statements].filter((sql) => /^CREATE INDEX .* ON \S+\.(conversations|members) /.test(sql));
    expect(indexes).not.toEqual([]);
    for (const sql of indexes) expect(sql).not.toMatch(/active_at|version|last_seq|posted_seq|head/);
  });
});
