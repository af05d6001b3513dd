import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory } from '../../chaos/audit.js';
import { type Person, at, register, signIn } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';
import { type Sent, type Writer, startWriter } from '../../chaos/writer.js';
import { openLogIn } from '../../run/log.js';
import { verbatim } from '../testing.js';

let temp: string;
let server: Server;
let ada: Person;
let writer: Writer;
/** What ada was told is saved before the backup began. */
let saved: readonly Sent[];

const inTemp = (name: string): string => join(temp, name);
beforeAll(async () => {
  temp = mkdtempSync(join(tmpdir(), 'verbatim-backup-'));
  server = await startServer({ data: inTemp('data') });
  await server.ready;
  ada = await register(server.url, 'ada');
  writer = startWriter({ person: ada, name: 'ada', wait: sleep });
});
afterAll(async () => {
  await server.kill();
  rmSync(temp, { recursive: true, force: true });
});

const commandsIn = async (data: string): Promise<readonly string[]> => {
  const log = openLogIn(inTemp(data));
  const { outcomes } = await readHistory(log);
  await log.close();
  return outcomes.map(({ command }) => command);
};

describe('a backup of a running server that writes', () => {
  it('is made while commands go on, and says what it holds', async () => {
    await sleep(2_000);
    saved = writer.sent.filter(({ acknowledged }) => acknowledged);
    const { code, lines, told } = await verbatim(['backup', inTemp('copy'), '--data', inTemp('data')]).ended;
    expect({ code, told }).toEqual({ code: 0, told: '' });
    expect(lines).toEqual([expect.stringMatching(/^Backed up to .*copy: \d+ records of the log [\w-]{36}, .* MB/)]);
    const during = writer.sent.length;
    await expect.poll(() => writer.sent.length).toBeGreaterThan(during);
  });

  it('refuses to write over one', async () => {
    const told = expect.stringMatching(/^TARGET_NOT_EMPTY: .* is not empty/);
    const ran = await verbatim(['backup', inTemp('copy'), '--data', inTemp('data')]).ended;
    expect(ran).toMatchObject({ code: 1, told });
  });

  it('leaves the server as it was: nobody else can have its folder, and it goes on', async () => {
    const second = await startServer({ data: inTemp('data') });
    await expect(second.ready).rejects.toThrow(/DATA_LOCKED/);
    const before = writer.sent.length;
    await expect.poll(() => writer.sent.length).toBeGreaterThan(before);
  });

  it('is copied alike where no server runs', async () => {
    await writer.stop();
    expect(await server.stop()).toBe(0);
    expect(await verbatim(['backup', inTemp('later'), '--data', inTemp('data')]).ended).toMatchObject({ code: 0 });
    const all = await commandsIn('data');
    expect(await commandsIn('later')).toEqual(all);
    const early = new Set(await commandsIn('copy'));
    expect(saved.length).toBeGreaterThan(10);
    expect(saved.filter(({ command }) => !early.has(command))).toEqual([]);
    expect(all.length).toBeGreaterThan(early.size);
  });
});

describe('a restore', () => {
  it('that is killed leaves nothing that starts, and can be done again', async () => {
    const cut = verbatim(['restore', inTemp('copy'), '--data', inTemp('new')]);
    await expect.poll(() => existsSync(inTemp('new/unfinished')), { interval: 1 }).toBe(true);
    cut.child.kill('SIGKILL');
    await cut.ended;
    const starting = verbatim(['start', '--data', inTemp('new')]);
    expect(await starting.ended).toMatchObject({ code: 1, told: expect.stringMatching(/^DATA_UNFINISHED: /) });
    const again = await verbatim(['restore', inTemp('copy'), '--data', inTemp('new')]).ended;
    expect(again).toMatchObject({ code: 0, told: '' });
    expect(again.lines.at(-1)).toMatch(/^Start it with: npx verbatim start --data /);
  });

  it('starts, and shows what was acknowledged before the backup', async () => {
    server = await startServer({ data: inTemp('new'), port: server.port });
    await server.ready;
    const person = await signIn(server.url, 'ada');
    expect(person.user).toBe(ada.user);
    const texts = saved.flatMap(({ input }) => (input['message'] ? [[input['message'], input['text']]] : []));
    expect(texts.length).toBeGreaterThan(1);
    for (const [id, text] of texts) {
      const query = 'query ($id: ID!) { node(id: $id) { ... on Message { parts { ... on TextPart { text } } } } }';
      expect(at(await person.ask(query, { id }), 'node', 'parts', 0, 'text')).toBe(text);
    }
  });

  it('is not made over a folder in use', async () => {
    const ran = await verbatim(['restore', inTemp('copy'), '--data', inTemp('new')]).ended;
    expect(ran).toMatchObject({ code: 1, told: expect.stringMatching(/^TARGET_NOT_EMPTY: /) });
  });
});

describe('the command through npm', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  // Without a shell, npx is another file on Windows.
  const npx = (...args: readonly string[]) =>
    spawnSync('npx', ['verbatim', ...args], { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' });

  it('runs from a clone, hands on what is printed and how it ended', () => {
    expect(npx('--help')).toMatchObject({
      status: 0,
      stderr: '',
      stdout: expect.stringContaining('npx verbatim <command>'),
    });
    expect(npx('fly')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringMatching(/^USAGE: "fly" is not/) });
    const missing = npx('replay', '--data', inTemp('nowhere'));
    expect(missing).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/^DATA_MISSING: /) });
    expect(existsSync(inTemp('nowhere'))).toBe(false);
  });

  it('refuses data of a newer version and names it', async () => {
    writeFileSync(inTemp('later/format.json'), JSON.stringify({ format: 2, version: '7.1.0' }));
    for (const words of [['start'], ['replay'], ['backup', inTemp('never')]]) {
      const ran = await verbatim([...words, '--data', inTemp('later')]).ended;
      expect(ran).toMatchObject({ code: 1, told: expect.stringMatching(/^DATA_NEWER: .*Verbatim 7\.1\.0/) });
    }
    expect(readdirSync(temp)).not.toContain('never');
    expect(readFileSync(inTemp('later/format.json'), 'utf8')).toContain('7.1.0');
  });
});
