import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { keysContract } from './contract.js';
import type { Key } from './keys.js';
import { openKeys, readKeys } from './sqlite.js';
import { masterOf, wrap } from './wrapping.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const folder = mkdtempSync(join(tmpdir(), 'verbatim-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `keys${files++}.db`);

/** All bytes of a store: what stands in its file, and beside it. */
const bytesOf = (file: string): Buffer =>
  Buffer.concat(
    ['', '-wal', '-shm']
      .map((end) => `${file}${end}`)
      .flatMap((each) => (existsSync(each) ? [readFileSync(each)] : [])),
  );

/** Whether some bytes stand in a store. */
const holds = (file: string, key: Uint8Array): boolean => bytesOf(file).includes(Buffer.from(key));

/** The blobs that stand in the rows of a store, by id. */
function rowsIn(file: string): ReadonlyMap<string, { readonly key: Buffer; readonly master: unknown }> {
  const db = new Database(file);
  const rows: unknown[] = db.prepare('SELECT * FROM keys').all();
  db.close();
  return new Map(
    rows.flatMap((row) =>
      typeof row === 'object' && row && 'id' in row && 'key' in row && row.key instanceof ArrayBuffer
        ? [[String(row.id), { key: Buffer.from(row.key), master: 'master' in row ? row.master : undefined }] as const]
        : [],
    ),
  );
}

const masters = [random(32), random(32), random(32)] as const;
const [first, second, third] = masters;
const fingerprint = (master: Uint8Array): string => masterOf(master).fingerprint;

for (const [name, given] of [
  ['SQLite', []],
  ['SQLite under a master key', [first]],
] as const) {
  keysContract(name, true, async () => {
    const file = newFile();
    let keys = openKeys({ file, random, masters: given });
    return {
      keys,
      close: () => keys.close(),
      reopen: async () => {
        await keys.close();
        keys = openKeys({ file, random, masters: given });
        return keys;
      },
      all: async () => readKeys({ file, masters: given }),
    };
  });
}

