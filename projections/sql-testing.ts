// The SQL of the read models runs unchanged on plain Postgres, PGlite and Citus. What can be held without a Citus is held
// by these rules.

/** What must not be, and whether it is so in this text. */
export type Rule = readonly [string, (sql: string) => boolean];

export const faults = (rules: readonly Rule[], sql: string): readonly string[] =>
  rules.filter(([, broken]) => broken(sql)).map(([what]) => what);

const bySign = (signs: readonly (readonly [string, RegExp])[]): readonly Rule[] =>
  signs.map(([what, sign]) => [what, (sql) => sign.test(sql)]);

/** What does not run, or means something else, on one of the three: wherever it is written. */
export const forbidden: readonly Rule[] = bySign([
  ['a trigger', /\bCREATE (OR REPLACE )?(CONSTRAINT )?TRIGGER\b/i],
  ['a rule', /\bCREATE (OR REPLACE )?RULE\b/i],
  ['a sequence', /\b(big|small)?serial\b|\bnextval\b|GENERATED .* AS IDENTITY|\bCREATE SEQUENCE\b/i],
  ['a foreign key', /\bREFERENCES\s+\w+\.?\w*\s*\(|\bFOREIGN KEY\b/i],
  ['an exclusion', /\bEXCLUDE (USING\b|\()/i],
  ['MERGE', /\bMERGE INTO\b/i],
  [
    'the clock of the database',
    /(?<!Date\.|performance\.)\b(now|(clock|statement|transaction)_timestamp|timeofday)\(\)|\b(CURRENT|LOCAL)_?(DATE|TIME(STAMP)?)\b/,
  ],
  [
    'an id or a number that the database makes',
    /(?<!Math\.)\b(random|gen_random_uuid|uuidv[47]|uuid_generate_v\d\w*)\(/,
  ],
  ['LISTEN or NOTIFY', /\b(LISTEN|NOTIFY)\s+\w+|\bpg_notify\b/],
  ['an advisory lock', /pg_(try_)?advisory/i],
  ['COPY', /\bCOPY\s+\S+\s*(\([^)]*\)\s*)?(FROM|TO)\b/],
  ['a lock on rows', /\bFOR (NO KEY )?(UPDATE|SHARE)\b|\bSKIP LOCKED\b/i],
  ['grouping sets', /\bGROUPING SETS\b|\bGROUP BY (ROLLUP|CUBE)\b/i],
  // A new shape is a new generation; and a schema that is renamed is missing for a moment.
  ['a change of what is there', /\bALTER (TABLE|SCHEMA|INDEX|SYSTEM|DATABASE)\b|\bCREATE DATABASE\b/],
  [
    'what is true of one node alone',
    /\bpg_stat_|\bSET (SESSION|LOCAL)\b(?! lock_timeout)|\bset_config\(|\bplan_cache_mode\b/,
  ],
  ['isolation across nodes', /\bISOLATION LEVEL (SERIALIZABLE|REPEATABLE)\b/i],
  ['a value from a subquery', /\bVALUES\s*\([^)]*\(\s*SELECT\b/i],
  ['a query that writes on the side', /\bAS (NOT )?(MATERIALIZED )?\(\s*(INSERT|UPDATE|DELETE)\b/i],
]);

/** Reads every home, or none, where it is known that it must. */
const scatters = [
  /^SELECT home, next_offset, fence, term, leads FROM \S+\.checkpoints /,
  /^SELECT r\.home, .* ORDER BY r\.next_offset/,
  /^SELECT r\.home, .* FROM \S+\.parked r ORDER BY r\.home/,
  /^SELECT l\.home, l\.view, l\.holder FROM rm\.leases /,
  /^SELECT to_regclass/,
];

const count = (sql: string, sign: RegExp): number => sql.match(sign)?.length ?? 0;

/** The aliases of the tables that a statement reads or changes, '' for one without. */
const aliasesIn = (sql: string): readonly string[] =>
  [...sql.matchAll(/\b(?:FROM|JOIN|UPDATE)\s+\w+\.\w+(?:\s+(?!WHERE|SET|ON|ORDER|LEFT|JOIN|CROSS)(\w+))?/g)].map(
    ([, alias = '']) => alias,
  );

/** Each table by its own home, or by that of another one: as often as it stands there. So no join leads to another home. */
function hasUnboundTable(sql: string): boolean {
  const aliases = aliasesIn(sql);
  return [...new Set(aliases)].some((alias) => {
    const times = aliases.filter((each) => each === alias).length;
    const bound =
      alias === ''
        ? /(?<![\w.])home = (\$\d|0\b)/g
        : new RegExp(`\\b${alias}\\.home = (\\$\\d|\\w+\\.home\\b)|\\w\\.home = ${alias}\\.home\\b`, 'g');
    return count(sql, bound) < times;
  });
}

const clause = (sql: string, sign: RegExp): readonly string[] => (sign.exec(sql)?.[1] ?? '').split(',').filter(Boolean);

/** What a whole statement must be like. */
export const shapes: readonly Rule[] = [
  ['an update from a list', (sql) => /^UPDATE\s.*\sFROM\s/s.test(sql)],
  ['a key without home in front', (sql) => /(PRIMARY KEY|UNIQUE|ON CONFLICT) \((?!home\b)/.test(sql)],
  ['a table without a key', (sql) => sql.startsWith('CREATE TABLE') && !sql.includes('PRIMARY KEY')],
  ['an index without home in front', (sql) => /^CREATE (UNIQUE )?INDEX/.test(sql) && !/\(home, /.test(sql)],
  [
    'a statement that does not bind its home',
    (sql) =>
      /^(SELECT|WITH|UPDATE|DELETE|INSERT)\b/.test(sql) &&
      count(sql, /\bhome = (\$\d|0\b)/g) === 0 &&
      !/ VALUES \((\$1|0),/.test(sql) &&
      !scatters.some((scatter) => scatter.test(sql)),
  ],
  [
    'a table whose home is not bound',
    (sql) =>
      /^(SELECT|WITH|UPDATE|DELETE|INSERT)\b/.test(sql) &&
      !scatters.some((scatter) => scatter.test(sql)) &&
      hasUnboundTable(sql),
  ],
  ['a join by a comma', (sql) => /\bFROM \w+\.\w+( \w+)?,(?!\s*unnest\()/.test(sql)],
  // A cast that a plan for any parameter cannot send to one shard.
  ['a home that is cast', (sql) => /\bhome = \$\d+::/.test(sql)],
  ['a row that moves to another home', (sql) => / SET (.*?, )?home = /s.test(sql.replace(/ WHERE .*$/s, ''))],
  [
    'an upsert that computes',
    (sql) => clause(sql, / DO UPDATE SET (.*)$/s).some((part) => !/^\s*(\w+) = EXCLUDED\.\1\s*$/.test(part)),
  ],
  [
    'an update that computes',
    (sql) =>
      clause(sql, /^UPDATE \S+ SET (.*?)( (WHERE|FROM) .*)?$/s).some(
        (part) => !/^\s*\w+ = (\$\d+(::\w+)?|true|false|\d+)\s*$/.test(part),
      ),
  ],
  // Else it is the coordinator's, which holds up every other writer; and a stale runner's rows would be written.
  [
    'an insert from a list without a fence',
    (sql) =>
      /^INSERT\b.*\bSELECT\b/s.test(sql) &&
      !/\.checkpoints cp\b.*\bcp\.home = \$1 AND cp\.next_offset = \$2\b/s.test(sql),
  ],
];
