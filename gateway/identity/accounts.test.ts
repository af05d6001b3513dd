import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IdentityError, type IdentityStore, type Registration, directoryOf, openIdentityStore } from './accounts.js';
import { directoryContract } from './contract.js';

let folder: string;
let file: string;
let at: number;
let store: IdentityStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'verbatim-accounts-'));
  file = join(folder, 'identity.db');
  at = 1_700_000_000_000;
  store = await open();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

const open = (): Promise<IdentityStore> => openIdentityStore({ file, newId: randomUUID, now: () => at });
const person = (login: string, more: Partial<Registration> = {}): Registration => ({
  login,
  name: login,
  password: 'correct horse battery',
  onlyFirst: false,
  ...more,
});

directoryContract('the directory of people in the identity store', async () => {
  const place = mkdtempSync(join(tmpdir(), 'verbatim-directory-'));
  const kept = await openIdentityStore({ file: join(place, 'identity.db'), newId: randomUUID, now: Date.now });
  // The first account takes all roles, and there is only one.
  await kept.accounts.register(person('the-first'));
  return {
    directory: directoryOf(kept.accounts),
    register: async (login, name) => {
      const made = await kept.accounts.register(person(login, { name }));
      if (typeof made === 'string') throw new Error(`${login} is ${made}`);
      return made.subject;
    },
    close: async () => {
      kept.close();
      rmSync(place, { recursive: true });
    },
  };
});

describe('accounts', () => {
  it('gives all roles to the first, and to nobody else', async () => {
    expect(store.accounts.first()).toBeUndefined();
    const ada = await store.accounts.register(person('Ada'));
    const bob = await store.accounts.register(person('bob'));
    expect(ada).toMatchObject({ login: 'Ada', roles: ['user', 'analyst', 'ops'] });
    expect(bob).toMatchObject({ login: 'bob', roles: ['user'] });
    expect(store.accounts.first()).toEqual(ada);
  });

  it('makes one of many the first, however they race', async () => {
    const logins = Array.from({ length: 8 }, (_, nth) => `racer-${nth}`);
    const made = await Promise.all(logins.map((login) => store.accounts.register(person(login))));
    const chiefs = made.filter((each) => typeof each === 'object' && each.roles.includes('ops'));
    expect(chiefs).toEqual([store.accounts.first()]);
    expect(made.filter((each) => typeof each === 'object')).toHaveLength(8);
  });

  it('registers one of many where only the first may register', async () => {
    const logins = Array.from({ length: 8 }, (_, nth) => `racer-${nth}`);
    const made = await Promise.all(logins.map((login) => store.accounts.register(person(login, { onlyFirst: true }))));
    expect(made.filter((each) => each !== 'closed')).toEqual([store.accounts.first()]);
  });

  it('takes one person of a name, whatever its case and however it is composed', async () => {
    await store.accounts.register(person('Zoë'));
    expect(await store.accounts.register(person('ZOE\u0308'))).toBe('taken');
    const again = await Promise.all([store.accounts.register(person('Eve')), store.accounts.register(person('eve'))]);
    expect(again.filter((each) => each === 'taken')).toHaveLength(1);
  });

  it('knows a person by name and password alone', async () => {
    const ada = await store.accounts.register(person('Ada', { password: 'caf\u00e9 caf\u00e9 caf\u00e9' }));
    expect(await store.accounts.check('aDA', 'cafe\u0301 cafe\u0301 cafe\u0301')).toEqual(ada);
    expect(await store.accounts.check('Ada', 'café café')).toBeUndefined();
    expect(await store.accounts.check('nobody', 'café café café')).toBeUndefined();
    expect(await store.accounts.check('nobody', 'nobody has this password')).toBeUndefined();
  });

  it('keeps neither a password nor anything for the eyes of others of this machine', async () => {
    await store.accounts.register(person('ada', { password: 'a marker to look for' }));
    const files = readdirSync(folder);
    expect(files.length).toBeGreaterThan(1);
    for (const name of files) {
      expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
      expect(readFileSync(join(folder, name)).includes('a marker to look for')).toBe(false);
    }
  });

  it('erases a person: nothing is left but a subject that is never given again', async () => {
    const twice = await openIdentityStore({
      file: join(folder, 'twice.db'),
      newId: () => 'the subject',
      now: () => at,
    });
    const ada = await twice.accounts.register(person('ada-to-erase', { name: 'Ada Lovelace' }));
    if (typeof ada === 'string') throw new Error(ada);
    for (const payload of [{ accountId: ada.subject }, { session: { accountId: ada.subject } }]) {
      twice.rows.put('Session', JSON.stringify(payload), { payload, grant: undefined, uid: undefined, ttl: 60 });
    }
    twice.rows.put('Session', 'of another', { payload: { accountId: 'x' }, grant: undefined, uid: undefined, ttl: 60 });
    expect(twice.accounts.subjects()).toEqual([ada.subject]);
    for (let times = 0; times < 2; times++) twice.accounts.erase([ada.subject]);
    expect(twice.accounts.subjects()).toEqual([]);
    expect(twice.accounts.find(ada.subject)).toBeUndefined();
    for (const login of ['ada-to-erase', '', ada.subject]) {
      for (const password of ['correct horse battery', '', 'nobody has this password']) {
        expect(await twice.accounts.check(login, password)).toBeUndefined();
      }
    }
    expect([twice.accounts.first(), twice.accounts.hasFirst()]).toEqual([undefined, true]);
    expect(await twice.accounts.register(person('eve', { onlyFirst: true }))).toBe('closed');
    expect(await twice.accounts.register(person('ada-to-erase'))).toBe('taken');
    expect(twice.rows.get('Session', 'id', 'of another')).toBeDefined();
    for (const name of readdirSync(folder).filter((each) => each.startsWith('twice.db'))) {
      const bytes = readFileSync(join(folder, name));
      for (const text of ['ada-to-erase', 'Lovelace', '"accountId":"the subject"', '$argon2']) {
        expect([name, text, bytes.includes(text)]).toEqual([name, text, false]);
      }
    }
    twice.close();
  });

  it('hands out all who are there, with the hashes of their passwords', async () => {
    await store.accounts.register(person('ada', { name: 'Ada' }));
    const bob = await store.accounts.register(person('bob'));
    if (typeof bob === 'string') throw new Error(bob);
    store.accounts.erase([bob.subject]);
    expect([...store.accounts.all()]).toEqual([
      { ...store.accounts.first(), password: expect.stringMatching(/^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$/) },
    ]);
  });

  it('says so where the bytes of an erased person cannot leave yet, and has them leave when it is done again', async () => {
    const ada = await store.accounts.register(person('ada-to-erase'));
    if (typeof ada === 'string') throw new Error(ada);
    const reader = new Database(file);
    reader.exec('BEGIN; SELECT * FROM accounts');
    expect(() => store.accounts.erase([ada.subject])).toThrow(expect.objectContaining({ code: 'ACCOUNT_LEFT' }));
    reader.exec('COMMIT');
    reader.close();
    store.accounts.erase([]);
    for (const name of readdirSync(folder)) {
      expect(readFileSync(join(folder, name)).includes('ada-to-erase')).toBe(false);
    }
  });

  it('survives a reopen, secrets and all', async () => {
    const ada = await store.accounts.register(person('ada'));
    expect(await store.secret('key', async () => 'made')).toBe('made');
    store.close();
    store = await open();
    expect(store.accounts.first()).toEqual(ada);
    expect(await store.accounts.check('ada', 'correct horse battery')).toEqual(ada);
    expect(await store.secret('key', async () => 'made again')).toBe('made');
  });

  it('says with a code that its file is not what it should be', async () => {
    store.close();
    const db = new Database(file);
    db.prepare('INSERT INTO secrets VALUES (?, ?)').run('key', '{"torn');
    db.close();
    store = await open();
    const failure = await store.secret('key', async () => 'made').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IdentityError);
    expect(failure).toMatchObject({ code: 'IDENTITY_STORE_DAMAGED' });

    const other = join(folder, 'other.db');
    writeFileSync(other, 'this is no database, but it is long enough to be looked at '.repeat(100));
    const opened = openIdentityStore({ file: other, newId: randomUUID, now: () => at });
    await expect(opened).rejects.toMatchObject({ code: 'IDENTITY_STORE_DAMAGED' });
  });
});

