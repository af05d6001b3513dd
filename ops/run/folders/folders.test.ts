import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { signIn } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';
import { see } from './seen.js';

// Every folder beside this file was written by the version that it is named after, and stays as it is for ever: whatever
// comes later must start on it and show the same.

const here = fileURLToPath(new URL('.', import.meta.url));
const versions = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

let temp: string | undefined;
let server: Server | undefined;
afterEach(async () => {
  await server?.kill();
  if (temp) rmSync(temp, { recursive: true, force: true });
});

describe('a data folder of an earlier version', () => {
  it('is there for every version, this one too', () => {
    expect(versions).toContain(manifest.version);
    for (const version of versions) {
      const format: unknown = JSON.parse(readFileSync(join(here, version, 'format.json'), 'utf8'));
      expect(format).toEqual({ format: expect.any(Number), version });
      expect(existsSync(join(here, `${version}.json`))).toBe(true);
    }
  });

  it.each(versions)('%s: it starts, its person signs in and sees every message and title', async (version) => {
    const { login, known, seen } = JSON.parse(readFileSync(join(here, `${version}.json`), 'utf8'));
    expect(known.messages.length).toBeGreaterThan(0);
    temp = mkdtempSync(join(tmpdir(), 'verbatim-upgrade-'));
    cpSync(join(here, version), join(temp, 'data'), { recursive: true });
    server = await startServer({ data: join(temp, 'data') });
    await server.ready;
    const person = await signIn(server.url, login);
    expect(await see(person, known)).toEqual(seen);
    expect(JSON.parse(readFileSync(join(temp, 'data/format.json'), 'utf8'))).toMatchObject({
      version: manifest.version,
    });
  });
});
