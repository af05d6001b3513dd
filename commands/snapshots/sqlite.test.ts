import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { checkpointAt, snapshotsContract } from './contract.js';
import { LOAD, openSnapshots } from './sqlite.js';

const folder = mkdtempSync(join(tmpdir(), 'verbatim-snapshots-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
let file: string;
beforeEach(() => {
  file = join(folder, `${files++}.db`);
});

snapshotsContract((state) => openSnapshots({ file, state }));

describe('the file of the snapshots', () => {
  const nothing = { streams: [], outcomes: [], forget: '' };
  const open = () => openSnapshots({ file, state: 1 });

  it('keeps what was flushed when it is opened again, and is readable by its owner alone', async () => {
    const store = open();
    await store.flush(0, undefined, checkpointAt(5), nothing);
    await store.close();
    const again = open();
    expect(await again.load(0, {})).toMatchObject({ checkpoint: checkpointAt(5) });
    expect(statSync(file).mode & 0o077).toBe(0);
    await again.close();
    await again.close();
  });

  it('waits at the start for another process that has it for a moment', async () => {
    const hold = `const db = new (require('libsql'))(${JSON.stringify(file)});
      db.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; CREATE TABLE held (n)');
      process.stdout.write('held');
      setTimeout(() => process.exit(), 500);`;
    const holder = spawn(process.execPath, ['-e', hold], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit');
    await once(holder.stdout, 'data');
    const store = open();
    expect(await store.load(0, {})).toMatchObject({ checkpoint: undefined });
    await store.close();
    await ended;
  });

  it('finds what is wanted by its whole key, however much is stored', async () => {
    await open().close();
    const db = new Database(file);
    const plan = JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${LOAD}`).all(1, 0, '[]', '[]', '[]'));
    db.close();
    for (const key of ['stream=?)', 'stream=? AND chunk=?)', 'name=?)']) {
      expect(plan).toContain(`USING PRIMARY KEY (state=? AND home=? AND ${key}`);
    }
  });

  it('is emptied where another version has made its tables in another shape', async () => {
    const store = open();
    await store.flush(0, undefined, checkpointAt(5), nothing);
    await store.close();
    const older = new Database(file);
    older.exec('ALTER TABLE checkpoints DROP COLUMN covered; PRAGMA user_version = 1');
    older.close();
    const again = open();
    expect(await again.load(0, {})).toMatchObject({ checkpoint: undefined });
    expect(await again.flush(0, undefined, checkpointAt(1), nothing)).toBe(true);
    expect(await again.load(0, {})).toMatchObject({ checkpoint: checkpointAt(1) });
    await again.close();
  });

  it('is made anew where it is no database', async () => {
    writeFileSync(file, 'not a database, but long enough to look at twice'.repeat(100));
    const store = open();
    expect(await store.load(0, {})).toMatchObject({ checkpoint: undefined });
    expect(await store.flush(0, undefined, checkpointAt(1), nothing)).toBe(true);
    await store.close();
  });

  it('is made anew where it turns out to be damaged while it is used: that one step fails, the next finds it empty', async () => {
    const store = open();
    const outcome = { status: 'rejected', code: 'INVALID', message: 'x'.repeat(500) } as const;
    const outcomes = Array.from({ length: 500 }, (_, n) => ({ name: `${n}`, hash: '', outcome, offset: 1, at: '' }));
    await store.flush(0, undefined, checkpointAt(5), { ...nothing, outcomes });
    await store.close();
    truncateSync(file, 3 * 4_096);
    const damaged = open();
    const names = outcomes.map(({ name }) => name);
    await expect(damaged.load(0, { outcomes: names })).rejects.toThrow(/malformed|corrupt|not a database/);
    expect(await damaged.load(0, { outcomes: names })).toMatchObject({ checkpoint: undefined, outcomes: new Map() });
    expect(await damaged.flush(0, undefined, checkpointAt(1), nothing)).toBe(true);
    await damaged.close();
  });
});
