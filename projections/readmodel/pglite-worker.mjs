// The thread in which PGlite lives, so that a heavy statement never holds up the process. Plain JavaScript, for Node 20
// cannot start a thread from TypeScript. One message is one statement; they run in the order in which they come.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parentPort, threadId, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';

const { dir, template } = workerData;

const parsers = {
  [types.INT8]: Number,
  [types.TIMESTAMPTZ]: (text) => new Date(text).toISOString(),
};

/** An empty database as an archive. Made once and kept, for making one takes seconds and unpacking it less than one. */
async function emptyDatabase() {
  const type = 'application/x-gzip';
  if (existsSync(template)) return new Blob([readFileSync(template)], { type });
  const pg = await PGlite.create();
  const archive = await pg.dumpDataDir('gzip');
  await pg.close();
  // Several threads may get here at once: each writes a copy of its own and moves it into place whole.
  const copy = `${template}.${process.pid}.${threadId}`;
  try {
    mkdirSync(dirname(template), { recursive: true });
    writeFileSync(copy, Buffer.from(await archive.arrayBuffer()));
    renameSync(copy, template);
  } catch {
    rmSync(copy, { force: true }); // No place to keep it: the next one is made again.
  }
  return archive;
}

async function open() {
  if (dir !== undefined && existsSync(join(dir, 'PG_VERSION'))) return PGlite.create({ dataDir: dir, parsers });
  const loadDataDir = await emptyDatabase();
  try {
    return await PGlite.create({ ...(dir === undefined ? {} : { dataDir: dir }), loadDataDir, parsers });
  } catch (error) {
    rmSync(template, { force: true });
    throw error;
  }
}

const opened = open();
let last = opened.then(
  () => parentPort.postMessage({ id: 0 }),
  (error) => parentPort.postMessage({ id: 0, error: String(error) }),
);

/** A trap of WebAssembly leaves nothing to go on with, nor does what ends a server: the next statement never answers. */
const isEnd = (error) => error instanceof WebAssembly.RuntimeError || /^(FATAL|PANIC)$/.test(error?.severity);
const codeOf = (error) => (isEnd(error) ? 'DB_UNUSABLE' : (error?.code ?? 'DB_STATEMENT'));

async function run({ id, sql, params }) {
  try {
    const pg = await opened;
    if (sql === undefined) await pg.close();
    const { rows, affectedRows, command } = sql === undefined ? { rows: [] } : await pg.query(sql, params);
    parentPort.postMessage({ id, rows, count: affectedRows || rows.length, command });
  } catch (error) {
    parentPort.postMessage({ id, error: error?.message ?? String(error), code: codeOf(error) });
  }
}

parentPort.on('message', (message) => {
  last = last.then(() => run(message));
});
