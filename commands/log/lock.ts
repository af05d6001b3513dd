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
