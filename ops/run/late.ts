import type { Db } from '../../projections/readmodel/db.js';

/** A database that is still opening: what is asked of it waits. So the server can listen before it is there. */
export function lateDb(opening: Promise<Db>): Db {
  return {
    query: async (sql, params) => (await opening).query(sql, params),
    tx: async (work) => (await opening).tx(work),
    close: async () => (await opening).close(),
  };
}
