import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { logContract } from './contract.js';
import { openSqliteLog } from './sqlite.js';
import { batchOf, eventNamed, takeover } from './testing.js';

const folder = mkdtempSync(join(tmpdir(), 'verbatim-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(folder, `${files++}.db`);
const open = (file: string, partitions = 4) =>
  openSqliteLog({ file, partitions, newId: () => '01980000-0000-7000-8000-000000000001' });

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

describe('the log in a SQLite file', () => {
  it('is readable by its owner alone', async () => {
    const file = newFile();
    const log = open(file);
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await log.close();
  });

  it('refuses another number of partitions, and can still be opened with its own', async () => {
    const file = newFile();
    await open(file).close();
    expect(() => open(file, 8)).toThrow(expect.objectContaining({ code: 'LOG_PARTITIONS' }));
    await open(file).close();
  });

  it('refuses what newer code has written', async () => {
    const file = newFile();
    const log = open(file);
    await log.append(0, [takeover('a', 1)]);
    const [event] = batchOf('a', 1, 0, [eventNamed('from the future')]);
    if (!event) throw new Error('no event');
    await expect(log.append(0, [{ ...event, header: { ...event.header, code: 99 } }])).rejects.toMatchObject({
      code: 'LOG_NEWER_CODE',
    });
    await log.close();
  });

  it('refuses a second process as long as the first has it', async () => {
    const file = newFile();
    const log = open(file);
    const module = fileURLToPath(new URL('./sqlite.js', import.meta.url)).replace(/js$/, 'ts');
    const script = `import(${JSON.stringify(module)}).then(({ openSqliteLog }) => openSqliteLog({ file: ${JSON.stringify(file)}, partitions: 4, newId: () => 'x' })).then(() => console.log('opened'), (error) => console.log(error.code))`;
    const second = async (): Promise<string> =>
      (await promisify(execFile)(process.execPath, ['--import', 'tsx', '--eval', script])).stdout.trim();
    expect(await second()).toBe('LOG_LOCKED');
    await log.close();
    expect(await second()).toBe('opened');
  });

  it('finds cursors through its marks in a long partition', async () => {
    const file = newFile();
    const log = open(file);
    await log.append(0, [takeover('a', 1)]);
    await Promise.all(
      Array.from({ length: 300 }, (_, batch) =>
        log.append(
          0,
          batchOf(
            'a',
            1,
            batch,
            Array.from({ length: 10 }, (__, n) => eventNamed(`${batch}.${n}`)),
          ),
        ),
      ),
    );
    const cursor = await log.cursorAt(0, { offset: 2_500 });
    expect(cursor).toEqual({ offset: 2_500, fence: { term: 1, owner: 'a', batch: 249, index: 8 } });
    expect(await log.holds(0, cursor)).toBe(true);
    await log.close();
  });
});
