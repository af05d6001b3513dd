import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import { logContract } from './contract.js';
import { CODE, type Log } from './log.js';
import { openSqliteLog } from './sqlite.js';
import { batchOf, cursorBehind, eventNamed, header, readAll, takeover } from './testing.js';

const folder = mkdtempSync(join(tmpdir(), 'verbatim-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);
const open = (file: string, partitions = 4): Log =>
  openSqliteLog({ file, partitions, newId: () => `01980000-0000-7000-8000-${String(files).padStart(12, '0')}` });

const coded = (code: string): unknown => expect.objectContaining({ code });

/** Does something to a file behind the log's back. */
function behind(file: string, ...statements: readonly string[]): void {
  const db = new Database(file);
  for (const statement of statements) db.exec(statement);
  db.close();
}

/** 2,052 records, with marks at 1,002 and 2,002: `a` took over, and wrote batches of 10 events. */
async function openLong(file: string): Promise<Log> {
  const log = open(file);
  await log.append(0, [takeover('a', 1)]);
  const batch = (n: number) =>
    batchOf(
      'a',
      1,
      n,
      Array.from({ length: 10 }, (_, at) => eventNamed(`${n}.${at}`)),
    );
  await Promise.all(Array.from({ length: 205 }, (_, n) => log.append(0, batch(n))));
  return log;
}

logContract('SQLite', true, async () => {
  const file = newFile();
  let log = open(file);
  return {
    log,
    close: () => log.close(),
    reopen: async () => {
      await log.close();
      log = open(file);
      return log;
    },
  };
});

describe('the file of the log', () => {
  it('is readable by its owner alone, even if it was not', async () => {
    const file = newFile();
    const modes = () => ['', '-wal', '-shm', '.lock'].map((end) => statSync(`${file}${end}`).mode & 0o777);
    const first = open(file);
    expect(modes()).toEqual([0o600, 0o600, 0o600, 0o600]);
    await first.close();
    chmodSync(file, 0o644);
    const second = open(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await second.close();
  });

  it('refuses another number of partitions, and can still be opened with its own', async () => {
    const file = newFile();
    await open(file).close();
    for (const partitions of [8, 2]) expect(() => open(file, partitions)).toThrow(coded('LOG_PARTITIONS'));
    await open(file).close();
  });

  it('is refused where newer code has written it, even if that stopped exactly at a mark', async () => {
    const file = newFile();
    const log = open(file);
    const count = 1_000;
    const newer = (index: number) => ({ ...header('newer', 1, 0, index, count), code: CODE + 1 });
    await log.append(
      0,
      Array.from({ length: count }, (_, index) => ({ kind: 'outcomes', header: newer(index), outcomes: [] })),
    );
    await log.close();
    expect(() => open(file)).toThrow(coded('LOG_NEWER_CODE'));
  });

  it('finds cursors through its marks in a long partition, before and after it was opened again', async () => {
    const file = newFile();
    let log = await openLong(file);
    for (const _ of ['before', 'after']) {
      const cursor = await log.cursorAt(0, { offset: 1_500 });
      expect(cursor).toEqual({ offset: 1_500, fence: { term: 1, owner: 'a', batch: 149, index: 8 } });
      expect(await log.holds(0, cursor)).toBe(true);
      await log.close();
      log = open(file);
    }
    expect(await log.end(0)).toBe(2_052);
    await log.close();
  });

  it('of the first version, with one table for all partitions, goes on where it was', async () => {
    const file = newFile();
    const log = await openLong(file);
    const [id, last] = [log.id, await cursorBehind(log, 0)];
    await log.close();
    const partitions = [0, 1, 2, 3];
    behind(
      file,
      'CREATE TABLE records (partition INTEGER, "offset" INTEGER, entry TEXT, PRIMARY KEY (partition, "offset"))',
      ...partitions.flatMap((n) => [
        `INSERT INTO records SELECT ${n}, "offset", entry FROM records_${n}`,
        `DROP TABLE records_${n}`,
      ]),
    );
    const again = open(file);
    expect(again.id).toBe(id);
    expect(await again.holds(0, last)).toBe(true);
    expect(await cursorBehind(again, 0)).toEqual(last);
    expect(await again.end(3)).toBe(1);
    await again.close();
  });

  it('is whole when it is closed: a copy of it goes on, and does not hold what came after', async () => {
    const [file, copy] = [newFile(), newFile()];
    let log = open(file);
    await log.append(0, [takeover('a', 1)]);
    const kept = await cursorBehind(log, 0);
    await log.close();
    copyFileSync(file, copy);
    log = open(file);
    await log.append(0, batchOf('a', 1, 0, [eventNamed('lost')]));
    const lost = await cursorBehind(log, 0);
    await log.close();
    const restored = open(copy);
    for (let time = 0; time < 2; time++) {
      expect(await restored.holds(0, kept)).toBe(true);
      expect(await restored.holds(0, lost)).toBe(false);
      await restored.append(0, [takeover('b', 2)]);
    }
    await restored.close();
  });
});

describe('a long log', () => {
  it('lets everything else run while it is read, however long each chunk takes', async () => {
    const log = await openLong(newFile());
    let chunks = 0;
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 1);
    for await (const { records } of log.read(0, undefined, { limit: 100 })) {
      if (records.length > 0) chunks += 1;
      for (const begun = performance.now(); performance.now() - begun < 4;);
    }
    clearInterval(ticking);
    expect(chunks).toBeGreaterThan(10);
    expect(turns).toBeGreaterThan(chunks / 2);
    await log.close();
  });
});

describe('a damaged log', () => {
  it('is refused where it is no database', () => {
    const file = newFile();
    writeFileSync(file, 'no database '.repeat(500));
    expect(() => open(file)).toThrow(coded('LOG_CORRUPT'));
  });

  it.each([
    ['its identity is gone', 'DELETE FROM records_0 WHERE "offset" = 0'],
    ['its identity is something else', `UPDATE records_2 SET entry = '{"kind":"outcomes"}' WHERE "offset" = 0`],
    ['two logs were mixed', `UPDATE records_3 SET entry = '{"kind":"log","log":"other","partitions":4}'`],
    ['a record before the last mark is gone', 'DELETE FROM records_0 WHERE "offset" > 990'],
    ['a record is gone', 'DELETE FROM records_0 WHERE "offset" = 2040'],
    ['a record cannot be read', `UPDATE records_0 SET entry = 'x' WHERE "offset" = 2040`],
  ])('is refused where %s', async (_, damage) => {
    const file = newFile();
    await (await openLong(file)).close();
    behind(file, damage);
    expect(() => open(file)).toThrow(coded('LOG_CORRUPT'));
  });

  it('is found while reading, too', async () => {
    const file = newFile();
    await (await openLong(file)).close();
    behind(file, 'DELETE FROM records_0 WHERE "offset" = 500');
    const log = open(file);
    await expect(readAll(log, 0)).rejects.toEqual(coded('LOG_CORRUPT'));
    await log.close();
  });

  it.each(['x', '{},{}'])(
    'names the record that cannot be read, where it is of the time before there were sums: %s',
    async (text) => {
      const file = newFile();
      await (await openLong(file)).close();
      behind(file, `UPDATE records_0 SET entry = '${text}', sum = NULL WHERE "offset" = 550`);
      const log = open(file);
      await expect(readAll(log, 0)).rejects.toThrow('Record 550 of partition 0 cannot be read.');
      await log.close();
    },
  );

  it('is told by its code where pages of the file were overwritten', async () => {
    const file = newFile();
    await (await openLong(file)).close();
    behind(file, 'PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0xff, 3 * 4_096, bytes.length - 4 * 4_096));
    const read = async (): Promise<unknown> => readAll(open(file), 0);
    await expect(read()).rejects.toEqual(coded('LOG_CORRUPT'));
  });
});

describe('an append that fails', () => {
  it('takes all with it that wait at the same moment, writes nothing of them, and nothing is in the way of the next', async () => {
    const file = newFile();
    const log = open(file);
    await log.append(0, [takeover('a', 1)]);
    behind(file, `CREATE TRIGGER full BEFORE INSERT ON records_1 BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
    const settled = await Promise.allSettled([
      log.append(0, batchOf('a', 1, 0, [eventNamed('x')])),
      log.append(1, [takeover('a', 1)]),
      log.append(0, batchOf('a', 1, 1, [eventNamed('y')])),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect([await log.end(0), await log.end(1)]).toEqual([2, 1]);
    behind(file, 'DROP TRIGGER full');
    expect(await log.append(1, [takeover('a', 1)])).toBe(1);
    expect(await log.append(0, batchOf('a', 1, 0, [eventNamed('x')]))).toBe(2);
    expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'x']);
    await log.close();
  });

  it('may be in the log all the same: the next goes behind it, and readers see it', async () => {
    const file = newFile();
    const log = open(file);
    await log.append(0, [takeover('a', 1)]);
    const [landed] = batchOf('a', 1, 0, [eventNamed('landed')]);
    behind(file, `INSERT INTO records_0 ("offset", entry) VALUES (2, '${JSON.stringify(landed)}')`);
    await expect(log.append(0, batchOf('a', 1, 0, [eventNamed('again')]))).rejects.toThrow('UNIQUE');
    expect(await log.append(0, [takeover('b', 2)])).toBe(3);
    expect(await readAll(log, 0)).toEqual(['log', 'takeover', 'landed', 'takeover']);
    await log.close();
  });

  it('is only refused, not stuck, while somebody else writes into the file', async () => {
    const file = newFile();
    const log = open(file);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(log.append(0, [takeover('a', 1)])).rejects.toEqual(coded('SQLITE_BUSY'));
    other.exec('ROLLBACK');
    other.close();
    expect(await log.append(0, [takeover('a', 1)])).toBe(1);
    await log.close();
  });
});

describe('the lock', () => {
  /** A process that opens the log, says how that went, and keeps it until it is killed. */
  const inAnotherProcess = async (file: string) => {
    const module = fileURLToPath(new URL('./sqlite.ts', import.meta.url));
    const script = `
      import { openSqliteLog } from ${JSON.stringify(module)};
      try {
        openSqliteLog({ file: ${JSON.stringify(file)}, partitions: 4, newId: () => 'second' });
        console.log('opened');
        setInterval(() => {}, 1_000);
      } catch (error) {
        console.log(error.code);
      }`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const [said] = await once(child.stdout, 'data');
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await exited;
    };
    return { said: String(said).trim(), kill };
  };

  it('keeps a second process out for as long as the first has the log', async () => {
    const file = newFile();
    const log = open(file);
    // Refusing it here must not let go of what the process has.
    expect(() => open(file)).toThrow(coded('LOG_LOCKED'));
    const refused = await inAnotherProcess(file);
    await refused.kill();
    expect(refused.said).toBe('LOG_LOCKED');
    await log.close();
    const taken = await inAnotherProcess(file);
    await taken.kill();
    expect(taken.said).toBe('opened');
  });

  it('ends with a process that is killed', async () => {
    const file = newFile();
    const holder = await inAnotherProcess(file);
    expect(holder.said).toBe('opened');
    expect(() => open(file)).toThrow(coded('LOG_LOCKED'));
    await holder.kill();
    const log = open(file);
    expect(log.id).toBe('second');
    await log.close();
  });
});
