import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Log, LogError } from './log.js';
import { openSqliteLog } from './sqlite.js';
import { batchOf, eventNamed, readAll, takeover } from './testing.js';

// What SQLite promises: the write-ahead log carries checksums, so that one which is cut or changed counts up to the last
// commit before that place, and what was moved into the file before it was begun is there in any case. The file itself
// carries none: there the log's own sums tell. So a damaged log is a prefix of what was acknowledged, or refused.

const folder = mkdtempSync(join(tmpdir(), 'verbatim-damage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const newId = () => '01980000-0000-7000-8000-000000000000';
const PARTITIONS = 2;
const open = (file: string): Log => openSqliteLog({ file, partitions: PARTITIONS, newId });

/** The files of a log as a crash leaves them: all in the file, or some of it in the write-ahead log only. */
type Left = { readonly file: string; readonly acknowledged: readonly (readonly string[])[]; readonly settled: number };

let crashes = 0;

/** Copies the files of an open log: a crash at this moment leaves exactly these. */
function crash(from: string): string {
  const file = join(folder, `crash${crashes++}.db`);
  for (const end of ['', '-wal']) if (existsSync(`${from}${end}`)) copyFileSync(`${from}${end}`, `${file}${end}`);
  return file;
}

/** Writes batches to both partitions: `before` each of which are in the file itself, `after` in the write-ahead log. */
async function written(before: number, after: number): Promise<Left> {
  const file = join(folder, `written${crashes++}.db`);
  const log = open(file);
  const acknowledged: string[][] = [['log'], ['log']];
  const append = async (partition: number, n: number): Promise<void> => {
    const events = [0, 1].map((at) => ({ ...eventNamed(`${partition}.${n}.${at}`), data: { text: 'x'.repeat(700) } }));
    await log.append(partition, n === 0 ? [takeover('a', 1)] : batchOf('a', 1, n - 1, events));
    acknowledged[partition]?.push(...(n === 0 ? ['takeover'] : events.map(({ id }) => id)));
  };
  for (let n = 0; n < before; n++) for (const partition of [0, 1]) await append(partition, n);
  const behind = new Database(file);
  behind.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  behind.close();
  const settled = acknowledged[0]?.length ?? 0;
  for (let n = before; n < before + after; n++) for (const partition of [0, 1]) await append(partition, n);
  const left = crash(file);
  await log.close();
  return { file: left, acknowledged, settled };
}

/** What a log gives after some damage: its partitions, or that it is refused. Whatever else is thrown is a fault. */
async function given(
  { file }: Left,
  damage: (file: string) => void,
): Promise<readonly (readonly string[])[] | 'refused'> {
  const broken = crash(file);
  damage(broken);
  let log: Log | undefined;
  try {
    log = open(broken);
    return [await readAll(log, 0), await readAll(log, 1)];
  } catch (error) {
    if (error instanceof LogError && error.code === 'LOG_CORRUPT' && /damaged: restore it/.test(error.message)) {
      return 'refused';
    }
    throw error;
  } finally {
    await log?.close();
    for (const end of ['', '-wal', '-shm', '.lock']) rmSync(`${broken}${end}`, { force: true });
  }
}

const cutAt = (end: string, bytes: number) => (file: string) => truncateSync(`${file}${end}`, bytes);

const flipAt = (end: string, at: number) => (file: string) => {
  const bytes = readFileSync(`${file}${end}`);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(`${file}${end}`, bytes);
};

const spread = (size: number, places: number): readonly number[] =>
  Array.from({ length: places }, (_, n) => Math.floor((size * (n + Math.abs(Math.sin(n)))) / (places + 1)));

describe('a write-ahead log that is cut or changed', () => {
  let left: Left;
  let size: number;
  beforeAll(async () => {
    left = await written(10, 12);
    size = statSync(`${left.file}-wal`).size;
  });

  /** The commits alternate between the partitions, so a prefix of them is a prefix of both, and of nearly equal length. */
  const expectPrefix = (got: readonly (readonly string[])[] | 'refused', least: number): number => {
    if (got === 'refused') throw new Error('it was refused');
    const [first = [], second = []] = got;
    for (const [partition, records] of got.entries()) {
      expect(records).toEqual(left.acknowledged[partition]?.slice(0, records.length));
    }
    expect(first.length - second.length === 0 || first.length - second.length === 2).toBe(true);
    expect(second.length).toBeGreaterThanOrEqual(least);
    return first.length + second.length;
  };

  it('that is whole holds everything that was acknowledged', async () => {
    expect(await given(left, () => undefined)).toEqual(left.acknowledged);
  });

  it('counts up to the last whole commit before a cut, wherever that is', async () => {
    const lengths: number[] = [];
    for (const bytes of [0, 1, 31, 32, 33, ...spread(size, 40).toSorted((a, b) => a - b), size - 1, size]) {
      lengths.push(expectPrefix(await given(left, cutAt('-wal', bytes)), left.settled));
    }
    expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
    expect(lengths.at(0)).toBe(2 * left.settled);
    expect(lengths.at(-1)).toBe(left.acknowledged.flat().length);
    expect(new Set(lengths).size).toBeGreaterThan(15);
  });

  it('counts up to the last whole commit before a changed byte, wherever that is', async () => {
    for (const at of [...Array.from({ length: 32 }, (_, n) => n), ...spread(size, 60)]) {
      expectPrefix(await given(left, flipAt('-wal', at)), left.settled);
    }
  });

  it('may be lost whole: what was moved into the file is there', async () => {
    const got = await given(left, (file) => rmSync(`${file}-wal`));
    expect(expectPrefix(got, left.settled)).toBe(2 * left.settled);
  });

  it('goes on from there: what is appended then is read behind it', async () => {
    const broken = crash(left.file);
    cutAt('-wal', Math.floor(size / 2))(broken);
    const log = open(broken);
    const before = await readAll(log, 0);
    await log.append(0, [takeover('b', 2)]);
    await log.close();
    const again = open(broken);
    expect(await readAll(again, 0)).toEqual([...before, 'takeover']);
    await again.close();
  });
});

describe('a file that is cut or changed', () => {
  let left: Left;
  let size: number;
  beforeAll(async () => {
    left = await written(30, 0);
    size = statSync(left.file).size;
  });

  it('is refused wherever it is cut', async () => {
    for (const bytes of [1, 99, 100, 4_096, ...spread(size, 20).filter((each) => each > 0), size - 4_096, size - 1]) {
      expect(await given(left, cutAt('', bytes)), `cut at ${bytes}`).toBe('refused');
    }
  });

  it('is refused where a byte of it was changed, or that byte meant nothing: it never gives anything else', async () => {
    const wrong: unknown[] = [];
    let refused = 0;
    for (const at of [...Array.from({ length: 100 }, (_, n) => n), ...spread(size, 200)]) {
      const got = await given(left, flipAt('', at));
      if (got === 'refused') refused += 1;
      else if (JSON.stringify(got) !== JSON.stringify(left.acknowledged)) wrong.push([at, got]);
    }
    expect(wrong).toEqual([]);
    // Most of the file are records.
    expect(refused).toBeGreaterThan(100);
  });

  it('is refused where a record says something else, though it can be read', async () => {
    const at = readFileSync(left.file).indexOf('0.7.1');
    expect(at).toBeGreaterThan(0);
    expect(await given(left, flipAt('', at))).toBe('refused');
  });

  it('is refused where records have changed places', async () => {
    const swap = (file: string): void => {
      const db = new Database(file);
      db.exec(`UPDATE records_0 SET "offset" = -1 WHERE "offset" = 5; UPDATE records_0 SET "offset" = 5 WHERE "offset" = 6;
        UPDATE records_0 SET "offset" = 6 WHERE "offset" = -1`);
      db.close();
    };
    expect(await given(left, swap)).toBe('refused');
  });

  it('of the time before there were sums goes on without, and has them from then on', async () => {
    const old = crash(left.file);
    const db = new Database(old);
    for (const table of ['marks', 'records_0', 'records_1']) db.exec(`ALTER TABLE ${table} DROP COLUMN sum`);
    db.close();
    const log = open(old);
    expect(await readAll(log, 0)).toEqual(left.acknowledged[0]);
    await log.append(0, [takeover('b', 2)]);
    await log.close();
    const sums = new Database(old);
    const rows: unknown = sums.prepare('SELECT count(*) AS all_of_them, count(sum) AS with_sum FROM records_0').get();
    sums.close();
    expect(rows).toMatchObject({ all_of_them: (left.acknowledged[0]?.length ?? 0) + 1, with_sum: 1 });
  });
});
