import { chmodSync, closeSync, openSync } from 'node:fs';
import { hash, verify } from '@node-rs/argon2';
import Database from 'libsql';
import { type Role, roles } from '../../domain/instance.js';
import { type Account, type Directory, unknownAccount } from './identity.js';

export type Accounts = {
  /**
   * Registers a person. The first one takes all roles: one row, of which there can be only one. `closed` if somebody
   * else became the first where only the first may register.
   */
  register(person: Registration): Promise<Account | 'taken' | 'closed'>;
  /** The account of these credentials. A wrong name costs as much time as a wrong password. */
  check(login: string, password: string): Promise<Account | undefined>;
  find(subject: string): Account | undefined;
  first(): Account | undefined;
  /** Whether there ever was a first account: it may be erased by now, and nobody takes its place. */
  hasFirst(): boolean;
  /** Of all who are not erased. */
  subjects(): readonly string[];
  /**
   * Erases people: what is left of each is the subject, so that it is never given again; their sessions and grants end, and
   * their login is free. The bytes leave the file and its write-ahead log, also those of erasures before that were broken
   * off; where somebody reads the file, it throws AccountLeft. May be done again.
   */
  erase(subjects: readonly string[]): void;
  /** Replaces the roles of a person. False if there is no such person. */
  setRoles(subject: string, roles: readonly Role[]): boolean;
  /** All who are not erased, with what is known of their passwords: the argon2 hash in PHC form. To take them elsewhere. */
  all(): Iterable<StoredAccount>;
};

export type StoredAccount = Account & { readonly password: string };

/** People are erased, but somebody reads the file, so that their bytes still stand in its write-ahead log. */
export class AccountLeft extends Error {
  override name = 'AccountLeft';
  readonly code = 'ACCOUNT_LEFT';
  constructor(file: string) {
    super(
      `bytes of erased accounts are still on the disk, for somebody reads ${file}: erase them again when nobody does`,
    );
  }
}

export type Registration = {
  readonly login: string;
  readonly name: string;
  readonly password: string;
  /** Register only if there is no account yet; decided where two cannot both be the first. */
  readonly onlyFirst: boolean;
};

