import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { register } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';
import { startWriter } from '../../chaos/writer.js';
import { type Ran, verbatim } from '../testing.js';

let data: string;
let server: Server;
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-views-'));
  server = await startServer({ data });
  await server.ready;
  const writer = startWriter({ person: await register(server.url, 'ada'), name: 'ada', wait: sleep });
  await sleep(2_000);
  await writer.stop();
});
afterAll(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

const run = (...args: readonly string[]): Ran['ended'] => verbatim([...args, '--data', data]).ended;
const done = async (...args: readonly string[]): Promise<readonly string[]> => {
  const { code, lines, told } = await run(...args);
  expect({ code, told }).toEqual({ code: 0, told: '' });
  return lines;
};

describe('the views of a running server', () => {
  it('are shown with their lag, for people and for machines', async () => {
    const [head, ...rows] = await done('lag');
    expect(head).toMatch(/^view +generation +home +offset +end +behind +parked$/);
    expect(rows).toHaveLength(8);
    const lags = JSON.parse((await done('lag', '--json'))[0] ?? '');
    expect(lags).toContainEqual({
      view: 'core',
      generation: 1,
      home: 0,
      offset: expect.any(Number),
      end: expect.any(Number),
      behind: expect.any(Number),
      parked: 0,
    });
  });

  it('have nothing parked, and say so', async () => {
    expect(await done('dead-letters')).toEqual(['Nothing is parked.']);
    expect(await done('dead-letters', '--json')).toEqual(['[]']);
    const stream = 'conversation-01980000-0000-7000-8000-000000000000';
    expect(await run('dead-letters', '--retry', 'core', stream)).toMatchObject({
      code: 1,
      told: expect.stringMatching(/^NOT_PARKED: /),
    });
    expect(await run('dead-letters', '--retry')).toMatchObject({ code: 2, told: expect.stringMatching(/^USAGE: /) });
  });

  it('are rebuilt, switched back, and dropped', async () => {
    const told = await done('rebuild', 'core');
    expect(told.at(-1)).toMatch(/^core: readers see generation 2. Generation 1 is kept for a day/);
    expect(await done('rebuild', 'core', '--status')).toEqual(told.slice(-1));
    expect(await done('rebuild', 'core', '--back')).toEqual([expect.stringMatching(/readers see generation 1/)]);
    expect(await run('rebuild', 'core', '--force')).toMatchObject({
      code: 1,
      told: expect.stringMatching(/^NO_REBUILD/),
    });
    const nothing = ['core: nothing is being rebuilt, and nothing kept.'];
    expect(await done('rebuild', 'core', '--cancel')).toEqual(nothing);
    expect(await done('rebuild', 'core', '--status', '--json')).toEqual(['null']);
    expect(await run('rebuild', 'core', '--back', '--cancel')).toMatchObject({ code: 2 });
    expect(await run('rebuild', 'cores')).toMatchObject({
      code: 1,
      told: expect.stringMatching(/^UNKNOWN_VIEW: There is no view "cores". There are core, obligations./),
    });
    const acts = (await done('replay', '--type', 'OperatorActed')).map((line) => JSON.parse(line).data);
    // What was refused was asked for all the same.
    expect(acts.map(({ action, target }) => [action, target])).toEqual([
      ['retry', expect.stringMatching(/^core conversation-/)],
      ['rebuild', 'core'],
      ['switch', 'core, kept'],
      ['switch', 'core, different'],
      ['cancel rebuild', 'core'],
    ]);
  });

  it('are not there where no server runs', async () => {
    expect(await server.stop()).toBe(0);
    for (const words of [['lag'], ['dead-letters'], ['rebuild', 'core']]) {
      expect(await run(...words)).toMatchObject({
        code: 1,
        told: expect.stringMatching(/^NOT_RUNNING: .*verbatim start/),
      });
    }
  });
});
