import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RoomyKeys } from '../../commands/keys/keys.js';
import { openKeys as openSharedKeys } from '../../commands/keys/postgres.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import { masterOf } from '../../commands/keys/wrapping.js';
import type { Log } from '../../commands/log/log.js';
import { memoryLog } from '../../commands/log/memory.js';
import { takeover } from '../../commands/log/testing.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { openFolder } from '../run/folder.js';
import { PEOPLE } from '../run/settings.js';
import { readMoving } from './fleet.js';
import { type House, openHouse } from './house.js';
import { writtenIn } from './copy-log.js';
import { type Moved, move } from './move.js';
import { furnished, readThrough } from './testing.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const [ofFolder, ofFleet] = [random(32), random(32)] as const;
/** Somebody who is erased. */
const GONE = 'user-11111111-1111-5111-8111-111111111111';

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

let folder: ReturnType<typeof furnished>;
let schemas = 0;
let to: { readonly log: Log; readonly keys: RoomyKeys; readonly accounts: undefined };
const open: House[] = [];
beforeEach(async () => {
  folder = furnished();
  await inKeys(async (keys) => {
    await keys.ensure(GONE);
    await keys.destroy(GONE);
  });
  to = { log: newLog(), keys: await sharedKeys(`keys_${schemas++}`), accounts: undefined };
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
  folder.remove();
});

const newLog = (): Log => memoryLog({ partitions: 16, id: randomUUID() });
const sharedKeys = (schema: string) => openSharedKeys({ db, random, masters: [ofFleet], schema });

/** Does something with the keys of the folder, under a master key. */
async function inKeys<T>(work: (keys: ReturnType<typeof openKeys>) => Promise<T>): Promise<T> {
  const keys = openKeys({ file: join(folder.path, 'keys.db'), random, masters: [ofFolder] });
  try {
    return await work(keys);
  } finally {
    await keys.close();
  }
}

/** The folder, opened with one master key until the test ends. */
async function house(master: Uint8Array): Promise<House> {
  const from = await openHouse(folder.path, [master]);
  open.push(from);
  return from;
}

/** Moves the folder as a process does that begins with nothing. */
async function moved(into = to): Promise<Moved & { readonly said: readonly string[] }> {
  const said: string[] = [];
  const from = await openHouse(folder.path, [ofFleet, ofFolder]);
  try {
    const done = await move({
      from: { ...from, keys: from.keys() },
      to: into,
      newId: randomUUID,
      say: (line) => said.push(line),
    });
    return { ...done, said };
  } finally {
    await from.close();
  }
}

describe('a folder that moves', () => {
  it('is read in its new place as it was in the old one', async () => {
    const { said, ...counts } = await moved();
    expect(counts).toMatchObject({ keys: 1, destroyed: 1, unknown: [], people: undefined });
    expect(counts.events).toBeGreaterThan(20);
    expect(said.join('\n')).toMatch(
      /Checking .*Copying the log into 16 partitions.*Copying the keys.*1 accounts stay/s,
    );
    const messages = Object.keys(folder.texts);
    expect(messages.length).toBeGreaterThan(5);
    expect(await readThrough({ ...to, db }, messages)).toEqual(folder.texts);
  });

  it('keeps who is erased erased', async () => {
    await moved();
    await expect(to.keys.ensure(GONE)).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
  });

  it('stays as it is: its keys, and the master key that they are wrapped under', async () => {
    const before = readFileSync(join(folder.path, 'keys.db'));
    await moved();
    expect(readFileSync(join(folder.path, 'keys.db'))).toEqual(before);
    expect(await inKeys((keys) => keys.find([GONE]))).toEqual(new Map());
  });

  it('may do so again, and is found to be there', async () => {
    const { said: _, ...first } = await moved();
    const ends = await Promise.all(Array.from({ length: 16 }, (__, n) => to.log.end(n)));
    const { said, ...second } = await moved();
    expect(second).toEqual(first);
    expect(said.join('\n')).toContain('Looking whether it is this one');
    expect(await Promise.all(ends.map((__, n) => to.log.end(n)))).toEqual(ends);
  });

  it('goes on where the keys could not be written', async () => {
    const full: RoomyKeys = {
      ...to.keys,
      put: async () => {
        throw new Error('the disk is full');
      },
    };
    await expect(moved({ ...to, keys: full })).rejects.toThrow('the disk is full');
    expect(await to.keys.all()).toEqual(new Map());
    expect(await moved()).toMatchObject({ keys: 1, destroyed: 1 });
  });

  it('tells what cannot be read, for the folder does not hold its key either', async () => {
    const from = await house(ofFolder);
    const [known] = [...from.keys()].flatMap(([id, key]) => (key ? [id] : []));
    const bare = { ...from, keys: new Map([[GONE, null]]) };
    const { unknown } = await move({ from: bare, to, newId: randomUUID, say: () => undefined });
    expect(unknown).toEqual([known]);
  });
});

