import { createHash } from 'node:crypto';
import pg from 'pg';

// What goes to Postgres and comes back from it, in the shapes that PGlite has too.

/** By the ids that Postgres has for its types for ever. */
const id = { int8: 20, timestamptz: 1184, int8s: 1016, timestamptzs: 1185, texts: 1009 };

const isoOf = (text: string): string => new Date(text).toISOString();

/** An array of values that are each read like this; null stays null. */
function arrayOf<T>(read: (text: string) => T): (text: string) => readonly (T | null)[] {
  const texts: (text: string) => readonly (string | null)[] = pg.types.getTypeParser(id.texts, 'text');
  return (text) => texts(text).map((each) => (each === null ? null : read(each)));
}

/** int8 as numbers and timestamptz as ISO 8601, in arrays too. All else is as the driver reads it. */
export function valueTypes(): pg.TypeOverrides {
  const types = new pg.TypeOverrides();
  types.setTypeParser(id.int8, Number);
  types.setTypeParser(id.timestamptz, isoOf);
  types.setTypeParser(id.int8s, arrayOf(Number));
  types.setTypeParser(id.timestamptzs, arrayOf(isoOf));
  return types;
}

/** So many different statements are prepared on a connection. */
const MOST_NAMES = 256;

/**
 * Names for statements, by which each connection prepares them once. They are constant texts but for the schemas of
 * generations that come and go: when there are too many, all begin anew, and `era` says that connections should as well.
 */
export function createNames() {
  const names = new Map<string, string>();
  let era = 0;
  return {
    era: () => era,
    /** Undefined for what is not worth it: it has no parameters, or is no statement about rows. */
    of: (sql: string, params: readonly unknown[]): string | undefined => {
      if (params.length === 0 || !/^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b/.test(sql)) return undefined;
      const known = names.get(sql);
      if (known !== undefined) return known;
      if (names.size >= MOST_NAMES) {
        names.clear();
        era += 1;
      }
      const name = createHash('sha256').update(sql).digest('base64url').slice(0, 32);
      names.set(sql, name);
      return name;
    },
  };
}
