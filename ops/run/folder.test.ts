import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { openFolder } from './folder.js';

let temp: string;
let children: ChildProcess[] = [];
beforeEach(() => {
  temp = mkdtempSync(join(tmpdir(), 'verbatim-folder-'));
});
afterEach(async () => {
  await Promise.all(children.map(kill));
  children = [];
  rmSync(temp, { recursive: true, force: true });
});

const kill = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
};

/** Another process that opens the folder and keeps it. Resolves once it has it. */
async function holder(dir: string): Promise<ChildProcess> {
  const code = `import { openFolder } from ${JSON.stringify(new URL('folder.ts', import.meta.url).href)};
    openFolder(process.argv[1]).announce({ url: 'http://localhost:8080', opsUrl: 'http://localhost:8081' });
    console.log('open'); setInterval(() => {}, 1000);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code, dir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

describe('the data folder', () => {
  it('is made for this user alone, and says who wrote it', () => {
    const dir = join(temp, 'new/data');
    const folder = openFolder(dir);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(JSON.parse(readFileSync(folder.file('format.json'), 'utf8'))).toEqual({
      format: 1,
      version: manifest.version,
    });
    folder.announce({ url: 'http://localhost:8080', opsUrl: 'http://localhost:8081' });
    expect(JSON.parse(readFileSync(folder.file('server.json'), 'utf8'))).toEqual({
      pid: process.pid,
      url: 'http://localhost:8080',
      opsUrl: 'http://localhost:8081',
    });
    expect(statSync(folder.file('server.json')).mode & 0o777).toBe(0o600);
    folder.close();
    expect(existsSync(folder.file('server.json'))).toBe(false);
  });

  it('can be opened again once it is closed', () => {
    openFolder(temp).close();
    openFolder(temp).close();
  });

  it('refuses a second process and names the first; kill -9 leaves no lock behind', async () => {
    const first = await holder(temp);
    expect(() => openFolder(temp)).toThrow(
      expect.objectContaining({
        code: 'DATA_LOCKED',
        message: expect.stringContaining(`in use by process ${first.pid}, at http://localhost:8080`),
      }),
    );
    await kill(first);
    const folder = openFolder(temp);
    expect(existsSync(folder.file('server.json'))).toBe(false);
    folder.close();
  });

  it('refuses data of newer code and names the version', () => {
    writeFileSync(join(temp, 'format.json'), JSON.stringify({ format: 2, version: '7.1.0' }));
    const newer = expect.objectContaining({ code: 'DATA_NEWER', message: expect.stringContaining('Verbatim 7.1.0') });
    expect(() => openFolder(temp)).toThrow(newer);
    // The refusal gives the lock back.
    expect(() => openFolder(temp)).toThrow(newer);
  });

  it('signs the data of older code, so that older code refuses it from then on', () => {
    for (const older of [
      { format: 0, version: '0.0.1' },
      { format: 1, version: '0.0.9' },
    ]) {
      writeFileSync(join(temp, 'format.json'), JSON.stringify(older));
      openFolder(temp).close();
      const signed: unknown = JSON.parse(readFileSync(join(temp, 'format.json'), 'utf8'));
      expect(signed).toEqual({ format: 1, version: manifest.version });
    }
  });

  it('gives a token to whoever can read it, another one each time, for as long as it is open', () => {
    const tokens = [1, 2].map(() => {
      const folder = openFolder(temp);
      expect(existsSync(folder.file('ops.token'))).toBe(false);
      folder.announce({ url: 'http://localhost:8080', opsUrl: 'http://localhost:8081' });
      expect(readFileSync(folder.file('ops.token'), 'utf8')).toBe(`${folder.token}\n`);
      expect(statSync(folder.file('ops.token')).mode & 0o777).toBe(0o600);
      folder.close();
      expect(existsSync(folder.file('ops.token'))).toBe(false);
      return folder.token;
    });
    expect(new Set(tokens).size).toBe(2);
    expect(tokens[0]).toMatch(/^[\w-]{43}$/);
  });

  it.each(['', '{"format":', '1', 'null'])('refuses one whose format.json is damaged: %j', (text) => {
    writeFileSync(join(temp, 'format.json'), text);
    const damaged = { code: 'DATA_UNUSABLE', message: expect.stringContaining(join(temp, 'format.json')) };
    expect(() => openFolder(temp)).toThrow(expect.objectContaining(damaged));
  });

  it('refuses one into which a copy was cut short', () => {
    writeFileSync(join(temp, 'format.json'), JSON.stringify({ format: 1, version: manifest.version }));
    writeFileSync(join(temp, 'unfinished'), '');
    expect(() => openFolder(temp)).toThrow(expect.objectContaining({ code: 'DATA_UNFINISHED' }));
  });

  it('refuses a folder with somebody else’s files', () => {
    writeFileSync(join(temp, 'thesis.doc'), '');
    expect(() => openFolder(temp)).toThrow(
      expect.objectContaining({ code: 'DATA_FOREIGN', message: expect.stringContaining('thesis.doc') }),
    );
  });

  it('says why a folder cannot be used', () => {
    writeFileSync(join(temp, 'file'), '');
    expect(() => openFolder(join(temp, 'file'))).toThrow(expect.objectContaining({ code: 'DATA_UNUSABLE' }));
    expect(() => openFolder(join(temp, 'file/below'))).toThrow(expect.objectContaining({ code: 'DATA_UNUSABLE' }));
  });
});