export class IdentityError extends Error {
  override name = 'IdentityError';
  readonly code = 'IDENTITY_STORE_DAMAGED';
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} cannot be read: restore the file from a backup`, options);
  }
}

/** What the provider keeps: accounts, its own rows (sessions, grants, tokens), and secrets made once. */
export type IdentityStore = {
  readonly accounts: Accounts;
  readonly rows: ProviderRows;
  /** A secret by name, made by `make` the first time. */
  secret<T>(name: string, make: () => Promise<T>): Promise<unknown>;
  close(): void;
};

export type ProviderRows = {
  put(kind: string, id: string, row: StoredRow): void;
  get(kind: string, by: 'id' | 'uid', value: string): Record<string, unknown> | undefined;
  remove(kind: string, id: string): void;
  removeGrant(grant: string): void;
  removeExpired(): void;
};
export type StoredRow = {
  readonly payload: object;
  readonly grant: string | undefined;
  readonly uid: string | undefined;
  /** Seconds to live, if it ends. */
  readonly ttl: number | undefined;
};

const tables = `
  CREATE TABLE IF NOT EXISTS accounts (subject TEXT PRIMARY KEY, login TEXT NOT NULL, login_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL, password TEXT NOT NULL, roles TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS first_account (one INTEGER PRIMARY KEY CHECK (one = 1), subject TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, id TEXT NOT NULL, payload TEXT NOT NULL, grant_id TEXT, uid TEXT,
    expires INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS rows_grant ON rows (grant_id);
  CREATE INDEX IF NOT EXISTS rows_uid ON rows (kind, uid);
  CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL);`;

/** An account, and not what an erasure left of one. */
const there = `password <> ''`;

/**
 * Opens the identity store: one SQLite file, mode 0600, synced at every commit. `now` in ms since 1970. Throws
 * IdentityError if the file does not hold what it should.
 */
export async function openIdentityStore({ file, newId, now }: StoreOptions): Promise<IdentityStore> {
  // Made before SQLite opens it: the files of its write-ahead log copy the mode that they find.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const db = openDatabase(file);
  // Verified where there is no account, so that the time of an answer does not say whether there is one.
  const nobody = await hash('nobody has this password');

  const select = (where: string, value: string): Row | undefined =>
    rowOf(db.prepare(`SELECT * FROM accounts WHERE ${where} = ? AND ${there}`).get(value));

  const accounts: Accounts = {
    register: async ({ login, name, password, onlyFirst }) => {
      const hashed = await hash(canonical(password));
      const subject = newId();
      const add = db.transaction((): Account | 'taken' | 'closed' => {
        if (onlyFirst && accounts.hasFirst()) return 'closed';
        const { changes } = db
          .prepare('INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
          .run(subject, login, keyOf(login), name, hashed, JSON.stringify(['user']));
        if (changes === 0) return 'taken';
        const first = db.prepare('INSERT INTO first_account VALUES (1, ?) ON CONFLICT DO NOTHING').run(subject);
        if (first.changes === 1) {
          db.prepare('UPDATE accounts SET roles = ? WHERE subject = ?').run(JSON.stringify(roles), subject);
        }
        return accounts.find(subject) ?? 'taken';
      });
      return add.immediate();
    },
    check: async (login, password) => {
      const row = select('login_key', keyOf(login));
      const right = await verify(row?.password ?? nobody, canonical(password));
      return row && right ? row.account : undefined;
    },
    find: (subject) => select('subject', subject)?.account,
    first: () => {
      const row: unknown = db.prepare('SELECT subject FROM first_account').get();
      return isRecord(row) && typeof row['subject'] === 'string' ? accounts.find(row['subject']) : undefined;
    },
    hasFirst: () => db.prepare('SELECT 1 FROM first_account').get() !== undefined,
    subjects: () => db.prepare(`SELECT subject FROM accounts WHERE ${there}`).all().map(subjectOf),
    erase: (subjects) => {
      const empty = db.prepare(
        `UPDATE accounts SET login = '', login_key = subject, name = '', password = '', roles = '[]' WHERE subject = ?`,
      );
      const endRows = db.prepare('DELETE FROM rows WHERE instr(payload, ?) > 0');
      db.transaction(() => {
        for (const subject of subjects) {
          empty.run(subject);
          endRows.run(subject);
        }
      }).immediate();
      const row: unknown = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
      if (!isRecord(row) || row['busy'] !== 0) throw new AccountLeft(file);
    },
    setRoles: (subject, granted) => {
      const all = roles.filter((role) => role === 'user' || granted.includes(role));
      const row = db
        .prepare(`UPDATE accounts SET roles = ? WHERE subject = ? AND ${there}`)
        .run(JSON.stringify(all), subject);
      return row.changes > 0;
    },
    all: function* () {
      for (const stored of db.prepare(`SELECT * FROM accounts WHERE ${there} ORDER BY subject`).iterate()) {
        const row = rowOf(stored);
        if (row) yield { ...row.account, password: row.password };
      }
    },
  };

  const seconds = (): number => Math.floor(now() / 1_000);
  const rows: ProviderRows = {
    put: (kind, id, { payload, grant, uid, ttl }) => {
      const expires = ttl === undefined ? null : seconds() + ttl;
      db.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)').run(
        kind,
        id,
        JSON.stringify(payload),
        grant ?? null,
        uid ?? null,
        expires,
      );
    },
    get: (kind, by, value) => {
      const row: unknown = db
        .prepare(`SELECT payload FROM rows WHERE kind = ? AND ${by} = ? AND (expires IS NULL OR expires > ?)`)
        .get(kind, value, seconds());
      const payload: unknown =
        isRecord(row) && typeof row['payload'] === 'string' ? JSON.parse(row['payload']) : undefined;
      return isRecord(payload) ? payload : undefined;
    },
    remove: (kind, id) => {
      db.prepare('DELETE FROM rows WHERE kind = ? AND id = ?').run(kind, id);
    },
    removeGrant: (grant) => {
      db.prepare('DELETE FROM rows WHERE grant_id = ?').run(grant);
    },
    removeExpired: () => {
      db.prepare('DELETE FROM rows WHERE expires <= ?').run(seconds());
    },
  };

  return {
    accounts,
    rows,
    secret: async (name, make) => {
      const read = (): unknown => db.prepare('SELECT value FROM secrets WHERE name = ?').get(name);
      if (read() === undefined) {
        db.prepare('INSERT INTO secrets VALUES (?, ?) ON CONFLICT DO NOTHING').run(name, JSON.stringify(await make()));
      }
      const row = read();
      try {
        if (isRecord(row)) return JSON.parse(String(row['value']));
      } catch (cause) {
        throw new IdentityError(`the ${name} in ${file}`, { cause });
      }
      throw new IdentityError(`the ${name} in ${file}`);
    },
    close: () => {
      db.close();
    },
  };
}

/** The accounts as the product asks for them, whoever keeps them. */
export const directoryOf = (accounts: Accounts): Directory => ({
  subjects: async function* () {
    yield accounts.subjects();
  },
  find: async (subject) => accounts.find(subject),
  setRoles: async (subject, granted) => {
    if (!accounts.setRoles(subject, granted)) throw unknownAccount(subject);
  },
  erase: async (subjects) => accounts.erase(subjects),
});

function openDatabase(file: string): Database.Database {
  const db = new Database(file);
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; ${tables}`);
    return db;
  } catch (cause) {
    db.close();
    const code = isRecord(cause) ? String(cause['code']) : '';
    throw /NOTADB|CORRUPT/.test(code) ? new IdentityError(`the identity store ${file}`, { cause }) : cause;
  }
}

export type StoreOptions = { readonly file: string; readonly newId: () => string; readonly now: () => number };

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** The same characters however a keyboard composes them. */
export const canonical = (text: string): string => text.normalize('NFKC');

/** Names to log in are one whatever their case. */
export const keyOf = (login: string): string => canonical(login).toLowerCase();

const subjectOf = (row: unknown): string => (isRecord(row) ? String(row['subject']) : '');

type Row = { readonly account: Account; readonly password: string };

function rowOf(row: unknown): Row | undefined {
  if (!isRecord(row)) return undefined;
  const granted: unknown = JSON.parse(String(row['roles']));
  return {
    account: {
      subject: String(row['subject']),
      login: String(row['login']),
      name: String(row['name']),
      roles: Array.isArray(granted) ? roles.filter((role) => granted.includes(role)) : [],
    },
    password: String(row['password']),
  };
}
