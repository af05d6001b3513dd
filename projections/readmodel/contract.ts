import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from './db.js';

/** The one contract of all databases for read models. */
export function dbContract(name: string, open: () => Promise<Db>): void {
  describe(`the database contract on ${name}`, () => {
    let db: Db;
    beforeAll(async () => {
      db = await open();
      await db.query('CREATE TABLE things (home int, id int, note text, PRIMARY KEY (home, id))');
    });
    afterAll(() => db.close());

    const count = async (): Promise<number> =>
      (await db.query<{ n: number }>('SELECT count(*) AS n FROM things')).rows[0]?.n ?? NaN;

    it('gives int8 as a number, times as ISO 8601, JSON parsed, NULL as null', async () => {
      const { rows } = await db.query(
        `SELECT 5::bigint AS big, '2026-01-02T03:04:05.678Z'::timestamptz AS at, $1::jsonb AS doc, NULL::text AS nothing`,
        [JSON.stringify({ a: [1, 'two'] })],
      );
      expect(rows).toEqual([{ big: 5, at: '2026-01-02T03:04:05.678Z', doc: { a: [1, 'two'] }, nothing: null }]);
    });

    it('takes arrays for unnest, with NULLs among them', async () => {
      const { rows } = await db.query(
        'SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[]) AS u(id, name, yes)',
        [
          ['01980000-0000-7000-8000-000000000001', '01980000-0000-7000-8000-000000000002'],
          ['one, "two" {three}', null],
          [true, false],
        ],
      );
      expect(rows).toEqual([
        { id: '01980000-0000-7000-8000-000000000001', name: 'one, "two" {three}', yes: true },
        { id: '01980000-0000-7000-8000-000000000002', name: null, yes: false },
      ]);
    });

    it('counts the rows that a statement changed', async () => {
      expect((await db.query("INSERT INTO things VALUES (0, 1, 'a'), (0, 2, 'b')")).count).toBe(2);
      expect((await db.query("UPDATE things SET note = 'c' WHERE id = 9")).count).toBe(0);
      expect((await db.query('DELETE FROM things')).count).toBe(2);
    });

    it('commits what a transaction did, and nothing of one that threw', async () => {
      await db.tx((tx) => tx.query("INSERT INTO things VALUES (0, 3, 'kept')"));
      const torn = db.tx(async (tx) => {
        await tx.query("INSERT INTO things VALUES (0, 4, 'gone')");
        throw new Error('changed my mind');
      });
      await expect(torn).rejects.toThrow('changed my mind');
      expect(await count()).toBe(1);
      await db.query('DELETE FROM things');
    });

    it('is usable after a statement that failed, in a transaction or not', async () => {
      await expect(db.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' });
      await expect(db.tx((tx) => tx.query('SELECT nonsense'))).rejects.toMatchObject({ code: '42703' });
      expect(await count()).toBe(0);
    });

    it('keeps transactions apart', async () => {
      await db.query("INSERT INTO things VALUES (0, 5, '0')");
      const increment = db.tx.bind(undefined, async (tx) => {
        const { rows } = await tx.query<{ note: string }>('SELECT note FROM things WHERE id = 5');
        await tx.query('UPDATE things SET note = $1 WHERE home = 0 AND id = 5', [String(Number(rows[0]?.note) + 1)]);
      });
      await Promise.all(Array.from({ length: 20 }, increment));
      expect((await db.query<{ note: string }>('SELECT note FROM things WHERE id = 5')).rows).toEqual([{ note: '20' }]);
      await db.query('DELETE FROM things');
    });
  });
}
