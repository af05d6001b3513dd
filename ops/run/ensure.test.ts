import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'verbatim-ensure-'));
  write('ops/run/.keep', '');
  cpSync(fileURLToPath(new URL('ensure.mjs', import.meta.url)), join(root, 'ops/run/ensure.mjs'));
  writeLock('1.0.0');
  // Stands in for npm: notes its arguments and leaves the record that npm leaves when it is done.
  write(
    'npm-cli.js',
    `const fs = require('fs');
     fs.appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');
     if (process.env.NPM_FAILS) process.exit(1);
     const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
     const prod = process.argv.includes('--omit=dev');
     const kept = Object.entries(packages).filter(([name, entry]) => name !== '' && !(prod && entry.dev));
     fs.rmSync('node_modules', { recursive: true, force: true });
     fs.mkdirSync('node_modules');
     fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: Object.fromEntries(kept) }));`,
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}

const writeLock = (version: string): void =>
  write(
    'package-lock.json',
    JSON.stringify({
      packages: {
        '': {},
        'node_modules/runs': { version },
        'node_modules/for-tests': { version: '1.0.0', dev: true },
        'node_modules/for-another-platform': { version: '1.0.0', optional: true },
      },
    }),
  );

const ensure = (args: readonly string[] = [], env: Record<string, string> = {}) => {
  const ran = spawnSync(process.execPath, [join(root, 'ops/run/ensure.mjs'), ...args], {
    env: { npm_execpath: join(root, 'npm-cli.js'), ...env },
    encoding: 'utf8',
  });
  return { code: ran.status, said: ran.stdout + ran.stderr };
};
const calls = (): readonly string[] =>
  existsSync(join(root, 'calls')) ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n') : [];

const prod = 'ci --no-audit --no-fund --loglevel=error --omit=dev';
const dev = 'ci --no-audit --no-fund --loglevel=error';

describe('what is installed', () => {
  it('is installed once, with one line that says so', () => {
    expect(ensure()).toEqual({ code: 0, said: expect.stringMatching(/^Installing what Verbatim needs.*\n$/) });
    expect(ensure()).toEqual({ code: 0, said: '' });
    expect(calls()).toEqual([prod]);
  });

  it('says so beside what a command prints, not in it', () => {
    const env = { npm_execpath: join(root, 'npm-cli.js') };
    const ran = spawnSync(process.execPath, [join(root, 'ops/run/ensure.mjs')], { env, encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stdout: '', stderr: expect.stringContaining('Installing') });
  });

  it('is completed for tests, which satisfies a start too', () => {
    ensure();
    ensure(['--dev']);
    ensure();
    expect(calls()).toEqual([prod, dev]);
  });

  it('is installed again when the lock file changes, and keeps the tools of who had them', () => {
    ensure(['--dev']);
    writeLock('1.0.1');
    ensure();
    expect(calls()).toEqual([dev, dev]);
  });

  it('is installed again for another Node', () => {
    ensure();
    write(
      'node_modules/.verbatim.json',
      readFileSync(join(root, 'node_modules/.verbatim.json'), 'utf8').replace(process.version, 'v0.0.0'),
    );
    ensure();
    expect(calls()).toEqual([prod, prod]);
  });

  it('is left alone where somebody ran npm by hand', () => {
    spawnSync(process.execPath, [join(root, 'npm-cli.js'), 'by hand'], { cwd: root });
    ensure(['--dev']);
    ensure();
    expect(calls()).toEqual(['by hand']);
  });

  it('is not taken for installed when npm failed', () => {
    expect(ensure([], { NPM_FAILS: '1' })).toEqual({ code: 1, said: expect.stringContaining('could not install') });
    ensure();
    expect(calls()).toEqual([prod, prod]);
  });

  it('says what to do where npm is not at hand', () => {
    expect(ensure([], { npm_execpath: '' })).toEqual({ code: 1, said: expect.stringContaining('npm ci') });
  });
});
