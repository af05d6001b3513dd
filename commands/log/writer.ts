import Database from 'libsql/promise';

/** A connection that writes in a thread of its own: only who asked waits for the disk, and everything else goes on. */
export type Writer = {
  /** Runs statements as one transaction, after those before it; when it resolves, they are on the disk. */
  commit(statements: readonly string[]): Promise<void>;
  close(): void;
};

/** A writer to a SQLite file. Statements are whole texts, for handing over their values one by one takes longer than to write them. */
export function openWriter(file: string): Writer {
  const db = new Database(file, {});
  let last: Promise<unknown> = db.exec('PRAGMA synchronous = FULL');
  const commit = async (statements: readonly string[]): Promise<void> => {
    try {
      await db.exec(['BEGIN IMMEDIATE', ...statements, 'COMMIT'].join(';\n'));
    } catch (error) {
      // Where SQLite has rolled back by itself, there is nothing left to.
      await db.exec('ROLLBACK').catch(() => undefined);
      throw error;
    }
  };
  return {
    commit: (statements) => {
      const done = last.then(() => commit(statements));
      last = done.catch(() => undefined);
      return done;
    },
    close: () => db.close(),
  };
}

/** A text as SQL has it. JSON holds no NUL, at which SQL would end. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
