import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { streamOf } from '../../domain/ids.js';
import { clientId } from '../../domain/testing.js';
import { describeWith } from '../../ops/run/needs.js';
import type { Db, Queryable } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { openPostgres } from '../../projections/readmodel/postgres.js';
import { ownDatabase } from '../../ops/run/database.js';
import { checkpointAt, snapshotsContract } from './contract.js';
import { loadFrom, openSnapshots } from './postgres.js';
import type { Changes, Snapshots } from './snapshots.js';

const nothing: Changes = { streams: [], outcomes: [], forget: '' };
const stream = streamOf('conversation', clientId(1));
const outcome = { status: 'rejected', code: 'INVALID', message: '' } as const;

/** With `sessions`, the database can do several things at once. */
function suite(open: () => Promise<{ readonly db: Db; readonly close: () => Promise<void> }>, sessions = false): void {
  let db: Db;
  let close: () => Promise<void>;
  let schemas = 0;
  let schema: string;
  beforeAll(async () => {
    ({ db, close } = await open());
  });
  afterAll(() => close());
  beforeEach(() => {
    schema = `worker_${schemas++}`;
  });
  const at = (state: number) => openSnapshots({ db, state, schema });

  snapshotsContract(at);

  it('are made by many processes at once, and keep what was flushed when they are opened again', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => at(1)));
    await stores[0]?.flush(0, undefined, checkpointAt(5), nothing);
    expect(await (await at(1)).load(0, {})).toMatchObject({ checkpoint: checkpointAt(5) });
  });

  it('are moved on from one checkpoint by one of two processes alone, with all that it brings', async () => {
    const [one, other] = [await at(1), await at(1)];
    for (const from of [undefined, checkpointAt(5)]) {
      const to = from ? checkpointAt(9) : checkpointAt(5);
      const by = (name: string): Changes => ({
        ...nothing,
        outcomes: [
          { name, hash: '', outcome: { status: 'rejected', code: 'INVALID', message: '' }, offset: 1, at: '' },
        ],
      });
      const moved = await Promise.all([one.flush(0, from, to, by('one')), other.flush(0, from, to, by('other'))]);
      expect(moved.toSorted()).toEqual([false, true]);
      const { checkpoint, outcomes } = await one.load(0, { outcomes: ['one', 'other'] });
      expect(checkpoint).toEqual(to);
      expect([...outcomes.keys()]).toEqual([moved[0] ? 'one' : 'other']);
      await db.query(`DELETE FROM ${schema}.outcomes WHERE home = 0`);
    }
  });

  if (sessions) {
    const some: Changes = {
      streams: [{ stream, version: 1, hash: '', bare: {}, chunks: new Map([[0, {}]]) }],
      outcomes: [{ name: 'a', hash: '', outcome, offset: 1, at: '' }],
      forget: '',
    };
    const wanted = { streams: [stream], chunks: [{ stream, chunk: 0 }], outcomes: ['a'] };

    /** Something else is done once checkpoints are removed, before what hangs on them is. */
    const meanwhile = (state: number, work: () => Promise<unknown>) => {
      const tx: Db['tx'] = (within) =>
        db.tx((inner) => {
          const query: Queryable['query'] = async (sql, params) => {
            const done = await inner.query<never>(sql, params);
            if (/^DELETE FROM \S+\.checkpoints/.test(sql)) await work();
            return done;
          };
          return within({ query });
        });
      return openSnapshots({ db: { ...db, tx }, state, schema });
    };

    it.each([
      ['cleared, of which nothing is there,', 1, 1, (late: Snapshots) => late.clear(0)],
      ['retired, of which older ones are there,', 2, 0, (late: Snapshots) => late.retireOlder(0)],
    ])('that are %s lose nothing of what is flushed meanwhile', async (_, by, left, end) => {
      const [older, store] = [await at(0), await at(1)];
      await older.flush(0, undefined, checkpointAt(3), some);
      let flushed: boolean | undefined;
      const late = await meanwhile(by, async () => {
        flushed = await store.flush(0, undefined, checkpointAt(5), some);
      });
      await end(late);
      expect(flushed).toBe(true);
      const { checkpoint, streams, chunks, outcomes } = await store.load(0, wanted);
      expect([checkpoint, streams.size, chunks.length, outcomes.size]).toEqual([checkpointAt(5), 1, 1, 1]);
      expect((await older.load(0, wanted)).streams.size).toBe(left);
    });

    it('that are cleared have whoever flushes meanwhile wait, and write nothing', async () => {
      const store = await at(1);
      await store.flush(0, undefined, checkpointAt(5), some);
      let flushing: Promise<boolean> | undefined;
      const late = await meanwhile(1, async () => {
        flushing = store.flush(0, checkpointAt(5), checkpointAt(9), some);
      });
      await late.clear(0);
      expect(await flushing).toBe(false);
      expect(await store.load(0, wanted)).toMatchObject({ checkpoint: undefined, streams: { size: 0 }, chunks: [] });
    });
  }

  it('keep what a checkpoint holds beside its cursor', async () => {
    const store = await at(1);
    const to = { ...checkpointAt(5), covered: 17 };
    await store.flush(0, undefined, to, nothing);
    expect((await store.load(0, {})).checkpoint).toEqual(to);
  });

  it('find what is wanted by its whole key, however much is stored, and whether it was ever counted or not', async () => {
    const store = await at(0);
    const many = Array.from({ length: 3_000 }, (_, n) => n);
    const streams = many.map((n) => ({
      stream: streamOf('conversation', clientId(n)),
      version: 1,
      hash: '',
      bare: {},
      chunks: new Map([[0, {}]]),
    }));
    const outcomes = many.map((n) => ({ name: `c ${n}`, hash: '', outcome, offset: 1, at: '' }));
    await store.flush(1, undefined, checkpointAt(5), { ...nothing, streams, outcomes });
    const wanted = [1, 0, ['a'], ['a'], [0], ['a']];
    for (const counted of [false, true]) {
      for (const table of counted ? ['streams', 'chunks', 'outcomes'] : [])
        await db.query(`ANALYZE ${schema}.${table}`);
      const plan = JSON.stringify((await db.query(`EXPLAIN ${loadFrom(schema)}`, wanted)).rows);
      for (const [index, key] of [
        ['streams_pkey', 'stream = w'],
        ['chunks_pkey', 'chunk = w'],
        ['outcomes_pkey', 'name = w'],
      ]) {
        expect(plan).toMatch(new RegExp(`${index}(_\\d+)? on [^}]*},{[^}]*Index Cond: [^}]*${key}`));
      }
    }
  });
}

describe('snapshots on PGlite', () =>
  suite(async () => {
    const db = await openPglite();
    return { db, close: () => db.close() };
  }));

describeWith('DATABASE_URL', 'snapshots on Postgres', (server) =>
  suite(async () => {
    const { url, drop } = await ownDatabase(server);
    const db = await openPostgres({ url, pool: 4 });
    return {
      db,
      close: async () => {
        await db.close();
        await drop();
      },
    };
  }, true),
);
