import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import Database from 'libsql';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Writer, insertion, literal, openWriter } from './writer.js';

const folder = mkdtempSync(join(tmpdir(), 'verbatim-writer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
let db: Database.Database;
let writer: Writer;
beforeEach(() => {
  const file = join(folder, `${files++}.db`);
  db = new Database(file);
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE things (n INTEGER PRIMARY KEY, text TEXT)');
  writer = openWriter(file, 'NORMAL');
});
afterEach(async () => {
  await writer.close();
  db.close();
});

const add = (...rows: readonly (readonly [number, string])[]): string => insertion('INSERT', 'things', rows);
const things = (): readonly unknown[] => db.prepare('SELECT n FROM things ORDER BY n').pluck().all();

describe('a value in a statement', () => {
  it('is the very value, whatever text it is', () => {
    const same = (value: string | number): void => {
      const row: unknown = db.prepare(`SELECT ${literal(value)} = ? AS same, length(?) AS n`).get(value, value);
      expect(row).toMatchObject({ same: 1 });
    };
    for (const value of ['', "'", "it''s", '\0', "a\0'\0b", '?1 ; -- /*', '\u{1F600}', 0, -1, 2 ** 53 - 1, 1.5])
      same(value);
    fc.assert(fc.property(fc.string({ unit: 'binary' }), same));
  });
});

describe('a writer', () => {
  it('writes all of a commit or nothing, and goes on after one that failed', async () => {
    await writer.commit([add([1, 'a'])]);
    const settled = await Promise.allSettled([
      writer.commit([add([2, 'b'], [3, 'c']), add([1, 'taken'])]),
      writer.commit([add([4, 'd'])]),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(things()).toEqual([1, 4]);
  });

  it('asks whether it may write when nobody else can any more, and writes nothing where it may not', async () => {
    const asked: unknown[] = [];
    const ask = (agreed: boolean) => (): boolean => {
      expect(() => db.exec('BEGIN IMMEDIATE')).toThrow(/lock/);
      asked.push(things());
      return agreed;
    };
    const done = [1, 2, 3].map((n) => writer.commit([add([n, ''])], ask(n !== 2)));
    expect(await Promise.all(done)).toEqual([true, false, true]);
    expect(asked).toEqual([[], [1], [1]]);
    expect(things()).toEqual([1, 3]);
  });

  it('leaves nothing locked where asking throws, and adds no rows where there are none', async () => {
    const fault = (): never => {
      throw new TypeError('a fault');
    };
    await expect(writer.commit([add([1, ''])], fault)).rejects.toThrow('a fault');
    expect(await writer.commit([add(), add([2, ''])])).toBe(true);
    expect(things()).toEqual([2]);
  });

  it('waits for another connection that writes', async () => {
    db.exec('BEGIN IMMEDIATE');
    const done = writer.commit([add([1, ''])]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    db.exec("INSERT INTO things VALUES (2, ''); COMMIT");
    expect(await done).toBe(true);
    expect(things()).toEqual([1, 2]);
  });
});