describe('rows of the provider', () => {
  const row = { payload: { kept: true }, grant: 'g', uid: 'u', ttl: 60 };

  it('end when their time is over, and are then removed', () => {
    store.rows.put('Session', 'a', row);
    store.rows.put('Client', 'b', { ...row, ttl: undefined });
    expect(store.rows.get('Session', 'id', 'a')).toEqual({ kept: true });
    expect(store.rows.get('Session', 'uid', 'u')).toEqual({ kept: true });
    expect(store.rows.get('Grant', 'id', 'a')).toBeUndefined();
    at += 60_000;
    expect(store.rows.get('Session', 'id', 'a')).toBeUndefined();
    expect(count()).toBe(2);
    store.rows.removeExpired();
    expect(count()).toBe(1);
    expect(store.rows.get('Client', 'id', 'b')).toEqual({ kept: true });
  });

  it('go together when their grant goes', () => {
    store.rows.put('RefreshToken', 'a', row);
    store.rows.put('AccessToken', 'b', row);
    store.rows.put('AccessToken', 'c', { ...row, grant: 'other' });
    store.rows.removeGrant('g');
    expect(store.rows.get('RefreshToken', 'id', 'a')).toBeUndefined();
    expect(store.rows.get('AccessToken', 'id', 'b')).toBeUndefined();
    expect(store.rows.get('AccessToken', 'id', 'c')).toEqual({ kept: true });
  });

  /** How many rows stand in the file, whether they have ended or not. */
  const count = (): number => {
    const db = new Database(file);
    const found = db.prepare('SELECT id FROM rows').all();
    db.close();
    return found.length;
  };
});