describe('a move is refused, and nothing is written,', () => {
  const isUntouched = async (): Promise<void> => {
    expect(await writtenIn(to.log)).toBeUndefined();
    expect(await to.keys.all()).toEqual(new Map());
  };

  it('while a server has the folder', async () => {
    const server = openFolder(folder.path);
    server.announce({ url: 'http://localhost:8080', opsUrl: 'http://127.0.0.1:8081' });
    await expect(moved()).rejects.toMatchObject({
      code: 'DATA_LOCKED',
      message: expect.stringContaining(`process ${process.pid}, at http://localhost:8080`),
    });
    server.close();
    await isUntouched();
    expect(await moved()).toMatchObject({ keys: 1 });
  });

  it('where there is no folder, which is not made either', async () => {
    const nowhere = join(folder.path, 'nowhere');
    await expect(openHouse(nowhere, [])).rejects.toMatchObject({ code: 'DATA_MISSING' });
    expect(existsSync(nowhere)).toBe(false);
  });

  it('without the master key of the folder, which is named by its fingerprint', async () => {
    const from = await house(ofFleet);
    expect(from.keys).toThrow(
      expect.objectContaining({
        code: 'KEYS_LOCKED',
        message: expect.stringContaining(masterOf(ofFolder).fingerprint),
      }),
    );
  });

  it('into a log that holds something else', async () => {
    await to.log.append(0, [takeover('somebody', 1)]);
    await expect(moved()).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringMatching(/not a whole copy.*KAFKA_PREFIX.*--accounts-only/),
    });
    expect(await to.keys.all()).toEqual(new Map());
  });

  it('into a log where the copy was cut short', async () => {
    let appends = 0;
    const failing: Log = {
      ...to.log,
      append: async (...args) => {
        if (++appends > 1) throw new Error('the broker is gone');
        return to.log.append(...args);
      },
    };
    await expect(moved({ ...to, log: failing })).rejects.toMatchObject({ code: 'COPY_FAILED' });
    await expect(moved()).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    expect(await to.keys.all()).toEqual(new Map());
  });

  it('into keys of another installation', async () => {
    await to.keys.ensure('user-of-another');
    await expect(moved()).rejects.toMatchObject({
      code: 'TARGET_NOT_EMPTY',
      message: expect.stringMatching(/holds 1 keys .*user-of-another.*DATABASE_URL/),
    });
    expect(await writtenIn(to.log)).toBeUndefined();
  });
});

describe('the environment', () => {
  const env = {
    KAFKA_BROKERS: 'kafka:9092',
    DATABASE_URL: 'postgres://v@db/v',
    REDIS_URL: 'redis://redis',
    OIDC_ISSUER: 'https://id.example.org/realms/verbatim',
    VERBATIM_MASTER_KEYS: [ofFleet, ofFolder].map((key) => Buffer.from(key).toString('base64')).join(),
  };

  it('says where the fleet is, as to its processes', () => {
    const config = readMoving(env);
    expect(config).toMatchObject({ fleet: { brokers: ['kafka:9092'], partitions: 16, namespace: PEOPLE } });
    expect(config.masterKeys).toEqual([ofFleet, ofFolder]);
  });

  it.each([
    [{ ...env, KAFKA_BROKERS: '' }, /KAFKA_BROKERS is not set.*DATABASE_URL/],
    [{ ...env, VERBATIM_MASTER_KEYS: '' }, /needs VERBATIM_MASTER_KEYS/],
    [{ ...env, VERBATIM_NAMESPACE: randomUUID() }, /VERBATIM_NAMESPACE .* strangers/],
  ])('is refused where it lacks something (%#)', (given, message) => {
    expect(() => readMoving(given)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    );
  });
});
