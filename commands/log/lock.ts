import { chmodSync, closeSync, openSync } from 'node:fs';
import Database from 'libsql';

/**
 * Takes a lock that the kernel holds for this process: a killed process leaves none behind, as a file with a pid would.
 * The file is an empty SQLite database in an exclusive transaction. Returns how to give it back, or undefined where
 * another process has it.
 */
export function takeLock(file: string): (() => void) | undefined {
  const db = new Database(file);
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (error instanceof Error && /lock|busy/i.test(error.message)) return undefined;
    throw error;
  }
  return () => {
    db.exec('ROLLBACK');
    db.close();
  };
}

/**
 * Makes a file that its owner alone can read, before SQLite opens it: the files that SQLite puts beside it take their
 * mode from it. One that is there already is not opened, for closing it would drop all locks that this process has on it.
 */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    chmodSync(file, 0o600);
  }
}
