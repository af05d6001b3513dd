// The thread in which PGlite lives, so that a heavy statement never holds up the process. Plain JavaScript, for Node 20
// cannot start a thread from TypeScript. One message is one statement; they run in the order in which they come.
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, types } from '@electric-sql/pglite';

const opened = PGlite.create({
  ...(workerData.dir === undefined ? {} : { dataDir: workerData.dir }),
  parsers: {
    [types.INT8]: Number,
    [types.TIMESTAMPTZ]: (text) => new Date(text).toISOString(),
  },
});

let last = opened.then(
  () => parentPort.postMessage({ id: 0, rows: [], count: 0 }),
  (error) => parentPort.postMessage({ id: 0, error: String(error) }),
);

async function run({ id, sql, params }) {
  try {
    const pg = await opened;
    if (sql === undefined) await pg.close();
    const result = sql === undefined ? { rows: [] } : await pg.query(sql, params);
    parentPort.postMessage({ id, rows: result.rows, count: result.affectedRows || result.rows.length });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error), code: error?.code });
  }
}

parentPort.on('message', (message) => {
  last = last.then(() => run(message));
});
