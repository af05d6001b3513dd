import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeys } from '../../commands/keys/sqlite.js';
import { takeLock } from '../../commands/log/lock.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { batchOf, eventNamed, readAll, takeover } from '../../commands/log/testing.js';
import type { Envelope } from '../../domain/event.js';
import { streamOf } from '../../domain/ids.js';
import { PARTITIONS, openFolder } from '../run/folder.js';
import { backUp } from '../operators/backup.js';
import { restore } from './restore.js';

const id = (n: number): string => `01980000-0000-7000-8000-00000000${n}000`;
const [kept, erased, over] = [streamOf('user', id(1)), streamOf('user', id(2)), streamOf('conversation', id(3))];
const lost = streamOf('user', id(4));
const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** Something sealed with a key, deep in an event. */
const sealedWith = (key: string): Envelope => ({
  ...eventNamed(`sealed with ${key}`),
  type: 'MessagePosted',
  data: { parts: [{ type: 'text', text: { key, content: 'x', box: 'AAAA' }, chars: 1 }] },
});
const events: readonly Envelope[] = [
  ...[kept, erased, over, lost].map(sealedWith),
  { ...eventNamed('an erasure'), type: 'UserErased', stream: erased, data: { by: 'system' } },
  { ...eventNamed('an end'), type: 'ConversationExpired', stream: over },
];

let temp: string;
const at = (...names: readonly string[]): string => join(temp, ...names);
beforeEach(async () => {
  temp = mkdtempSync(join(tmpdir(), 'verbatim-restore-'));
  await writeData(at('data'));
});
afterEach(() => rmSync(temp, { recursive: true, force: true }));

const openLog = (dir: string): ReturnType<typeof openSqliteLog> =>
  openSqliteLog({ file: join(dir, 'log.db'), partitions: PARTITIONS, newId: () => id(9) });

/** A data folder with an erasure in its log whose key is still there, and a key that is not. */
async function writeData(dir: string, masters: readonly Uint8Array[] = []): Promise<void> {
  openFolder(dir).close();
  const log = openLog(dir);
  await log.append(2, [takeover('a', 1)]);
  await log.append(2, batchOf('a', 1, 0, events));
  await log.close();
  const keys = openKeys({ file: join(dir, 'keys.db'), random, masters });
  for (const key of [kept, erased, over]) await keys.ensure(key);
  await keys.close();
  const identity = new Database(join(dir, 'identity.db'));
  identity.exec("CREATE TABLE accounts (login TEXT); INSERT INTO accounts VALUES ('ada')");
  identity.close();
}

async function keyIn(dir: string, key: string): Promise<Uint8Array | undefined> {
  const keys = openKeys({ file: join(dir, 'keys.db'), random });
  const found = await keys.find([key]);
  await keys.close();
  return found.get(key);
}

