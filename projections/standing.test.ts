import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalogue } from './generations.js';
import type { Db, Queryable } from './readmodel/db.js';
import { readStanding } from './standing.js';
import { idOf, openDatabase } from './testing.js';

describe('how a view stands', () => {
  let db: Db;
  beforeAll(async () => {
    db = await openDatabase();
    await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
    await createCatalogue(db);
  });
  afterAll(() => db.close());

  it('is read at one moment, though another process switches meanwhile', async () => {
    await db.query(`INSERT INTO rm.generations VALUES (0, 'core', 1, 1, $1)`, [idOf(99)]);
    await db.query(`INSERT INTO rm.beside VALUES (0, 'core', 2, 'filling', 'none', NULL, 0)`);
    const switchOver = (): Promise<void> =>
      db.tx(async (tx) => {
        await tx.query('UPDATE rm.beside SET generation = 3 - generation');
        await tx.query('UPDATE rm.generations SET generation = 3 - generation');
      });
    const switched: Queryable = {
      query: async (sql, params) => {
        const answer = await db.query<never>(sql, params);
        await switchOver();
        return answer;
      },
    };
    expect(await readStanding(switched, 'core')).toEqual({
      live: 1,
      beside: { generation: 2, phase: 'filling', wish: 'none', note: null, since: 0, leading: [] },
    });
  });
});
