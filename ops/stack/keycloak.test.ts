import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { PROGRAMS, seedKey, startKeycloak } from './keycloak.js';

afterEach(() => void vi.unstubAllEnvs());

const folder = mkdtempSync(join(tmpdir(), 'verbatim-stack-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the key of what Keycloak made of a realm', () => {
  const file = join(folder, 'verbatim-realm.json');
  const realm = (text: string, values: Readonly<Record<string, string>> = { A: '1', B: '2' }) => {
    writeFileSync(file, text);
    return { name: 'verbatim', files: [file], values };
  };

  it('is the same for the same, in whatever order', () => {
    expect(seedKey('secret', realm('{}', { B: '2', A: '1' }))).toBe(seedKey('secret', realm('{}')));
  });

  it('is another one as soon as anything differs', () => {
    const keys = [
      seedKey('secret', realm('{}')),
      seedKey('another', realm('{}')),
      seedKey('secret', realm('{ }')),
      seedKey('secret', realm('{}', { A: '1', B: '3' })),
      seedKey('secret', undefined),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });
});

it('keeps what Keycloak writes, and what is kept of it, from everybody else', async () => {
  const [home, cache, programs] = [join(folder, 'keycloak'), join(folder, 'keycloak-cache'), join(folder, 'programs')];
  // Both were there before, and open; what stands for Java says yes to all, and writes a database as others would.
  for (const each of [`${cache}/${PROGRAMS}`, `${cache}/keycloak-seeds`, programs, home]) {
    mkdirSync(each, { recursive: true, mode: 0o755 });
  }
  const script = `#!${process.execPath}
    const { mkdirSync, writeFileSync } = require('node:fs');
    mkdirSync('data/h2', { recursive: true });
    writeFileSync('data/h2/keycloakdb.mv.db', 'keys');
    for (const port of process.argv.join(' ').matchAll(/port=([0-9]+)/g)) {
      require('node:http').createServer((_, answer) => answer.end()).listen(Number(port[1]), '127.0.0.1');
    }`;
  writeFileSync(`${programs}/java`, script, { mode: 0o755 });
  vi.stubEnv('PATH', `${programs}${delimiter}${process.env['PATH']}`);
  vi.stubEnv('VERBATIM_STACK_CACHE', cache);
  const keycloak = await startKeycloak({ folder: home, adminPassword: 'secret' });
  await keycloak.stop();
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  expect(modeOf(home)).toBe(0o700);
  expect(modeOf(`${home}/data/h2/keycloakdb.mv.db`)).toBe(0o600);
  expect(modeOf(`${cache}/keycloak-seeds`)).toBe(0o700);
  expect(readFileSync(`${cache}/keycloak-seeds/${seedKey('secret', undefined)}/keycloakdb.mv.db`, 'utf8')).toBe('keys');
});

it('has a realm file that Keycloak takes by its name', () => {
  const file = new URL('../deploy/keycloak/verbatim-realm.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ realm: 'verbatim' });
});
