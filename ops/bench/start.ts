import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { startServer } from '../chaos/server.js';
import { freePort } from '../run/port.js';
import { ensureUi } from '../run/ui.js';
import { type Figure, median } from './figure.js';
import { withFolder } from './writeside.js';

const REPEATS = 3;
const POLL_MS = 10;
const PATIENCE_MS = 120_000;

/**
 * How long `verbatim start` takes, from the command to the first page and until everything is ready: on a new data folder,
 * and on one that was killed. The page is built beforehand. Beside it, a bare HTTP server in Node on the same machine.
 */
export async function start(): Promise<readonly Figure[]> {
  await ensureUi();
  const first = await withFolder(run);
  const again = await withFolder(async (data) => {
    await run(data);
    const runs: Start[] = [];
    for (let n = 0; n < REPEATS; n++) runs.push(await run(data));
    return { page: median(runs.map(({ page }) => page)), ready: median(runs.map(({ ready }) => ready)) };
  });
  const bares: number[] = [];
  for (let n = 0; n < REPEATS; n++) bares.push(await bare());
  const beside = median(bares);
  return [
    { metric: 'first start to first page', value: first.page, unit: 's' },
    { metric: 'first start to ready', value: first.ready, unit: 's' },
    { metric: 'second start to first page', value: again.page, unit: 's', goal: 3, better: 'lower' },
    { metric: 'second start to ready', value: again.ready, unit: 's' },
    { metric: 'a bare Node server to first page', value: beside, unit: 's' },
    { metric: 'second start to first page, against the bare server', value: again.page / beside, unit: '×' },
  ];
}

/** In seconds from the command. */
type Start = { readonly page: number; readonly ready: number };

async function run(data: string): Promise<Start> {
  const { port } = await freePort('127.0.0.1', 0);
  const begun = performance.now();
  const server = await startServer({ data, port });
  try {
    const [page, ready] = await Promise.all([answer(server.url), answer(`${server.url}/readyz`)]);
    return { page: (page - begun) / 1_000, ready: (ready - begun) / 1_000 };
  } finally {
    await server.kill();
  }
}

async function bare(): Promise<number> {
  const { port } = await freePort('127.0.0.1', 0);
  const code = `require('http').createServer((_, r) => r.end('page')).listen(${port}, '127.0.0.1')`;
  const begun = performance.now();
  const child = spawn(process.execPath, ['--eval', code], { stdio: 'ignore' });
  try {
    return ((await answer(`http://localhost:${port}`)) - begun) / 1_000;
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

/** When an address first answers 200, on the clock of `performance`. */
async function answer(url: string): Promise<number> {
  const last = performance.now() + PATIENCE_MS;
  while (performance.now() < last) {
    const response = await fetch(url).catch(() => undefined);
    await response?.body?.cancel();
    if (response?.status === 200) return performance.now();
    await sleep(POLL_MS);
  }
  throw new Error(`${url} did not answer within ${PATIENCE_MS / 1_000} s`);
}
