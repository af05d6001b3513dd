import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../commands/log/log.js';
import { memoryLog } from '../../commands/log/memory.js';
import { batchOf, eventNamed, takeover } from '../../commands/log/testing.js';
import { createOperations } from '../../projections/operations.js';
import { core } from '../../projections/readmodel/core/core.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { createWishes } from '../../projections/wishes.js';
import { backUp } from './backup.js';
import { operatorRoutes } from './operators.js';
import type { ViewRoutesOptions } from './views.js';

const LOG = '01980000-0000-7000-8000-000000000000';
const headers = { authorization: 'Bearer secret' };

let db: Db;
beforeAll(async () => {
  db = await openPglite();
});
afterAll(() => db.close());

let temp: string;
let log: Log;
/** How many records were read, and the signals of those who read. */
let records: number;
let signals: AbortSignal[];
beforeEach(async () => {
  temp = mkdtempSync(join(tmpdir(), 'verbatim-operators-'));
  const memory = memoryLog({ partitions: 1, id: LOG });
  await memory.append(0, [takeover('a', 1)]);
  await memory.append(
    0,
    batchOf(
      'a',
      1,
      0,
      Array.from({ length: 1_000 }, (_, n) => eventNamed(`event ${n}`)),
    ),
  );
  [records, signals] = [0, []];
  log = {
    ...memory,
    read: async function* (partition, from, options) {
      if (options?.signal) signals.push(options.signal);
      for await (const chunk of memory.read(partition, from, options)) {
        records += chunk.records.length;
        yield chunk;
      }
    },
  };
});
afterEach(() => rmSync(temp, { recursive: true, force: true }));

const routes = (record: ViewRoutesOptions['record'] = async () => true) =>
  operatorRoutes({
    log,
    token: 'secret',
    backUp: (target) => backUp(join(temp, 'data'), target),
    operations: createOperations({
      log,
      db,
      // A view that is only just being made.
      runners: [
        {
          view: 'core',
          ...createWishes({ log, db, projection: core, look: () => undefined, clock: Date.now }),
          rebuilding: async () => undefined,
        },
      ],
    }),
    record,
  });

describe('the operators’ routes', () => {
  it.each([{}, { authorization: 'secret' }, { authorization: 'Bearer secret x' }, { authorization: 'Bearer ' }])(
    'are closed to %j',
    async (wrong) => {
      for (const [method, path] of [
        ['GET', '/log'],
        ['POST', `/backup?to=${join(temp, 'copy')}`],
        ['GET', '/lag'],
        ['GET', '/dead-letters'],
        ['POST', '/dead-letters/retry?view=core&stream=x'],
        ['GET', '/rebuild?view=core'],
        ['POST', '/rebuild?view=core'],
        ['POST', '/rebuild/cancel?view=core'],
        ['POST', '/rebuild/switch?view=core&phase=kept'],
      ] as const) {
        const answer = await routes().request(path, { method, headers: wrong });
        expect(answer.status).toBe(401);
        expect(await answer.json()).toEqual({ code: 'TOKEN_INVALID', message: expect.stringContaining('ops.token') });
      }
      expect(records).toBe(0);
    },
  );

  it('do nothing before it is in the audit', async () => {
    const actions: unknown[] = [];
    const ask = async (isRecorded: boolean, view = 'core') => {
      const record: ViewRoutesOptions['record'] = async (action) => (actions.push(action), isRecorded);
      const answer = await routes(record).request(`/rebuild?view=${view}&reason=why`, { method: 'POST', headers });
      return answer.json();
    };
    expect(await ask(false)).toMatchObject({ code: 'AUDIT_FAILED' });
    expect(await ask(true)).toMatchObject({ code: 'NO_ANSWER' });
    expect(await ask(true, 'none')).toMatchObject({ code: 'UNKNOWN_VIEW' });
    const asked = { action: 'rebuild', target: 'core', reason: 'why' };
    expect(actions).toEqual([asked, asked]);
  });

  it('hand out the log no faster than it is taken, and stop when its reader leaves', async () => {
    const answer = await routes().request('/log?follow=on', { headers });
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    const reader = answer.body?.getReader();
    await reader?.read();
    await turn();
    expect(records).toBeLessThan(400);
    let taken = 0;
    for (let piece = await reader?.read(); taken < 850; piece = await reader?.read()) {
      taken += new TextDecoder().decode(piece?.value).split('\n').length - 1;
    }
    await reader?.cancel();
    expect(signals.map(({ aborted }) => aborted)).not.toContain(false);
  });

  it('say in words what they cannot do', async () => {
    const answer = async (path: string, method = 'GET') => {
      const got = await routes().request(path, { method, headers });
      return { status: got.status, ...JSON.parse(await got.text()) };
    };
    expect(await answer('/log?limit=none')).toMatchObject({ status: 400, code: 'USAGE' });
    expect(await answer('/log?from=none')).toMatchObject({ status: 400, code: 'BAD_POSITION' });
    expect(await answer('/backup', 'POST')).toMatchObject({ status: 400, code: 'USAGE' });
    expect(await answer(`/backup?to=${join(temp, 'copy')}`, 'POST')).toMatchObject({
      status: 400,
      code: 'DATA_MISSING',
    });
  });

  it('say what they fail at without where in the code', async () => {
    log = { ...log, cursorAt: () => Promise.reject(new Error('The disk is gone.')) };
    const answer = await routes().request('/log', { headers });
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({ code: 'FAILED', message: 'The disk is gone.' });
  });

  it('make one backup at a time', async () => {
    const app = routes();
    const ask = () => app.request(`/backup?to=${join(temp, 'copy')}`, { method: 'POST', headers });
    const codes = await Promise.all([ask(), ask()].map(async (each) => JSON.parse(await (await each).text()).code));
    expect(codes).toEqual(['DATA_MISSING', 'BACKUP_RUNNING']);
    expect(JSON.parse(await (await ask()).text()).code).toBe('DATA_MISSING');
  });
});