/** Leaves a hole in the middle of a file. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0x55, 4096, 8192);
  writeFileSync(file, bytes);
}

describe('a backup', () => {
  it('holds what is kept, whole and for its owner’s eyes, and what it says of itself', async () => {
    writeFileSync(at('data/snapshots.db'), 'disposable');
    expect(await backUp(at('data'), at('copy'))).toMatchObject({
      path: at('copy'),
      log: id(9),
      partitions: 4,
      records: 11,
    });
    expect(readdirSync(at('copy')).toSorted()).toEqual(['format.json', 'identity.db', 'keys.db', 'log.db']);
    for (const name of readdirSync(at('copy'))) expect(statSync(at('copy', name)).mode & 0o077).toBe(0);
    expect(readdirSync(temp).toSorted()).toEqual(['copy', 'data']);
    const log = openLog(at('copy'));
    expect(await readAll(log, 2)).toEqual(['log', 'takeover', ...events.map((event) => event.id)]);
    await log.close();
  });

  it('is copied in order: what the log needs of the files behind it is older than their copies', async () => {
    await backUp(at('data'), at('copy'));
    const times = ['log.db', 'keys.db', 'identity.db', 'format.json'].map(
      (name) => statSync(at('copy', name), { bigint: true }).mtimeNs,
    );
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
  });

  it('of a log with a hole is none', async () => {
    const db = new Database(at('data/log.db'));
    db.exec('DELETE FROM records_2 WHERE "offset" = 4');
    db.close();
    const broken = { code: 'COPY_BROKEN', message: expect.stringContaining('partition 2 is not whole') };
    await expect(backUp(at('data'), at('copy'))).rejects.toThrow(expect.objectContaining(broken));
    expect(readdirSync(temp)).toEqual(['data']);
  });

  it('is made of what is being written, without holding up who writes it', async () => {
    const log = openLog(at('data'));
    const text = 'x'.repeat(20_000);
    let batch = 1;
    const grow = async (): Promise<void> => {
      const many = Array.from({ length: 50 }, (_, n) => ({ ...eventNamed(`${batch}-${n}`), data: { text } }));
      await log.append(2, batchOf('a', 1, batch++, many));
    };
    while (batch <= 40) await grow();
    let copying = true;
    const copied = backUp(at('data'), at('copy')).finally(() => {
      copying = false;
    });
    const before = batch;
    while (copying) await grow();
    const { records } = await copied;
    // Whoever copies in this thread lets two or three appends in, before and behind it.
    expect(batch - before).toBeGreaterThan(5);
    expect(records).toBeGreaterThanOrEqual(11 + 40 * 50);
    expect(records).toBeLessThanOrEqual(11 + (batch - 1) * 50);
    await log.close();
  });

  it('is made into an empty folder, but over nothing', async () => {
    mkdirSync(at('empty'));
    await backUp(at('data'), at('empty'));
    expect(existsSync(at('empty/log.db'))).toBe(true);
    const full = expect.objectContaining({ code: 'TARGET_NOT_EMPTY' });
    await expect(backUp(at('data'), at('empty'))).rejects.toThrow(full);
    expect(readdirSync(temp).toSorted()).toEqual(['data', 'empty']);
  });

  it('goes on where an earlier one was cut short', async () => {
    mkdirSync(at('copy.unfinished'));
    for (const name of ['log.db', 'unfinished']) writeFileSync(at('copy.unfinished', name), 'half of it');
    await backUp(at('data'), at('copy'));
    expect(readdirSync(temp).toSorted()).toEqual(['copy', 'data']);
    expect(readdirSync(at('copy'))).not.toContain('unfinished');
  });

  it('removes no folder but what an earlier one has left', async () => {
    mkdirSync(at('copy.unfinished'));
    writeFileSync(at('copy.unfinished/thesis.doc'), '');
    const full = { code: 'TARGET_NOT_EMPTY', message: expect.stringContaining(at('copy.unfinished')) };
    await expect(backUp(at('data'), at('copy'))).rejects.toThrow(expect.objectContaining(full));
    expect(readdirSync(at('copy.unfinished'))).toEqual(['thesis.doc']);
  });

  it.each(['file', 'file/below'])('says why it cannot be made at %s', async (name) => {
    writeFileSync(at('file'), '');
    const unusable = { code: 'TARGET_UNUSABLE', message: expect.stringContaining(at(name)) };
    await expect(backUp(at('data'), at(name))).rejects.toThrow(expect.objectContaining(unusable));
    expect(readdirSync(temp).toSorted()).toEqual(['data', 'file']);
  });

  it.each(['log.db', 'keys.db', 'identity.db'])('of a damaged %s is none', async (name) => {
    damage(at('data', name));
    await expect(backUp(at('data'), at('copy'))).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^COPY_(FAILED|BROKEN)$/) }),
    );
    expect(readdirSync(temp)).toEqual(['data']);
  });

  it.each(['log.db', 'keys.db', 'identity.db'])(
    'says that a %s is no file of SQLite’s, and what to do',
    async (name) => {
      writeFileSync(at('data', name), 'x'.repeat(8192));
      const message = expect.stringMatching(
        new RegExp(`${name} could not be copied to .*: file is not a database.* backup`),
      );
      const failed = expect.objectContaining({ code: 'COPY_FAILED', message });
      await expect(backUp(at('data'), at('copy'))).rejects.toThrow(failed);
      expect(readdirSync(temp)).toEqual(['data']);
    },
  );

  it('of a damaged format.json is none', async () => {
    writeFileSync(at('data/format.json'), '{"format":');
    const damaged = { code: 'DATA_UNUSABLE', message: expect.stringContaining(at('data/format.json')) };
    await expect(backUp(at('data'), at('copy'))).rejects.toThrow(expect.objectContaining(damaged));
  });

  it.each(['log.db', 'keys.db', 'identity.db', 'format.json'])(
    'wants a whole folder: without %s there is none',
    async (name) => {
      rmSync(at('data', name));
      await expect(backUp(at('data'), at('copy'))).rejects.toThrow(expect.objectContaining({ code: 'DATA_MISSING' }));
      expect(readdirSync(temp)).toEqual(['data']);
    },
  );
});

describe('a restore', () => {
  beforeEach(() => backUp(at('data'), at('copy')));

  it('destroys the keys of what is erased in the log, keeps all others, and says so', async () => {
    const key = await keyIn(at('data'), erased);
    const made = await restore(at('copy'), at('new'));
    expect(made).toMatchObject({ path: at('new'), log: id(9), destroyed: [erased, over], missing: [lost] });
    expect(await keyIn(at('new'), kept)).toEqual(await keyIn(at('data'), kept));
    for (const gone of [erased, over]) expect(await keyIn(at('new'), gone)).toBeUndefined();
    for (const name of readdirSync(at('new'))) {
      expect(readFileSync(at('new', name)).includes(Buffer.from(key ?? []))).toBe(false);
    }
    const keys = openKeys({ file: at('new/keys.db'), random });
    await expect(keys.ensure(erased)).rejects.toThrow(expect.objectContaining({ code: 'KEY_DESTROYED' }));
    await keys.close();
    // The backup is left as it was.
    expect(await keyIn(at('copy'), erased)).toEqual(key);
  });

  it('makes a folder that opens, with the same log', async () => {
    await restore(at('copy'), at('new'));
    openFolder(at('new')).close();
    const log = openLog(at('new'));
    expect(log.id).toBe(id(9));
    expect(await readAll(log, 2)).toHaveLength(8);
    await log.close();
  });

  it('leaves nothing that starts when it is cut short, and can be done again', async () => {
    const whole = readFileSync(at('copy/keys.db'));
    damage(at('copy/keys.db'));
    await expect(restore(at('copy'), at('new'))).rejects.toThrow(expect.objectContaining({ name: 'CliError' }));
    expect(() => openFolder(at('new'))).toThrow(expect.objectContaining({ code: 'DATA_UNFINISHED' }));
    writeFileSync(at('copy/keys.db'), whole);
    await restore(at('copy'), at('new'));
    openFolder(at('new')).close();
  });

  it('of wrapped keys wants their master key, and until then nothing starts', async () => {
    const master = random(32);
    await writeData(at('wrapped'), [master]);
    await backUp(at('wrapped'), at('locked'));
    const locked = expect.objectContaining({ code: 'KEYS_LOCKED' });
    await expect(restore(at('locked'), at('new'))).rejects.toThrow(locked);
    expect(() => openFolder(at('new'))).toThrow(expect.objectContaining({ code: 'DATA_UNFINISHED' }));
    expect(await restore(at('locked'), at('new'), [master])).toMatchObject({ destroyed: [erased, over] });
    openFolder(at('new')).close();
  });

  it('writes over nothing, and into nothing that somebody has', async () => {
    await expect(restore(at('copy'), at('data'))).rejects.toThrow(
      expect.objectContaining({ code: 'TARGET_NOT_EMPTY' }),
    );
    mkdirSync(at('new'));
    writeFileSync(at('new/thesis.doc'), '');
    await expect(restore(at('copy'), at('new'))).rejects.toThrow(expect.objectContaining({ code: 'TARGET_NOT_EMPTY' }));
    expect(readdirSync(at('new'))).toEqual(['thesis.doc']);
    mkdirSync(at('held'));
    const unlock = takeLock(at('held/lock'));
    await expect(restore(at('copy'), at('held'))).rejects.toThrow(expect.objectContaining({ code: 'DATA_LOCKED' }));
    unlock?.();
  });

  it('says why it cannot be made at a file', async () => {
    writeFileSync(at('file'), '');
    for (const name of ['file', 'file/below']) {
      const unusable = { code: 'TARGET_UNUSABLE', message: expect.stringContaining(at(name)) };
      await expect(restore(at('copy'), at(name))).rejects.toThrow(expect.objectContaining(unusable));
    }
  });

  it('of a backup whose log is empty says which holds none', async () => {
    const db = new Database(at('copy/log.db'));
    for (let partition = 0; partition < PARTITIONS; partition++) db.exec(`DROP TABLE records_${partition}`);
    db.close();
    const empty = { code: 'COPY_BROKEN', message: expect.stringContaining(`${at('copy')} holds no log`) };
    await expect(restore(at('copy'), at('new'))).rejects.toThrow(expect.objectContaining(empty));
  });

  it('refuses a copy that newer code wrote, and names the version', async () => {
    writeFileSync(at('copy/format.json'), JSON.stringify({ format: 99, version: '7.1.0' }));
    const newer = expect.objectContaining({ code: 'DATA_NEWER', message: expect.stringContaining('Verbatim 7.1.0') });
    await expect(restore(at('copy'), at('new'))).rejects.toThrow(newer);
    expect(existsSync(at('new'))).toBe(false);
  });
});
