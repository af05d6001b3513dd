import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'verbatim-counts-'));
  const needs = JSON.stringify(fileURLToPath(new URL('needs.ts', import.meta.url)));
  const files = {
    'good.test.js': `it('adds', () => expect(1 + 1).toBe(2)); it('adds on', () => {});`,
    'bad.test.js': `it('fails', () => { throw new Error('no') });`,
    'hook.test.js': `describe('with a hook', () => { beforeAll(() => { throw new Error('no') }); it('never runs', () => {}) });`,
    'load.test.js': `throw new Error('does not load');`,
    'stray.test.js': `it('leaves an error behind', () => { Promise.reject(new Error('stray')) });`,
    'needs.test.js': `import { describeWith } from ${needs};
      describeWith('VERBATIM_MOON', 'a landing', () => { it('one', () => {}); it('two', () => {}) });`,
    'both.test.js': `import { describeWith } from ${needs};
      describeWith('VERBATIM_SUN', 'a sunrise', () => describeWith('VERBATIM_MOON', 'an eclipse', () => it('one', () => {})));`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs `npm test` over the files named. Says how it ended, its last line, and all lines. */
function run(names: readonly string[], env: Record<string, string> = {}) {
  const args = ['--import', 'tsx', fileURLToPath(new URL('test.ts', import.meta.url)), '--root', root, '--globals'];
  const { VERBATIM_REQUIRE_ALL: _, ...rest } = process.env;
  const ran = spawnSync(process.execPath, [...args, ...names], { encoding: 'utf8', env: { ...rest, ...env } });
  const lines = ran.stdout.trimEnd().split('\n');
  return { code: ran.status, last: lines.at(-1), lines };
}

describe('npm test', () => {
  it('ends with the counts, alone on the last line', () => {
    expect(run(['good'])).toMatchObject({ code: 0, last: '2 passed, 0 failed' });
  });

  it.each([
    ['a failing test', ['good', 'bad'], '2 passed, 1 failed'],
    ['a failing hook', ['hook'], '0 passed, 1 failed, 1 skipped'],
    ['a file that does not load', ['load'], '0 passed, 1 failed'],
    ['a stray error', ['stray'], '1 passed, 1 failed'],
    ['nothing to run', ['no-such-file'], '0 passed, 1 failed'],
  ])('counts as failed: %s', (_, names, last) => {
    expect(run(names)).toMatchObject({ code: 1, last });
  });

  it('names what was not run, and why', () => {
    const { code, last, lines } = run(['good', 'needs', 'both']);
    expect({ code, last }).toEqual({ code: 0, last: '2 passed, 0 failed, 3 skipped' });
    expect(lines).toContain('  needs.test.js: a landing (needs VERBATIM_MOON)');
    expect(lines).toContain('  both.test.js: a sunrise (needs VERBATIM_SUN)');
  });

  it('runs it where the machine has what it needs', () => {
    expect(run(['needs'], { VERBATIM_MOON: 'full' })).toMatchObject({ code: 0, last: '2 passed, 0 failed' });
  });

  it('fails for what was not run where all is required', () => {
    writeFileSync(join(root, 'left.test.js'), `it.skip('left out', () => {});`);
    const required = { VERBATIM_REQUIRE_ALL: '1' };
    expect(run(['good', 'needs', 'left'], required)).toMatchObject({ code: 1, last: '2 passed, 2 failed' });
  });
});