describe('the file of the keys', () => {
  it('is readable by its owner alone', async () => {
    const file = newFile();
    const keys = openKeys({ file, random });
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await keys.close();
    await keys.close();
  });

  it.each([[[]], [[first]]])('has every key as soon as it can be used: kill -9 loses none (%#)', async (given) => {
    const file = newFile();
    const module = fileURLToPath(new URL('./sqlite.ts', import.meta.url));
    const script = `
      import { randomBytes } from 'node:crypto';
      import { openKeys } from ${JSON.stringify(module)};
      const masters = ${JSON.stringify(given.map((master) => [...master]))}.map((each) => Uint8Array.from(each));
      const keys = openKeys({ file: ${JSON.stringify(file)}, random: randomBytes, masters });
      const key = await keys.ensure('user-a');
      process.stdout.write(Buffer.from(key).toString('hex'), () => process.kill(process.pid, 'SIGKILL'));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    const [, signal] = await once(child, 'close');
    expect(signal).toBe('SIGKILL');
    const keys = openKeys({ file, random, masters: given });
    const found = (await keys.find(['user-a'])).get('user-a');
    expect(found && Buffer.from(found).toString('hex')).toBe(Buffer.concat(said).toString());
    expect(found).toHaveLength(32);
    await keys.close();
  });

  it('holds nothing of a key that is destroyed, wherever it stood among many', async () => {
    for (const given of [[], [first]]) {
      const file = newFile();
      const keys = openKeys({ file, random, masters: given });
      const made = new Map<string, Key>();
      for (let n = 0; n < 400; n++) made.set(`user-${n}`, await keys.ensure(`user-${n}`));
      const stored = rowsIn(file);
      const gone = [...made.keys()].filter((_, n) => n % 20 === 7);
      for (const id of gone) await keys.destroy(id);
      const left = (id: string): boolean =>
        [stored.get(id)?.key, made.get(id)].some((each) => each !== undefined && holds(file, each));
      expect(gone.filter(left)).toEqual([]);
      // The search finds what is there.
      expect([...made.keys()].filter(left)).toHaveLength(400 - gone.length);
      await keys.close();
    }
  });

  it('says that the bytes of a destroyed key are left while somebody reads, until it is destroyed again', async () => {
    const file = newFile();
    const keys = openKeys({ file, random });
    await keys.ensure('user-a');
    const reader = new Database(file);
    reader.exec('BEGIN; SELECT * FROM keys');
    await expect(keys.destroy('user-a')).rejects.toMatchObject({ code: 'KEY_LEFT', id: 'user-a' });
    expect(await keys.find(['user-a'])).toEqual(new Map());
    reader.exec('COMMIT');
    reader.close();
    await keys.destroy('user-a');
    expect(statSync(`${file}-wal`).size).toBe(0);
    await keys.close();
  });

  it('is refused where it is damaged, and is not made anew', async () => {
    const file = newFile();
    writeFileSync(file, 'no database '.repeat(500));
    expect(() => openKeys({ file, random })).toThrow(expect.objectContaining({ code: 'KEYS_CORRUPT' }));
    expect(readFileSync(file, 'utf8')).toContain('no database');
  });
});

describe('keys under a master key', () => {
  /** A store with three keys, one of them destroyed. */
  const made = async (given: readonly Uint8Array[]) => {
    const file = newFile();
    const keys = openKeys({ file, random, masters: given });
    const ids = ['user-a', 'user-b'];
    const values = new Map<string, Key>();
    for (const id of ids) values.set(id, await keys.ensure(id));
    await keys.ensure('user-c');
    await keys.destroy('user-c');
    await keys.close();
    return { file, values, ids: [...ids, 'user-c'] };
  };
  const reopened = async (file: string, given: readonly Uint8Array[], ids: readonly string[]) => {
    const keys = openKeys({ file, random, masters: given });
    const found = await keys.find(ids);
    await expect(keys.ensure('user-c')).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    await keys.close();
    return found;
  };

  it('stand nowhere in the open', async () => {
    const { file, values } = await made([first]);
    for (const key of values.values()) expect(holds(file, key)).toBe(false);
    for (const { master } of rowsIn(file).values()) expect(master).toBe(fingerprint(first));
    expect(holds(file, first)).toBe(false);
  });

  it('are wrapped anew under the first when they were bare, and the bare bytes leave the file', async () => {
    const { file, values, ids } = await made([]);
    expect([...values.values()].every((key) => holds(file, key))).toBe(true);
    expect(await reopened(file, [first], ids)).toEqual(values);
    for (const key of values.values()) expect(holds(file, key)).toBe(false);
    expect(await reopened(file, [first], ids)).toEqual(values);
  });

  it('are wrapped anew when the master key is changed: the new one first, then the old one is dropped', async () => {
    const { file, values, ids } = await made([first]);
    const old = [...rowsIn(file).values()].map(({ key }) => key);
    expect(old.every((blob) => holds(file, blob))).toBe(true);
    expect(await reopened(file, [second, first], ids)).toEqual(values);
    for (const blob of old) expect(holds(file, blob)).toBe(false);
    expect(await reopened(file, [second], ids)).toEqual(values);
  });

  it('are not touched where they are under the first already', async () => {
    const { file, values, ids } = await made([first]);
    const before = rowsIn(file);
    expect(await reopened(file, [first, second], ids)).toEqual(values);
    expect(rowsIn(file)).toEqual(before);
  });

  it('of the first version of the store go on, bare or wrapped', async () => {
    for (const given of [[], [first]]) {
      const file = newFile();
      const key = random(32);
      const db = new Database(file);
      db.exec('PRAGMA journal_mode = WAL; CREATE TABLE keys (id TEXT PRIMARY KEY, key BLOB) WITHOUT ROWID');
      const insert = db.prepare('INSERT INTO keys VALUES (?, ?)');
      insert.run('user-a', Buffer.from(key));
      insert.run('user-c', null);
      db.close();
      expect(await reopened(file, given, ['user-a', 'user-c'])).toEqual(new Map([['user-a', key]]));
      expect(holds(file, key)).toBe(given.length === 0);
    }
  });

  it('are read with it in any place, of any version, and nothing is changed by that', async () => {
    for (const given of [[], [first]]) {
      const { file, values } = await made(given);
      const before = readFileSync(file);
      const all = readKeys({ file, masters: [second, first] });
      expect(new Map([...all].filter(([, key]) => key !== null))).toEqual(values);
      expect(all.get('user-c')).toBeNull();
      expect(readFileSync(file)).toEqual(before);
    }
    const { file } = await made([first]);
    expect(() => readKeys({ file, masters: [second] })).toThrow(
      expect.objectContaining({ code: 'KEYS_LOCKED', message: expect.stringContaining(fingerprint(first)) }),
    );
    const old = newFile();
    const db = new Database(old);
    db.exec('CREATE TABLE keys (id TEXT PRIMARY KEY, key BLOB) WITHOUT ROWID');
    const key = random(32);
    db.prepare('INSERT INTO keys VALUES (?, ?)').run('user-a', Buffer.from(key));
    db.close();
    expect(readKeys({ file: old, masters: [first] })).toEqual(new Map([['user-a', key]]));
  });

  it.each([
    [[], 'none'],
    [[third], fingerprint(third)],
  ])('are refused without it, whatever else is given (%#), by names that tell no key', async (given, told) => {
    const { file, values, ids } = await made([first]);
    const before = readFileSync(file);
    const open = (): unknown => openKeys({ file, random, masters: given });
    expect(open).toThrow(
      expect.objectContaining({
        code: 'KEYS_LOCKED',
        message: expect.stringMatching(new RegExp(`${fingerprint(first)}; given is .*${told}.*VERBATIM_MASTER_KEYS`)),
      }),
    );
    for (const key of [first, ...given]) {
      for (const encoding of ['base64', 'hex'] as const) {
        expect(open).not.toThrow(Buffer.from(key).toString(encoding).slice(0, 12));
      }
    }
    expect(readFileSync(file)).toEqual(before);
    expect(await reopened(file, [first], ids)).toEqual(values);
  });

  it('are all wrapped anew, or none: where one key is lacking nothing is changed', async () => {
    const { file } = await made([first]);
    const db = new Database(file);
    const key = random(32);
    db.prepare('INSERT INTO keys VALUES (?, ?, ?)').run(
      'user-z',
      Buffer.from(wrap(masterOf(second), 'user-z', key, random(12))),
      fingerprint(second),
    );
    db.close();
    const before = rowsIn(file);
    const open = (given: readonly Uint8Array[]) => openKeys({ file, random, masters: given });
    expect(() => open([third, first])).toThrow(expect.objectContaining({ code: 'KEYS_LOCKED' }));
    expect(rowsIn(file)).toEqual(before);
    const keys = open([third, first, second]);
    expect(await keys.find(['user-z'])).toEqual(new Map([['user-z', key]]));
    await keys.close();
    expect(new Set([...rowsIn(file).values()].map(({ master }) => master))).toEqual(new Set([fingerprint(third)]));
  });

  it('do not open in the place of another, nor where a bit was changed', async () => {
    const { file } = await made([first]);
    const db = new Database(file);
    db.exec(`UPDATE keys SET key = (SELECT key FROM keys WHERE id = 'user-a') WHERE id = 'user-b'`);
    const blob = rowsIn(file).get('user-a')?.key ?? Buffer.alloc(0);
    blob[20] = (blob[20] ?? 0) ^ 1;
    db.prepare('UPDATE keys SET key = ? WHERE id = ?').run(blob, 'user-a');
    db.close();
    const keys = openKeys({ file, random, masters: [first] });
    for (const id of ['user-a', 'user-b']) {
      await expect(keys.ensure(id)).rejects.toMatchObject({ code: 'KEYS_CORRUPT' });
      await expect(keys.find([id])).rejects.toMatchObject({ code: 'KEYS_CORRUPT' });
    }
    await keys.close();
  });

  it('leave no old bytes behind unsaid: somebody reads the file, and the next start sees to it', async () => {
    const { file, values, ids } = await made([]);
    const reader = new Database(file);
    reader.exec('BEGIN; SELECT * FROM keys');
    expect(() => openKeys({ file, random, masters: [first] })).toThrow(expect.objectContaining({ code: 'KEYS_LEFT' }));
    reader.exec('COMMIT');
    reader.close();
    expect(await reopened(file, [first], ids)).toEqual(values);
    for (const key of values.values()) expect(holds(file, key)).toBe(false);
  });
});
