import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Db } from './db.js';
import { type Row, type Table, createStage, createTable, fieldsOf } from './table.js';

const [A, B] = ['a', 'b'].map((digit) => `01980000-0000-7000-8000-00000000000${digit}`);

/** A column of each type that a table of a read model may have. */
const table = {
  name: 'copied',
  columns: { id: 'uuid', n: 'int', big: 'bigint', told: 'text', yes: 'boolean', at: 'timestamptz', data: 'jsonb' },
  key: ['id'],
} as const satisfies Table;

const nulls = { n: null, big: null, told: null, yes: null, at: null, data: null };
const ODD = `\\N \\. quote " tab \t line\r\nend, {braces} \u0001\u007f\u00e4\u20ac\ufeff\uffff 🙂`;

const anyRow = fc.record({
  n: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  big: fc.maxSafeInteger(),
  // Postgres has no NUL in a text.
  told: fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  yes: fc.boolean(),
  at: fc
    .date({ min: new Date('1715-01-01T00:00:00.000Z'), max: new Date('2285-01-01T00:00:00.000Z'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  data: fc
    .json()
    .filter((text) => text !== 'null' && !/\\u(0000|d[89a-f])/i.test(text))
    .map((text): unknown => JSON.parse(text)),
});

/** The contract of the databases that can `copy`. `open` gives one whose `copied` and `checkpoints` may be dropped. */
export function copyingContract(name: string, open: () => Promise<Db>): void {
  describe(`the contract of COPY on ${name}`, () => {
    let db: Db;
    beforeAll(async () => {
      db = await open();
      await db.query('DROP TABLE IF EXISTS checkpoints');
      await db.query('CREATE TABLE checkpoints (home int PRIMARY KEY, next_offset bigint NOT NULL)');
      await db.query('INSERT INTO checkpoints VALUES (7, 0)');
    });
    afterAll(() => db.close());
    beforeEach(async () => {
      await db.query('DROP TABLE IF EXISTS copied');
      for (const statement of createTable('public', table)) await db.query(statement);
    });

    const copy = (rows: readonly Row[]): Promise<void> =>
      db.tx(async (tx) => {
        if (!tx.copy) throw new Error('it cannot copy');
        await tx.copy('public', table, 7, rows);
      });
    const insert = (rows: readonly Row[]): Promise<void> =>
      db.tx(({ query }) => createStage({ read: { query }, write: { query } }, 'public', 7, 0).save(table, rows));
    const rowsIn = async (): Promise<readonly object[]> =>
      (await db.query(`SELECT ${fieldsOf(table, 't')} FROM copied t WHERE t.home = 7 ORDER BY t.id`)).rows;

    it('says that it can', () => {
      expect(db.copies).toBe(true);
    });

    it('adds rows of every type as they are', async () => {
      const rows = [
        {
          id: A,
          n: -7,
          big: 9_007_199_254_740_991,
          told: ODD,
          yes: false,
          at: '2026-02-28T00:00:00.123Z',
          data: [ODD],
        },
        { id: B, ...nulls },
      ];
      await copy(rows);
      expect(await rowsIn()).toEqual(rows);
    });

    it('adds what an insert would', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 20 }), async (some) => {
          const rows = some.map((row, at) => ({
            id: `01980000-0000-7000-8000-${String(at).padStart(12, '0')}`,
            ...row,
          }));
          const [copied, inserted] = [[], []] as (readonly object[])[][];
          for (const [write, found] of [
            [copy, copied],
            [insert, inserted],
          ] as const) {
            await db.query('DELETE FROM copied');
            await write(rows);
            found?.push(await rowsIn());
          }
          expect(copied).toEqual(inserted);
          expect(copied).toEqual([rows]);
        }),
        { numRuns: 100 },
      );
    });

    it.each([
      ['a NUL in a text', { told: 'a\0b' }, '22021'],
      ['a NUL in JSON', { data: { a: 'a\0b' } }, '22P05'],
      ['half a character in JSON', { data: ['\ud800'] }, '22P02'],
      ['no key', { id: null }, '23502'],
    ])('refuses %s as an insert does, and adds nothing', async (_, wrong, code) => {
      const rows = [
        { id: A, ...nulls },
        { id: B, ...nulls, ...wrong },
      ];
      for (const write of [copy, insert]) {
        await expect(write(rows)).rejects.toMatchObject({ name: 'DbError', code });
        expect(await rowsIn()).toEqual([]);
      }
    });

    it.each([
      ['a uuid that is none', { id: 'x' }],
      ['a uuid in braces', { id: `{${A}}` }],
      ['a uuid with a wrong digit', { id: A?.replace('a', 'g') }],
      ['an int that is too large', { n: 2 ** 31 }],
      ['half an int', { n: 0.5 }],
      ['an int that is a text', { n: '1' }],
      ['a bigint beyond what a number holds', { big: 2 ** 53 }],
      ['a text that is a number', { told: 1 }],
      ['a boolean that is a text', { yes: 'true' }],
      ['a time in another form', { at: '2026-01-01 00:00:00+01' }],
      ['a time in µs', { at: '2026-01-01T00:00:00.123456Z' }],
      ['a day that there is not', { at: '2026-02-30T00:00:00.000Z' }],
      ['a time whose µs no number holds', { at: '8725-09-12T13:23:42.833Z' }],
      ['a year of five digits', { at: '+010000-01-01T00:00:00.000Z' }],
    ])('leaves %s to an insert', async (_, other) => {
      const rows = [{ id: A, ...nulls, ...other }];
      await expect(copy(rows)).rejects.toMatchObject({ name: 'DbError', code: 'DB_STATEMENT' });
      await copy([{ id: B, ...nulls }]);
      expect(await rowsIn()).toEqual([{ id: B, ...nulls }]);
    });

    it('refuses all where one is there already, be it while much of it is still on its way', async () => {
      await copy([{ id: A, ...nulls }]);
      const many = Array.from({ length: 20_000 }, (_, at) => ({
        id: `01980000-0000-7000-9000-${String(at).padStart(12, '0')}`,
        ...nulls,
        told: 'x'.repeat(1_000),
      }));
      await expect(copy([{ id: A, ...nulls }, ...many])).rejects.toMatchObject({ code: '23505' });
      expect(await rowsIn()).toEqual([{ id: A, ...nulls }]);
    });

    it('comes in its turn among statements, and goes with them', async () => {
      const thrown = new Error('changed my mind');
      let counts: readonly number[] = [];
      const work = db.tx(async ({ query, copy: add }) => {
        const count = async () => (await query('SELECT t.id FROM copied t WHERE t.home = 7')).count;
        const [before, , after] = await Promise.all([
          count(),
          add?.('public', table, 7, [{ id: A, ...nulls }]),
          count(),
        ]);
        counts = [before, after];
        throw thrown;
      });
      await expect(work).rejects.toBe(thrown);
      expect(counts).toEqual([0, 1]);
      expect(await rowsIn()).toEqual([]);
    });

    it('is not begun behind a statement that failed', async () => {
      const work = db.tx(async ({ query, copy: add }) => {
        await query('SELECT nothing FROM nowhere').catch(() => undefined);
        await add?.('public', table, 7, [{ id: A, ...nulls }]);
      });
      await expect(work).rejects.toMatchObject({ code: '25P02' });
      expect(await rowsIn()).toEqual([]);
    });

    it('says which table is missing, and refuses what comes after the end of its transaction', async () => {
      let late: (() => Promise<void> | undefined) | undefined;
      const work = db.tx(async ({ copy: add }) => {
        late = () => add?.('public', table, 7, [{ id: A, ...nulls }]);
        await add?.('public', { ...table, name: 'nothing_here' }, 7, [{ id: A, ...nulls }]);
      });
      await expect(work).rejects.toMatchObject({ code: '42P01' });
      await expect(late?.()).rejects.toMatchObject({ code: 'DB_TX_OVER' });
      expect(await rowsIn()).toEqual([]);
    });
  });
}
