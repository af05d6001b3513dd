import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dbContract } from './contract.js';
import type { Db } from './db.js';
import { openOrRecreate, openPglite } from './pglite.js';

dbContract('PGlite in memory', openPglite);

describe('a folder of PGlite', { timeout: 120_000 }, () => {
  let folder: string;
  let dir: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'verbatim-pglite-'));
    dir = join(folder, 'readmodels');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const remember = async (db: Db): Promise<void> => {
    await db.query('CREATE TABLE remembered AS SELECT 1 AS n');
  };
  const remembers = async (db: Db): Promise<boolean> =>
    (await db.query(`SELECT 1 FROM pg_tables WHERE tablename = 'remembered'`)).count === 1;

  it('is made whole in its place, and keeps what it holds', async () => {
    const first = await openOrRecreate(dir);
    await remember(first);
    await first.close();
    expect(readdirSync(folder)).toEqual(['readmodels']);
    const second = await openOrRecreate(dir);
    expect(await remembers(second)).toBe(true);
    await second.close();
  });

  it('is made anew where a kill left the first one half, and where it does not open', async () => {
    mkdirSync(`${dir}.new`);
    writeFileSync(join(`${dir}.new`, 'PG_VERSION'), '18');
    const first = await openOrRecreate(dir);
    await remember(first);
    await first.close();

    truncateSync(join(dir, 'global', 'pg_control'), 100);
    await expect(openPglite(dir)).rejects.toMatchObject({ name: 'DbError', code: 'DB_UNUSABLE' });
    const second = await openOrRecreate(dir);
    expect(await remembers(second)).toBe(false);
    await second.close();
  });

  it('is made anew where its data turned out to be damaged while it ran', async () => {
    const first = await openOrRecreate(dir);
    await remember(first);
    const raise = `DO $$ BEGIN RAISE EXCEPTION 'invalid page' USING ERRCODE = 'data_corrupted'; END $$`;
    await expect(first.query(raise)).rejects.toMatchObject({ code: 'XX001' });
    await first.close();
    const second = await openOrRecreate(dir);
    expect(await remembers(second)).toBe(false);
    await second.close();
    expect(readdirSync(folder)).toEqual(['readmodels']);
  });

  it('opens after its process was killed in the middle of writing, with every row that was acknowledged', async () => {
    await (await openOrRecreate(dir)).close();
    const program = `
      import { openPglite } from ${JSON.stringify(new URL('pglite.ts', import.meta.url).href)};
      const db = await openPglite(${JSON.stringify(dir)});
      await db.query('CREATE TABLE kept (n int PRIMARY KEY)');
      for (let n = 1; ; n++) {
        await db.query('INSERT INTO kept VALUES ($1)', [n]);
        process.stdout.write(n + '\\n');
      }`;
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { cwd: root });
    let acknowledged = 0;
    for await (const lines of child.stdout) {
      acknowledged = Number(String(lines).trim().split('\n').at(-1));
      if (acknowledged >= 50) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const db = await openPglite(dir);
    const { rows } = await db.query<{ kept: number }>('SELECT count(*) AS kept FROM kept WHERE n <= $1', [
      acknowledged,
    ]);
    expect(rows).toEqual([{ kept: acknowledged }]);
    await db.close();
  });

  it('lets its process end once it is closed', async () => {
    const program = `
      import { openPglite } from ${JSON.stringify(new URL('pglite.ts', import.meta.url).href)};
      const db = await openPglite();
      await db.close();`;
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { cwd: root });
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(dir)).toBe(false);
  });
});
