import Database from 'libsql';
import { type Entry, type Log, encode } from '../../commands/log/log.js';

/** The batches of one commit. */
type Commit = (readonly Entry[])[];

/**
 * A log that takes down what it appends, by commits: what shares one is answered in one turn of the event loop. `taken`
 * gives what came since it was last asked.
 */
export function takingDown(log: Log): Log & { readonly taken: () => readonly Commit[] } {
  let commits: Commit[] = [];
  let current: Commit | undefined;
  return {
    ...log,
    append: async (partition, batch) => {
      const base = await log.append(partition, batch);
      if (!current) {
        commits.push((current = []));
        setImmediate(() => (current = undefined));
      }
      current.push(batch);
      return base;
    },
    taken: () => {
      const taken = commits;
      commits = [];
      return taken;
    },
  };
}

/**
 * The same bytes in the same number of bare commits of the same database, one after the other, encoded beforehand: the
 * least that anybody can pay for keeping them. Returns how long it took, in ms, and its CPU time, in µs.
 */
export function bareCommits(file: string, commits: readonly Commit[]): { readonly took: number; readonly cpu: number } {
  const db = new Database(file);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('CREATE TABLE IF NOT EXISTS bare (n INTEGER PRIMARY KEY, entry TEXT)');
  const insert = db.prepare('INSERT INTO bare (entry) VALUES (?)');
  const encoded = commits.map((commit) => commit.flat().map(encode));
  const [begun, idle] = [performance.now(), process.cpuUsage()];
  for (const texts of encoded) {
    db.exec('BEGIN IMMEDIATE');
    for (const text of texts) insert.run(text);
    db.exec('COMMIT');
  }
  const took = performance.now() - begun;
  const { user, system } = process.cpuUsage(idle);
  db.close();
  return { took, cpu: user + system };
}
