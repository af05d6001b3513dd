import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { core } from './readmodel/core/core.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { createTable } from './readmodel/table.js';

const root = fileURLToPath(new URL('.', import.meta.url));
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /(?<!test|contract)\.ts$/.test(file),
);

/** What does not run, or means something else, on plain Postgres, PGlite or Citus. */
const forbidden: readonly (readonly [string, RegExp])[] = [
  ['a trigger', /\bCREATE (CONSTRAINT )?TRIGGER\b/i],
  ['a sequence', /\b(big)?serial\b|\bnextval\b|GENERATED .* AS IDENTITY/i],
  ['a foreign key', /\bREFERENCES\s+\w+\.?\w*\s*\(/i],
  ['MERGE', /\bMERGE INTO\b/i],
  ['the clock of the database', /\b(now|clock_timestamp|gen_random_uuid|random)\(\)/i],
  ['LISTEN or NOTIFY', /\b(LISTEN|NOTIFY)\s+\w+/],
  ['an advisory lock', /pg_(try_)?advisory/i],
  ['COPY', /\bCOPY\s+\w+(\.\w+)?\s+(FROM|TO)\b/],
];

const faults = (sql: string): readonly string[] =>
  forbidden.filter(([, pattern]) => pattern.test(sql)).map(([what]) => what);

it.each(sources)('%s keeps to the SQL that runs everywhere', (file) => {
  expect(faults(readFileSync(`${root}/${file}`, 'utf8'))).toEqual([]);
});

it('would find what is forbidden', () => {
  expect(faults('CREATE TABLE t (id bigserial, other int REFERENCES u (id), at timestamptz DEFAULT now())')).toEqual([
    'a sequence',
    'a foreign key',
    'the clock of the database',
  ]);
});

it('puts home first in every primary key and index', () => {
  const statements = [core, obligations].flatMap(({ tables }) => tables).flatMap((table) => createTable('s', table));
  for (const statement of statements) {
    expect(statement).toMatch(/PRIMARY KEY \(home, |CREATE INDEX \w+ ON s\.\w+ \(home, /);
  }
});
