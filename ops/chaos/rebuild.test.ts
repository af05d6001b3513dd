import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWriteSide, startConversation } from '../bench/writeside.js';
import { verbatim } from '../cli/testing.js';
import { openFolder } from '../run/folder.js';
import { viewsAndFold, openLogIn } from './audit.js';
import { type Person, register } from './person.js';
import { type Server, startServer } from './server.js';
import { startWriter } from './writer.js';

// A server is killed in the middle of a rebuild, more than once, while people write: it goes on where it was.

const CONVERSATIONS = 6_000;

describe('kill -9 in the middle of a rebuild', () => {
  let data: string;
  let server: Server;
  let ada: Person;

  beforeAll(async () => {
    data = mkdtempSync(join(tmpdir(), 'verbatim-rebuild-'));
    await fill();
    server = await startServer({ data });
    await server.ready;
    ada = await register(server.url, 'ada');
  });
  afterAll(async () => {
    await server.kill();
    rmSync(data, { recursive: true, force: true });
  });

  /** Enough of a log that a rebuild takes longer than a kill. */
  async function fill(): Promise<void> {
    const folder = openFolder(data);
    const log = openLogIn(folder.path);
    const side = await openWriteSide(folder.path, log);
    for (let from = 0; from < CONVERSATIONS; from += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => side.client.send(startConversation(from + n))));
    }
    await side.close();
    await log.close();
    folder.close();
  }

  const status = async (): Promise<{
    readonly phase: string;
    readonly done: number;
    readonly generation: number;
  } | null> => {
    const { code, lines } = await verbatim(['rebuild', 'core', '--status', '--json', '--data', data]).ended;
    return code === 0 ? JSON.parse(lines[0] ?? 'null') : null;
  };

  it('goes on from where it was, switches, and the view is a fold of the log', async () => {
    const writer = startWriter({ person: ada, name: 'ada', wait: sleep });
    const { port } = server;
    const rebuilding = verbatim(['rebuild', 'core', '--reason', 'to see it go on', '--data', data]);
    await expect.poll(async () => (await status())?.done ?? 0, { timeout: 60_000, interval: 10 }).toBeGreaterThan(500);
    await server.kill();
    expect(await rebuilding.ended).toMatchObject({ code: 1, told: expect.stringMatching(/SERVER_GONE/) });

    server = await startServer({ data, port });
    await server.ready;
    const found = await status();
    // What was filled before the kill was not filled again.
    expect(found).toMatchObject({ generation: expect.any(Number) });
    expect(found?.done).toBeGreaterThan(500);
    await expect.poll(async () => (await status())?.phase, { timeout: 120_000, interval: 200 }).toBe('kept');
    await writer.stop();

    const audit = await verbatim(['replay', '--type', 'OperatorActed', '--data', data]).ended;
    expect(audit.lines.map((line) => JSON.parse(line).data)).toEqual([
      { by: 'command line', action: 'rebuild', target: 'core', reason: 'to see it go on' },
    ]);
    expect(await server.stop()).toBe(0);
    const log = openLogIn(data);
    const { views, fold } = await viewsAndFold(data, log);
    await log.close();
    expect(views).toEqual(fold);
    expect(views['core.conversations']?.length).toBeGreaterThanOrEqual(CONVERSATIONS);
  });
});
