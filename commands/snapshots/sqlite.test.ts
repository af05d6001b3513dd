import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { checkpointAt, snapshotsContract } from './contract.js';
import { openSnapshots } from './sqlite.js';

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
