import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Db, passes } from './db.js';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => `01980000-0000-7000-8000-00000000000${digit}`);

/**
 * The one contract of all databases of the read models. `open` gives one that is empty, or whose `t` may be dropped;
 * `beside` another handle on what was opened last, as another process has, where the database takes more than one.
 */
export function dbContract(name: string, open: () => Promise<Db>, beside?: () => Promise<Db>): void {
  describe(`the database contract on ${name}`, () => {
    let db: Db;
    beforeAll(async () => {
      db = await open();
    });
    afterAll(() => db.close());
    beforeEach(async () => {
      await db.query('DROP TABLE IF EXISTS t');
      await db.query('CREATE TABLE t (home int NOT NULL, id uuid, n bigint, PRIMARY KEY (home, id))');
    });

    const add = 'INSERT INTO t (home, id, n) VALUES (0, $1, $2)';
    const numbers = async (): Promise<readonly number[]> =>
      (await db.query<{ n: number }>('SELECT n FROM t ORDER BY n')).rows.map(({ n }) => n);

    it.each([
      ['int8, a number', 'bigint', 9_007_199_254_740_991],
      ['int4', 'int', -7],
      ['a count of rows', 'bigint', 0],
      ['a time, as ISO 8601 in ms', 'timestamptz', '2026-01-01T00:00:00.123Z'],
      ['a uuid', 'uuid', A],
      ['a boolean', 'boolean', false],
      ['text', 'text', `quote " backslash \\ brace {} line\nend 🙂`],
      ['null', 'text', null],
      ['text[]', 'text[]', ['a"b', 'c\\d', null, '', 'NULL', '{x,y}', 'a\nb', '{"json":"\\"text\\""}']],
      ['uuid[]', 'uuid[]', [A, null]],
      ['an empty array', 'uuid[]', []],
      ['int[]', 'int[]', [1, null, -1]],
      ['bigint[]', 'bigint[]', [9_007_199_254_740_991]],
      ['boolean[]', 'boolean[]', [true, null, false]],
      ['timestamptz[]', 'timestamptz[]', ['2026-01-01T00:00:00.123Z', null]],
    ])('takes and gives back %s', async (_, type, value) => {
      const { rows } = await db.query(`SELECT $1::${type} AS value`, [value]);
      expect(rows).toEqual([{ value }]);
    });

    it.each([[{ a: [1, null, 'x"y\\z'] }], [[]], ['a text'], [null]])(
      'takes JSON as text and gives it back parsed: %j',
      async (value) => {
        const { rows } = await db.query('SELECT $1::jsonb AS value', [JSON.stringify(value)]);
        expect(rows).toEqual([{ value }]);
      },
    );

    it('counts rows returned and rows changed', async () => {
      const count = async (sql: string): Promise<number> => (await db.query(sql)).count;
      expect(await count('INSERT INTO t SELECT 0, gen_random_uuid(), n FROM generate_series(1, 3) n')).toBe(3);
      expect(await count('SELECT * FROM t WHERE n > 1')).toBe(2);
      expect(await count('UPDATE t SET n = 9 WHERE n > 9')).toBe(0);
      expect(await count('UPDATE t SET n = 9 WHERE n = 1')).toBe(1);
      expect(await count('DELETE FROM t')).toBe(3);
    });

    it('upserts a batch by unnest', async () => {
      const upsert = `INSERT INTO t (home, id, n) SELECT 0, u.* FROM unnest($1::uuid[], $2::bigint[]) u
        ON CONFLICT (home, id) DO UPDATE SET n = EXCLUDED.n WHERE t.n < EXCLUDED.n`;
      await db.query(upsert, [
        [A, B],
        [1, 5],
      ]);
      await db.query(upsert, [
        [A, B, C],
        [2, 4, 3],
      ]);
      expect(await numbers()).toEqual([2, 3, 5]);
    });

    it('commits what a transaction wrote, all of it and only at its end', async () => {
      const result = await db.tx(async (tx) => {
        await tx.query(add, [A, 1]);
        await tx.query(add, [B, 2]);
        return (await tx.query('SELECT n FROM t')).count;
      });
      expect(result).toBe(2);
      expect(await numbers()).toEqual([1, 2]);
    });

    it('rolls back what throws, and passes on what it threw', async () => {
      const thrown = new Error('changed my mind');
      const work = db.tx(async (tx) => {
        await tx.query(add, [A, 1]);
        throw thrown;
      });
      await expect(work).rejects.toBe(thrown);
      expect(await numbers()).toEqual([]);
    });

    it('rolls back where a statement failed, and passes on its SQLSTATE', async () => {
      const work = db.tx(async (tx) => {
        await tx.query(add, [A, 1]);
        await tx.query(add, [A, 1]);
      });
      await expect(work).rejects.toMatchObject({ name: 'DbError', code: '23505' });
      expect(await numbers()).toEqual([]);
    });

    it('does not take a transaction for done in which a failure was swallowed', async () => {
      const work = db.tx(async (tx) => {
        await tx.query(add, [A, 1]);
        await tx.query('SELECT nothing FROM nowhere').catch(() => undefined);
      });
      await expect(work).rejects.toMatchObject({ code: 'DB_ROLLED_BACK' });
      expect(await numbers()).toEqual([]);
    });

    it.each([
      ['an error of syntax', 'SELEC 1', [], '42601'],
      ['a missing table', 'SELECT * FROM nowhere', [], '42P01'],
      ['a parameter of a wrong type', 'SELECT $1::int', ['x'], '22P02'],
      ['too few parameters', 'SELECT $1::int, $2::int', [1], '08P01'],
    ])('stays usable after %s', async (_, sql, params, code) => {
      await expect(db.query(sql, params)).rejects.toMatchObject({ name: 'DbError', code });
      await db.query(add, [A, 1]);
      expect(await numbers()).toEqual([1]);
    });

    it('keeps transactions that run at once apart', async () => {
      await db.query(add, [A, 0]);
      // Without exclusion each would read the same number and write one more.
      const bump = db.tx.bind(undefined, async (tx) => {
        const { rows } = await tx.query<{ n: number }>('SELECT n FROM t WHERE home = 0 AND id = $1 FOR UPDATE', [A]);
        await tx.query('UPDATE t SET n = $2 WHERE home = 0 AND id = $1', [A, (rows[0]?.n ?? 0) + 1]);
      });
      await Promise.all(Array.from({ length: 20 }, () => bump()));
      expect(await numbers()).toEqual([20]);
    });

    it('shows nobody else what a transaction has not committed', async () => {
      let seen: Promise<readonly number[]> | undefined;
      await db
        .tx(async (tx) => {
          await tx.query(add, [A, 1]);
          seen = numbers();
          await tx.query(add, [B, 2]);
          throw new Error('never mind');
        })
        .catch(() => undefined);
      expect(await seen).toEqual([]);
    });

    it('refuses a statement that comes after the end of its transaction', async () => {
      let late: (() => Promise<unknown>) | undefined;
      await db.tx(async (tx) => {
        late = () => tx.query(add, [A, 1]);
      });
      await expect(late?.()).rejects.toMatchObject({ code: 'DB_TX_OVER' });
      expect(await numbers()).toEqual([]);
    });

    it('closes once what runs is done, and twice without harm; then it refuses', async () => {
      const other = await open();
      const running = other.tx((tx) => tx.query('SELECT 1'));
      await Promise.all([other.close(), other.close()]);
      expect((await running).count).toBe(1);
      await expect(other.query('SELECT 1')).rejects.toMatchObject({ code: 'DB_CLOSED' });
    });

    if (!beside) return;
    describe('for two processes', () => {
      let other: Db;
      beforeEach(async () => {
        other = await beside();
      });
      afterEach(() => other.close());

      const othersNumbers = async (): Promise<readonly number[]> =>
        (await other.query<{ n: number }>('SELECT n FROM t ORDER BY n')).rows.map(({ n }) => n);

      it('shows the other one what is committed, from the moment on in which that is said', async () => {
        let during: readonly number[] | undefined;
        await db.tx(async (tx) => {
          await tx.query(add, [A, 1]);
          during = await othersNumbers();
        });
        expect([during, await othersNumbers()]).toEqual([[], [1]]);
      });

      it('moves what both read at the same place for one of them alone', async () => {
        await db.query(add, [A, 0]);
        const move = (by: Db, to: number): Promise<number> =>
          by.tx(
            async (tx) => (await tx.query('UPDATE t SET n = $2 WHERE home = 0 AND id = $1 AND n = 0', [A, to])).count,
          );
        const counts = await Promise.all([move(db, 1), move(other, 2)]);
        expect(counts.toSorted()).toEqual([0, 1]);
        expect(await numbers()).toEqual([counts[0] === 1 ? 1 : 2]);
      });

      it('has one give way where two wait for each other, and says so in a way that passes', async () => {
        for (const id of [A, B]) await db.query(add, [id, 0]);
        const both = (by: Db, ids: readonly (string | undefined)[], met: () => Promise<void>): Promise<void> =>
          by.tx(async (tx) => {
            const [first, second] = ids;
            await tx.query('UPDATE t SET n = 1 WHERE home = 0 AND id = $1', [first]);
            await met();
            await tx.query('UPDATE t SET n = 1 WHERE home = 0 AND id = $1', [second]);
          });
        let [meet, left] = [(): void => undefined, 2];
        const meeting = new Promise<void>((resolve) => (meet = resolve));
        const met = (): Promise<void> => ((left -= 1) === 0 ? meet() : undefined, meeting);
        const ended = await Promise.allSettled([both(db, [A, B], met), both(other, [B, A], met)]);
        const failed = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
        expect(failed).toEqual([expect.objectContaining({ code: '40P01' })]);
        expect(failed.every(passes)).toBe(true);
        expect(await numbers()).toEqual([1, 1]);
      });

      it('goes on where the tables are dropped and made anew by the other one', async () => {
        await db.query(add, [A, 1]);
        expect(await numbers()).toEqual([1]);
        await other.query('DROP TABLE t');
        await other.query('CREATE TABLE t (n bigint, id uuid, home int NOT NULL, PRIMARY KEY (home, id))');
        await db.query(add, [A, 2]);
        expect(await numbers()).toEqual([2]);
      });
    });
  });
}
