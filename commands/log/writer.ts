import Database from 'libsql/promise';

/** A connection that writes in a thread of its own: only who asked waits for the disk, and everything else goes on. */
export type Writer = {
  /**
   * Runs statements as one transaction, after those before it; when it resolves, they are written as the file asks. False,
   * with nothing written, where `holds` says so: it is asked when nobody else can write any more.
   */
  commit(statements: readonly string[], holds?: () => boolean): Promise<boolean>;
  /** Lets what is under way end. */
  close(): Promise<void>;
};

/** How long to wait for another connection that writes to the same file, in ms. */
export const BUSY_MS = 5_000;

/** A writer to a SQLite file, by its own rule for what is synced (see PRAGMA synchronous). */
export function openWriter(file: string, synchronous: 'FULL' | 'NORMAL'): Writer {
  const db = new Database(file, {});
  let last: Promise<unknown> = db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA synchronous = ${synchronous}`);
  // Whoever commits first is told.
  last.catch(() => undefined);
  const run = async (statements: readonly string[]): Promise<void> => {
    await db.exec(statements.join(';\n'));
  };

  const commit: Writer['commit'] = async (statements, holds) => {
    try {
      if (!holds) {
        await run(['BEGIN IMMEDIATE', ...statements, 'COMMIT']);
        return true;
      }
      await run(['BEGIN IMMEDIATE']);
      const agreed = holds();
      await run(agreed ? [...statements, 'COMMIT'] : ['ROLLBACK']);
      return agreed;
    } catch (error) {
      // Where SQLite has rolled back by itself, there is nothing left to.
      await run(['ROLLBACK']).catch(() => undefined);
      throw error;
    }
  };

  return {
    commit: (statements, holds) => {
      const done = last.then(() => commit(statements, holds));
      last = done.catch(() => undefined);
      return done;
    },
    close: async () => {
      await last;
      db.close();
    },
  };
}

/**
 * The statement that adds rows. Their values stand in its text: to hand them over one by one takes longer than to write
 * them. It is put together bit by bit, which copies a text once, at its end; `join` would copy it for each row and again.
 */
export function insertion(verb: 'INSERT' | 'INSERT OR REPLACE', table: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  let sql = `${verb} INTO ${table} VALUES `;
  let before = '(';
  for (const row of rows) {
    for (const value of row) {
      sql += before + literal(value);
      before = ',';
    }
    before = '),(';
  }
  return `${sql})`;
}

type Row = readonly (string | number)[];

/** A value as SQL has it. A text of SQL ends at NUL, so that is never written as such. */
export const literal = (value: string | number): string => {
  if (typeof value === 'number') return String(value);
  const text = `'${value.replaceAll("'", "''")}'`;
  return text.includes('\0') ? text.replaceAll('\0', "'||char(0)||'") : text;
};
