import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

// Which way imports may point. Tests, and the parts that only tests use, wire real parts and may reach further.

const root = fileURLToPath(new URL('../../', import.meta.url));
const free = /(\.test\.tsx?|[/-](testing|contract)\.ts|^commands\/worker\/model\/.+)$/;

type Source = { readonly path: string; readonly text: string };
type Rule = { readonly ours: readonly RegExp[]; readonly packages?: readonly string[] };

const rules: Record<string, Rule> = {
  domain: { ours: [/^domain\//], packages: ['node:crypto', 'uuid', 'safe-stable-stringify'] },
  commands: { ours: [/^(domain|commands)\//] },
  projections: {
    // package.json says which PGlite wrote a folder.
    ours: [
      /^(domain|projections)\//,
      /^commands\/log\//,
      /^commands\/(command|reactors\/reactor)\.ts$/,
      /^package\.json$/,
    ],
  },
  gateway: { ours: [/^(domain|projections|gateway)\//, /^commands\/client\//, /^commands\/command\.ts$/] },
  ui: { ours: [/^ui\//] },
  ops: { ours: [/./] },
};

/** Packages that stand for a store stay behind its port. */
const homesOfPackages: Readonly<Record<string, RegExp>> = {
  kafkajs: /^commands\/kafka\//,
  pg: /^(projections\/readmodel|ops)\//,
  'pg-copy-streams': /^projections\/readmodel\//,
  ioredis: /^projections\/sessions\//,
  libsql: /^(commands\/(log|keys|snapshots)|gateway\/identity|ops)\//,
  '@electric-sql/pglite': /^projections\/readmodel\//,
};

/** A store behind a port: only ops chooses one. */
const adapter =
  /^(commands\/(log|keys|snapshots|channel)|projections\/(readmodel|sessions))\/(sqlite|memory|kafka|pglite|postgres|redis)\.ts$/;

const topLevel = new Set(
  `domain commands projections gateway ui ops charts .ci .github
   package.json package-lock.json docker-compose.yml tsconfig.json vitest.config.ts
   README.md ARCHITECTURE.md LICENSE
   .gitattributes .gitignore .npmrc .oxlintrc.json .prettierignore .prettierrc.json`.split(/\s+/),
);
const nameless = new Set(['src', 'lib', 'utils', 'common']);

/** Everything that a file imports, in whatever form. */
function importsOf({ path, text }: Source): readonly string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const named =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isExternalModuleReference(node)
          ? node.expression
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : ts.isCallExpression(node) && loads(node.expression)
              ? node.arguments[0]
              : undefined;
    if (named && ts.isStringLiteralLike(named)) found.push(named.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false));
  return found;
}

const loads = (called: ts.Expression): boolean =>
  called.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(called) && called.text === 'require');

/** What is wrong with where a file's imports point. */
function faultsIn(source: Source): readonly string[] {
  const { path } = source;
  const area = path.split('/')[0] ?? '';
  const rule = rules[area];
  return importsOf(source).flatMap((name) => {
    const fault = `${path} imports ${name}`;
    if (!name.startsWith('.')) {
      const owner = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
      const strays = homesOfPackages[owner]?.test(path) === false;
      const unlisted = rule?.packages?.includes(name) === false && !free.test(path);
      return strays || unlisted ? [fault] : [];
    }
    if (!rule || free.test(path)) return [];
    const target = posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts');
    const allowed = rule.ours.some((each) => each.test(target)) && !free.test(target);
    const chooses = adapter.test(target) && area !== 'ops';
    return allowed && !chooses ? [] : [fault];
  });
}

/** What is wrong with where a file lies. */
function placeFaults(path: string): readonly string[] {
  const folders = path.split('/');
  if (!topLevel.has(folders[0] ?? '')) return [`${path}: the top level is fixed`];
  return folders.slice(0, -1).some((name) => nameless.has(name)) ? [`${path}: the folder's name says nothing`] : [];
}

/** The files of the repository, those not yet added too. */
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString()
  .split('\0')
  .filter((path) => path && existsSync(`${root}${path}`));

const sources = (): readonly Source[] =>
  files
    .filter((path) => /\.(ts|tsx|mjs)$/.test(path))
    .map((path) => ({ path, text: readFileSync(`${root}${path}`, 'utf8') }));

describe('the layout', () => {
  it('has its imports point one way', () => {
    expect(sources().flatMap(faultsIn)).toEqual([]);
  });

  it('has a fixed top level and no folder whose name says nothing', () => {
    expect(files.flatMap(placeFaults)).toEqual([]);
  });

  it.each([
    ['domain/user.ts', `import { readFileSync } from 'node:fs';`],
    ['domain/user.ts', `export * from '../commands/command.js';`],
    ['commands/log/log.ts', `import type { Db } from '../../projections/readmodel/db.js';`],
    ['commands/client/client.ts', `const later = await import('../../gateway/server.js');`],
    ['commands/worker/owner.ts', `import { openSqliteLog } from '../log/sqlite.js';`],
    ['commands/worker/owner.ts', `import { openSnapshots } from '../snapshots/sqlite.js';`],
    ['commands/worker/owner.ts', `import { honest } from './model/world.js';`],
    ['commands/worker/owner.ts', `import { Kafka } from 'kafkajs';`],
    ['commands/worker/owner.ts', `import Database from 'libsql/promise';`],
    ['projections/runner.ts', `type Client = import('../commands/client/client.js').CommandClient;`],
    ['projections/runner.ts', `export { openSqliteKeys } from '../commands/keys/sqlite.js';`],
    ['gateway/server.ts', `import { openPglite } from '../projections/readmodel/pglite.js';`],
    ['gateway/server.ts', `import { startAssistant } from '../commands/reactors/assistant.js';`],
    ['gateway/server.ts', `import { PGlite } from '@electric-sql/pglite';`],
    ['gateway/server.ts', `import { harness } from '../gateway/testing.js';`],
    ['gateway/server.ts', `import { readConfig } from '../ops/run/config.js';`],
    ['ui/chat/Page.tsx', `import type { Uuid } from '../../domain/ids.js';\nexport const page = <p>text</p>;`],
    ['ui/chat/Page.tsx', `const ids = require('../../domain/ids.js');`],
  ])('sees what is planted in %s: %s', (path, text) => {
    expect(faultsIn({ path, text })).toHaveLength(1);
  });

  it.each([
    ['domain/event.ts', `import { createHash } from 'node:crypto';`],
    ['gateway/server.ts', `// import '../ops/run/main.js'\nconst text = "import '../ops/run/main.js'";`],
    ['ui/chat/Page.tsx', `export const page = <p>import x from '../../domain/ids.js'</p>;`],
    ['ops/run/embedded.ts', `import { openSqliteLog } from '../../commands/log/sqlite.js';`],
    ['projections/runner.test.ts', `import { openSqliteLog } from '../commands/log/sqlite.js';`],
  ])('has nothing against %s: %s', (path, text) => {
    expect(faultsIn({ path, text })).toEqual([]);
  });

  it('sees a file in a wrong place', () => {
    const wrong = ['src/main.ts', 'ops/utils/strings.ts', 'notes.md'];
    expect(wrong.flatMap(placeFaults)).toHaveLength(3);
  });
});
