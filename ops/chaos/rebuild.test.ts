import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchOf, takeover } from '../../commands/log/testing.js';
import { timedId } from '../../domain/ids.js';
import { createHistory } from '../../projections/testing.js';
import { openLog } from '../bench/writeside.js';
import { type Server as Place, reach } from '../cli/server.js';
import { asked } from '../cli/views.js';
import { openFolder } from '../run/folder.js';
import { PARTITIONS, openLogIn, viewsAndFold } from './audit.js';
import { type Server, startServer } from './server.js';

/** Enough of them at each home that a rebuild takes several batches. */
const CONVERSATIONS = 8_000;

describe('kill -9 in the middle of a rebuild', () => {
  let data: string;
  let server: Server;

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-rebuild-'));
    const folder = openFolder(data);
    const log = openLog(folder.file('log.db'));
    for (let home = 0; home < PARTITIONS; home++) {
      const bucket = home * (4096 / PARTITIONS);
      const history = createHistory(bucket);
      for (let n = 0; n < CONVERSATIONS; n++) {
        history.start(timedId(1_760_000_000_000 + n, new Uint8Array(16).fill(n % 256), bucket));
      }
      await log.append(home, [takeover('somebody', 1)]);
      await log.append(home, batchOf('somebody', 1, 0, history.events));
    }
    await log.close();
    folder.close();
    server = await startServer({ data });
    await server.ready;
  });
  afterAll(async () => {
    await server.kill();
    rmSync(data, { recursive: true, force: true });
  });

  const place = async (): Promise<Place> => {
    const found = await reach(data);
    if ('file' in found) throw new Error('no server has the folder');
    return found;
  };
  const look = async (at: Place): Promise<{ readonly phase?: unknown; readonly done: number }> => {
    const status = await asked(at, 'GET', '/rebuild', { view: 'core' });
    const isThere = typeof status === 'object' && status !== null && 'phase' in status && 'done' in status;
    return isThere ? { phase: status.phase, done: Number(status.done) } : { done: 0 };
  };

  /** Begins a rebuild, and looks until it has begun to fill. */
  const begin = async (at: Place): ReturnType<typeof look> => {
    await asked(at, 'POST', '/rebuild', { view: 'core', reason: 'to see it go on' });
    let seen = await look(at);
    while (seen.done < 1_000) seen = await look(at);
    return seen;
  };

  it('is no end of it: it goes on from where it was, switches, and the view is a fold of the log', async () => {
    const first = await place();
    let before = await begin(first);
    // It was too fast for whoever looks: another one.
    for (let tries = 1; tries < 5 && before.done >= CONVERSATIONS * PARTITIONS; tries++) {
      await expect.poll(async () => (await look(first)).phase, { timeout: 120_000, interval: 100 }).toBe('kept');
      before = await begin(first);
    }
    await server.kill();
    expect(before.phase).toBe('filling');
    expect(before.done).toBeLessThan(CONVERSATIONS * PARTITIONS);

    server = await startServer({ data });
    await server.ready;
    const second = await place();
    expect((await look(second)).done).toBeGreaterThanOrEqual(before.done);
    await expect.poll(async () => (await look(second)).phase, { timeout: 120_000, interval: 100 }).toBe('kept');
    expect(await server.stop()).toBe(0);
    const log = openLogIn(data);
    const { views, fold } = await viewsAndFold(data, log);
    await log.close();
    expect(views).toEqual(fold);
    expect(views['core.conversations']).toHaveLength(CONVERSATIONS * PARTITIONS);
  });
});
