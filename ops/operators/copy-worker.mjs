// The thread in which files are copied, so that a long copy never holds up the process. Plain JavaScript, for Node 20
// cannot start a thread from TypeScript. It reads through a connection of SQLite's own: opened and closed by any other
// means, a file that the process has open would lose its locks.
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'libsql';

/** What a log says of itself: its id, and how far each partition goes. Nothing for other files. */
function logIn(db) {
  const tables = db.prepare(`SELECT name FROM sqlite_master WHERE name LIKE 'records#_%' ESCAPE '#'`).all();
  const partitions = tables.map(({ name }) => {
    const first = db.prepare(`SELECT entry FROM ${name} ORDER BY "offset" LIMIT 1`).get();
    const { records, last } = db.prepare(`SELECT count(*) AS records, max("offset") AS last FROM ${name}`).get();
    return { partition: Number(name.slice('records_'.length)), log: JSON.parse(first.entry).log, records, last };
  });
  return partitions.toSorted((a, b) => a.partition - b.partition);
}

/** Copies a file, and reads what was copied again. */
function copy({ from, to }) {
  const source = new Database(from);
  const before = logIn(source);
  source.prepare('VACUUM INTO ?').run(to);
  source.close();
  const copied = new Database(to, { readonly: true });
  const faults = copied.prepare('PRAGMA quick_check').all();
  const report = { to, before, after: logIn(copied), faults: faults.map((row) => row.quick_check) };
  copied.close();
  return report;
}

for (const file of workerData) {
  try {
    parentPort.postMessage(copy(file));
  } catch ({ code, message }) {
    // An error of SQLite's would lose its message on the way out of the thread.
    parentPort.postMessage({ ...file, error: { code, message } });
    break;
  }
}
