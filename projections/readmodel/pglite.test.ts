import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { dbContract } from './contract.js';
import { openOrRecreate, openPglite } from './pglite.js';

dbContract('PGlite', () => openPglite());

describe('PGlite in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-pglite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps what it was given, and is made anew where the folder is damaged', async () => {
    const dir = join(folder, 'readmodels');
    const first = await openOrRecreate(dir);
    await first.query('CREATE TABLE kept (n int)');
    await first.close();
    expect(existsSync(`${dir}.new`)).toBe(false);

    const second = await openOrRecreate(dir);
    expect(await second.query('SELECT * FROM kept')).toEqual({ rows: [], count: 0 });
    await second.close();

    rmSync(dir, { recursive: true });
    mkdirSync(dir);
    writeFileSync(join(dir, 'PG_VERSION'), 'not a version');
    const third = await openOrRecreate(dir);
    await expect(third.query('SELECT * FROM kept')).rejects.toMatchObject({ code: '42P01' });
    await third.close();
  });

  it('refuses what is asked of it once it is closed', async () => {
    const db = await openPglite();
    await db.close();
    await expect(db.query('SELECT 1')).rejects.toMatchObject({ code: 'DB_CLOSED' });
  });
});
