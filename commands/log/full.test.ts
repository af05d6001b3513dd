import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'libsql';
import type Thread from 'libsql/promise';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createClient } from '../client/client.js';
import { memoryChannel } from '../channel/memory.js';
import type { Key } from '../keys/keys.js';
import { openKeys } from '../keys/sqlite.js';
import { openSnapshots } from '../snapshots/sqlite.js';
import type { Changes, Checkpoint } from '../snapshots/snapshots.js';
import { startOfLog } from './store.js';
import { openSqliteLog } from './sqlite.js';
import { batchOf, eventNamed, readAll, takeover } from './testing.js';
import { derivedId, instanceStream } from '../../domain/ids.js';

/** Every connection that was opened, the newest last: how large a file may become is for each to say. */
const opened = vi.hoisted((): { exec(sql: string): unknown }[] => []);
vi.mock('libsql', async (original: () => Promise<{ default: typeof Database }>) => {
  const { default: Real } = await original();
  class Watched extends Real {
    constructor(...args: ConstructorParameters<typeof Real>) {
      super(...args);
      opened.push(this);
    }
  }
  return { default: Watched };
});
vi.mock('libsql/promise', async (original: () => Promise<{ default: typeof Thread }>) => {
  const { default: Real } = await original();
  class Watched extends Real {
    constructor(...args: ConstructorParameters<typeof Real>) {
      super(...args);
      opened.push(this);
    }
  }
  return { default: Watched };
});

const folder = mkdtempSync(join(tmpdir(), 'verbatim-full-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const LARGE = 'x'.repeat(20_000);

/** Opens a store whose disk can be filled. */
function onSmallDisk<T>(open: () => T) {
  const before = opened.length;
  const store = open();
  const connections = opened.slice(before);
  /** No less than it has already, says SQLite: every page more is one too many. */
  const full = async (isFull: boolean): Promise<void> => {
    for (const each of connections) await each.exec(`PRAGMA max_page_count = ${isFull ? 1 : 1 << 30}`);
  };
  return { store, full };
}

describe('a full disk', () => {
  it('leaves nothing of an append in the log, nor of those that waited with it; the next lands once there is room', async () => {
    const file = join(folder, 'log.db');
    const newId = () => '01980000-0000-7000-8000-000000000000';
    const { store: log, full } = onSmallDisk(() => openSqliteLog({ file, partitions: 2, newId }));
    await log.append(0, [takeover('a', 1)]);
    await log.append(1, [takeover('a', 1)]);
    const large = { ...eventNamed('large'), data: { LARGE } };
    await full(true);
    for (let time = 0; time < 3; time++) {
      const settled = await Promise.allSettled([
        log.append(1, batchOf('a', 1, 0, [eventNamed('beside')])),
        log.append(0, batchOf('a', 1, 0, [eventNamed('small'), large])),
      ]);
      for (const each of settled) {
        expect(each).toMatchObject({
          reason: { code: 'LOG_FULL', message: expect.stringContaining('The disk is full') },
        });
      }
      expect([await log.end(0), await log.end(1)]).toEqual([2, 2]);
      expect(await readAll(log, 0)).toEqual(['log', 'takeover']);
    }
    await full(false);
    expect(await log.append(0, batchOf('a', 1, 0, [eventNamed('small'), large]))).toBe(2);
    expect(await log.append(1, batchOf('a', 1, 0, [eventNamed('beside')]))).toBe(2);
    await log.close();
    const again = openSqliteLog({ file, partitions: 2, newId });
    expect(await readAll(again, 0)).toEqual(['log', 'takeover', 'small', 'large']);
    expect(await readAll(again, 1)).toEqual(['log', 'takeover', 'beside']);
    await again.close();
  });

  it('makes no key that is not kept, and loses none; the next is made once there is room', async () => {
    const file = join(folder, 'keys.db');
    const { store: keys, full } = onSmallDisk(() => openKeys({ file, random }));
    const made = new Map<string, Key>();
    await full(true);
    const fill = async (): Promise<void> => {
      for (let n = 0; n < 1_000; n++) made.set(`user-${n}`, await keys.ensure(`user-${n}`));
    };
    const refusal = expect.objectContaining({
      code: 'KEYS_UNAVAILABLE',
      message: expect.stringContaining('The disk is full'),
    });
    await expect(fill()).rejects.toEqual(refusal);
    const next = `user-${made.size}`;
    expect(made.size).toBeGreaterThan(10);
    await expect(keys.ensure(next)).rejects.toEqual(refusal);
    expect(await keys.find([next])).toEqual(new Map());
    // What is there is read, and destroyed, all the same.
    expect(await keys.find([...made.keys()])).toEqual(made);
    await keys.destroy('user-0');
    await full(false);
    made.set(next, await keys.ensure(next));
    await keys.close();
    made.delete('user-0');
    const again = openKeys({ file, random });
    expect(await again.find([...made.keys(), 'user-0'])).toEqual(made);
    await again.close();
  });

  it('lets the client say that nothing can be kept now, and that the same command may come again', async () => {
    const { store: keys, full } = onSmallDisk(() => openKeys({ file: join(folder, 'client.db'), random }));
    const wait = () => new Promise<void>(() => undefined);
    const client = createClient({
      channel: memoryChannel({ partitions: 1 }),
      keys,
      partitions: 1,
      now: Date.now,
      random,
      wait,
    });
    await full(true);
    await (async () => {
      for (let n = 0; n < 1_000; n++) await keys.ensure(`user-${n}`);
    })().catch(() => undefined);
    const user = derivedId('b6c7d1a4-3f0e-4c1b-9a52-7d0c2f6e8a11', 'somebody');
    const sent = await client.send({
      id: user,
      actor: user,
      stream: instanceStream,
      key: 'user-new',
      type: 'GrantRoles',
      data: { user, roles: [], reason: '' },
    });
    expect(sent).toMatchObject({ status: 'rejected', code: 'UNAVAILABLE' });
    await keys.close();
  });

  it('leaves the snapshots at the checkpoint where they were; the next flush lands once there is room', async () => {
    const file = join(folder, 'snapshots.db');
    const { store: snapshots, full } = onSmallDisk(() => openSnapshots({ file, state: 1 }));
    const at = (offset: number): Checkpoint => ({
      log: '01980000-0000-7000-8000-000000000000',
      cursor: { ...startOfLog, offset },
      at: '',
      covered: -1,
    });
    const changes = (version: number, bare: object): Changes => ({
      streams: [{ stream: instanceStream, version, hash: 'h', bare, chunks: new Map() }],
      outcomes: [],
      forget: '',
    });
    expect(await snapshots.flush(0, undefined, at(1), changes(1, {}))).toBe(true);
    await full(true);
    const larger = changes(2, { LARGE });
    await expect(snapshots.flush(0, at(1), at(2), larger)).rejects.toMatchObject({ code: 'SQLITE_FULL' });
    const loaded = await snapshots.load(0, { streams: [instanceStream] });
    expect(loaded.checkpoint).toEqual(at(1));
    expect(loaded.streams.get(instanceStream)).toMatchObject({ version: 1 });
    await full(false);
    expect(await snapshots.flush(0, at(1), at(2), larger)).toBe(true);
    expect((await snapshots.load(0, {})).checkpoint).toEqual(at(2));
    await snapshots.close();
  });
});
