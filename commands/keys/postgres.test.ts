import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { DbError } from '../../projections/readmodel/db.js';
import { type PostgresDb, openPostgres } from '../../projections/readmodel/postgres.js';
import { ownDatabase } from '../../ops/run/database.js';
import { keysContract } from './contract.js';
import type { Key, RoomyKeys } from './keys.js';
import { openKeys } from './postgres.js';
import { masterOf, wrap } from './wrapping.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const [first, second, third] = [random(32), random(32), random(32)] as const;
const fingerprint = (master: Uint8Array): string => masterOf(master).fingerprint;

describeWith('DATABASE_URL', 'keys on Postgres', (server) => {
  let url: string;
  let drop: () => Promise<void>;
  let db: PostgresDb;
  let other: PostgresDb;
  let schemas = 0;
  let schema: string;
  beforeAll(async () => {
    ({ url, drop } = await ownDatabase(server));
    db = await openPostgres({ url, pool: 4 });
    other = await openPostgres({ url, pool: 4 });
  });
  afterAll(async () => {
    await db.close();
    await other.close();
    await drop();
  });
  beforeEach(() => {
    schema = `keys_${schemas++}`;
  });
  const open = (masters: readonly Uint8Array[] = [first], on = db): Promise<RoomyKeys> =>
    openKeys({ db: on, random, masters, schema });

  keysContract('Postgres', true, async () => {
    const keys = await open();
    return { keys, close: async () => undefined, reopen: () => open([first], other), all: keys.all };
  });

  /** The rows as they are stored. */
  const stored = async () => {
    type Row = { id: string; key: Buffer | null; master: string | null };
    const { rows } = await db.query<Row>(`SELECT id, key, master FROM ${schema}.keys ORDER BY id`);
    return rows;
  };
  const masters = async (): Promise<readonly unknown[]> => (await stored()).map(({ master }) => master);

  it('are on the disk before they are used or said to be gone, though nobody else waits for the disk', async () => {
    const waits: unknown[] = [];
    const heard: PostgresDb = {
      ...db,
      tx: (work) =>
        db.tx(async (tx) => {
          let writes = false;
          const query: typeof tx.query = (sql, params) => {
            writes ||= /INSERT|UPDATE/.test(sql);
            return tx.query(sql, params);
          };
          const done = await work({ ...tx, query });
          if (writes) waits.push((await tx.query('SHOW synchronous_commit')).rows[0]);
          return done;
        }),
    };
    expect((await db.query('SHOW synchronous_commit')).rows).toEqual([{ synchronous_commit: 'off' }]);
    const keys = await open([first], heard);
    await keys.ensure('user-1');
    await keys.destroy('user-1');
    await keys.put(new Map([['user-2', random(32)]]));
    await open([second, first], heard);
    // Three of those, and the two looks for what is still wrapped as before; the second is followed by one that finds none.
    expect(waits).toEqual(Array.from({ length: 6 }, () => ({ synchronous_commit: 'on' })));
  });

  describe('for two processes', () => {
    it('are the same for both, who ask for them at the same moment', async () => {
      const stores = await Promise.all([open(), open([first], other)]);
      for (let n = 0; n < 20; n++) {
        const made = await Promise.all(stores.map((keys) => keys.ensure(`user-${n}`)));
        expect(made[0]).toEqual(made[1]);
      }
    });

    it('are made before they are destroyed, or never: whoever asks afterwards gets none', async () => {
      const [one, two] = [await open(), await open([first], other)];
      for (let n = 0; n < 20; n++) {
        const [, asked] = await Promise.allSettled([one.destroy(`user-${n}`), two.ensure(`user-${n}`)]);
        expect(asked).toMatchObject(
          asked.status === 'rejected' ? { reason: { code: 'KEY_DESTROYED' } } : { status: 'fulfilled' },
        );
        await expect(two.ensure(`user-${n}`)).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
        expect(await two.find([`user-${n}`])).toEqual(new Map());
      }
      expect((await stored()).filter(({ key }) => key !== null)).toEqual([]);
    });

    it('are not brought back by who wraps them anew while they are destroyed', async () => {
      const keys = await open();
      const ids = Array.from({ length: 700 }, (_, n) => `user-${String(n).padStart(3, '0')}`);
      for (const id of ids) await keys.ensure(id);
      const gone = ids.filter((_, n) => n % 10 === 3);
      await Promise.all([open([second, first]), open([second, first], other), ...gone.map((id) => keys.destroy(id))]);
      const left = await (await open([second])).find(ids);
      expect([...left.keys()].toSorted()).toEqual(ids.filter((id) => !gone.includes(id)));
      expect(new Set(await masters())).toEqual(new Set([null, fingerprint(second)]));
    });
  });

  describe('under a master key', () => {
    /** Two keys, and one that is destroyed. */
    const made = async (given: readonly Uint8Array[]): Promise<ReadonlyMap<string, Key>> => {
      const keys = await open(given);
      const values = new Map<string, Key>();
      for (const id of ['user-a', 'user-b']) values.set(id, await keys.ensure(id));
      await keys.ensure('user-c');
      await keys.destroy('user-c');
      return values;
    };
    const ids = ['user-a', 'user-b', 'user-c'];

    it('are never without one', async () => {
      await expect(open([])).rejects.toMatchObject({
        code: 'KEYS_LOCKED',
        message: expect.stringContaining('VERBATIM_MASTER_KEYS'),
      });
    });

    it('stand nowhere in the open', async () => {
      const values = await made([first]);
      for (const { id, key, master } of await stored()) {
        expect(master).toBe(id === 'user-c' ? null : fingerprint(first));
        const value = values.get(id);
        expect(value !== undefined && key?.includes(Buffer.from(value))).not.toBe(true);
      }
    });

    it('are wrapped anew when the master key is changed: the new one first, then the old one is dropped', async () => {
      const values = await made([first]);
      expect(await (await open([first, second])).find(ids)).toEqual(values);
      expect(await masters()).toEqual([fingerprint(first), fingerprint(first), null]);
      expect(await (await open([second, first])).find(ids)).toEqual(values);
      expect(await masters()).toEqual([fingerprint(second), fingerprint(second), null]);
      expect(await (await open([second])).find(ids)).toEqual(values);
      await expect((await open([second])).ensure('user-c')).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    });

    it('are all wrapped anew, or none: where one key is lacking nothing is changed', async () => {
      await made([first]);
      const key = random(32);
      await db.query(`INSERT INTO ${schema}.keys VALUES ($1, $2, $3)`, [
        'user-z',
        wrap(masterOf(second), 'user-z', key, random(12)),
        fingerprint(second),
      ]);
      const before = await stored();
      await expect(open([third, first])).rejects.toMatchObject({
        code: 'KEYS_LOCKED',
        message: expect.stringContaining(fingerprint(second)),
      });
      expect(await stored()).toEqual(before);
      expect(await (await open([third, first, second])).find(['user-z'])).toEqual(new Map([['user-z', key]]));
    });

    it('do not open in the place of another, nor where a bit was changed', async () => {
      await made([first]);
      const [a] = await stored();
      const bytes = a?.key ?? Buffer.alloc(0);
      const keys = await open();
      await db.query(`UPDATE ${schema}.keys SET key = $1 WHERE id = 'user-b'`, [Buffer.from(bytes)]);
      bytes[20] = (bytes[20] ?? 0) ^ 1;
      await db.query(`UPDATE ${schema}.keys SET key = $1 WHERE id = 'user-a'`, [bytes]);
      for (const id of ['user-a', 'user-b']) {
        await expect(keys.ensure(id)).rejects.toMatchObject({ code: 'KEYS_CORRUPT' });
        await expect(keys.find([id])).rejects.toMatchObject({ code: 'KEYS_CORRUPT' });
      }
    });
  });

  describe('that come from elsewhere', () => {
    const [a, b] = [random(32), random(32)];

    it('are taken in under the first master key, with their tombstones, however often', async () => {
      const keys = await open([second, first]);
      const moved = new Map([
        ['user-a', a],
        ['user-b', b],
        ['user-c', null],
      ]);
      for (let times = 0; times < 2; times++) await keys.put(moved);
      expect(await keys.all()).toEqual(moved);
      expect(await masters()).toEqual([fingerprint(second), fingerprint(second), null]);
      await expect(keys.ensure('user-c')).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    });

    it('bring nothing back that was destroyed here, and are destroyed where they were there', async () => {
      const keys = await open();
      await keys.destroy('user-a');
      const c = await keys.ensure('user-c');
      await keys.put(
        new Map([
          ['user-a', a],
          ['user-b', null],
        ]),
      );
      await keys.put(
        new Map([
          ['user-b', b],
          ['user-c', c],
        ]),
      );
      expect(await keys.all()).toEqual(
        new Map([
          ['user-a', null],
          ['user-b', null],
          ['user-c', c],
        ]),
      );
      await keys.put(new Map([['user-c', null]]));
      expect(await keys.find(['user-c'])).toEqual(new Map());
    });

    it('are refused where another one has their id: nothing of them is in', async () => {
      const keys = await open();
      const there = await keys.ensure('user-b');
      const strangers = new Map([
        ['user-a', a],
        ['user-b', b],
      ]);
      await expect(keys.put(strangers)).rejects.toMatchObject({
        code: 'KEYS_TAKEN',
        message: expect.stringContaining('user-b'),
      });
      expect(await keys.all()).toEqual(new Map([['user-b', there]]));
    });
  });

  it('says that it is unavailable where the database does not answer, and goes on when it does', async () => {
    let isDown = false;
    const refusing: typeof db = {
      ...db,
      query: async (sql, params) => {
        if (isDown) throw new DbError('DB_RESTARTED', 'gone');
        return db.query(sql, params);
      },
    };
    const keys = await open([first], refusing);
    isDown = true;
    await expect(keys.ensure('user-a')).rejects.toMatchObject({ name: 'KeysError', code: 'KEYS_UNAVAILABLE' });
    isDown = false;
    expect(await keys.ensure('user-a')).toHaveLength(32);
  });
});
