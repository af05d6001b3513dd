import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../commands/log/log.js';
import { beginBeside, dropBeside } from './beside.js';
import { type From, moveCheckpoint, takeHome } from './checkpoints.js';
import { type Generation, openGeneration, readGenerations } from './generations.js';
import { readLag } from './lag.js';
import { core } from './readmodel/core/core.js';
import type { Db } from './readmodel/db.js';
import { obligations } from './readmodel/obligations/obligations.js';
import { PARTITIONS, idOf, logWith, openDatabase, project, richHistory, rowsOf } from './testing.js';

let db: Db;
let log: Log;
let first: Generation;
beforeAll(async () => {
  db = await openDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.query('DROP SCHEMA IF EXISTS rm CASCADE');
  ({ log } = await logWith(richHistory().history.events));
  await project(db, core, log);
  await project(db, obligations, log);
  first = await openGeneration(db, core, log);
});

const schemas = async (): Promise<readonly string[]> =>
  (
    await db.query<{ name: string }>(
      `SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^rm_core|^core$' ORDER BY nspname`,
    )
  ).rows.map(({ name }) => name);

describe('a generation', () => {
  it('is the same as long as shape, log and checkpoints fit, and knows how far it is', async () => {
    expect(await schemas()).toEqual(['core', first.schema]);
    const ends = await Promise.all(Array.from({ length: PARTITIONS }, (_, home) => log.end(home)));
    expect(first.checkpoints.map(({ offset }) => offset)).toEqual(ends);
    expect(first.checkpoints.every(({ fence }) => fence.owner === 'owner' && fence.term === 1)).toBe(true);
    expect(await openGeneration(db, core, log)).toEqual(first);
  });

  it.each([
    ['its tables have another shape', async () => openGeneration(db, { ...core, schema: core.schema + 1 }, log)],
    ['it belongs to another log', async () => openGeneration(db, core, (await logWith([], idOf(77))).log)],
    ['the log was restored and ends before it', async () => openGeneration(db, core, (await logWith([])).log)],
    [
      'the log has another history at the same place',
      async () => {
        await db.query(
          `UPDATE ${first.schema}.checkpoints SET fence = jsonb_set(fence, '{owner}', '"zombie"') WHERE home = 0`,
        );
        return openGeneration(db, core, log);
      },
    ],
    [
      'the log has more partitions',
      async () => {
        await db.query(`DELETE FROM ${first.schema}.checkpoints WHERE home = 3`);
        return openGeneration(db, core, log);
      },
    ],
  ])('is discarded with all its rows when %s', async (_, open) => {
    const owed = await rowsOf(db, obligations);
    const next = await open();
    expect(next.schema).not.toBe(first.schema);
    expect(await schemas()).toEqual(['core', next.schema]);
    expect(next.checkpoints.map(({ offset }) => offset)).toEqual([0, 0, 0, 0]);
    expect(Object.values(await rowsOf(db, core))).toEqual([[], [], [], [], []]);
    expect(owed['owed']?.length).toBeGreaterThan(0);
    expect(await rowsOf(db, obligations)).toEqual(owed);
  });

  it('is not told of once it is dropped, even where somebody is just looking at it', async () => {
    await beginBeside(db, core, log, 0);
    const number = first.number + 1;
    expect(await readGenerations(db, 'core')).toMatchObject({ live: first, beside: { number, phase: 'filling' } });
    await db.query(`DROP SCHEMA rm_core_g${number} CASCADE`);
    expect(await readGenerations(db, 'core')).toEqual({ live: first });
    expect(await readLag(db, log, 'core')).toHaveLength(PARTITIONS);
  });

  it('has a number that none had before it, be that dropped or not', async () => {
    const { number } = first;
    for (const next of [number + 1, number + 2]) {
      await beginBeside(db, core, log, 0);
      expect((await readGenerations(db, 'core')).beside?.number).toBe(next);
      await dropBeside(db, 'core', next);
    }
    expect((await openGeneration(db, { ...core, schema: core.schema + 1 }, log)).number).toBe(number + 3);
  });

  it('is filled again to the same rows', async () => {
    const before = await rowsOf(db, core);
    await db.query('DELETE FROM rm.generations');
    await project(db, core, log);
    expect(await rowsOf(db, core)).toEqual(before);
  });

  it('has a checkpoint that moves only from where one believes it to be, and for who took the home over last', async () => {
    const [cursor] = first.checkpoints;
    if (!cursor) throw new Error('no checkpoint');
    const to = { ...cursor, offset: cursor.offset + 5 };
    const { term } = await takeHome(db, first.schema, 0);
    const move = (from: From) => db.tx((tx) => moveCheckpoint(tx, first.schema, 0, from, to));
    const held = { code: 'CHECKPOINT_MOVED' };
    await expect(move({ offset: cursor.offset, term: term - 1 })).rejects.toMatchObject(held);
    await move({ offset: cursor.offset, term });
    await expect(move({ offset: cursor.offset, term })).rejects.toMatchObject(held);
  });
});
