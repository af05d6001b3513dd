import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Directory } from './identity.js';

export type DirectoryPlace = {
  readonly directory: Directory;
  /** Makes an account; resolves with its subject. Rejects if the login is taken. */
  register(login: string, name: string): Promise<string>;
  close(): Promise<void>;
};

/** What every directory of people must do, wherever it keeps them. */
export function directoryContract(what: string, open: () => Promise<DirectoryPlace>): void {
  describe(what, () => {
    let place: DirectoryPlace;
    let directory: Directory;
    beforeAll(async () => {
      place = await open();
      ({ directory } = place);
    });
    afterAll(() => place?.close());

    let people = 0;
    const newcomer = async (name = 'Some Body') => {
      const login = `person-${people++}-of-the-contract`;
      return { login, subject: await place.register(login, name) };
    };
    const everybody = async (): Promise<readonly string[]> => {
      const all: string[] = [];
      for await (const subjects of directory.subjects()) all.push(...subjects);
      return all;
    };

    it('knows a person by their subject, and nobody by another', async () => {
      await newcomer();
      const { login, subject } = await newcomer('Ada Lovelace');
      expect(await directory.find(subject)).toEqual({ subject, login, name: 'Ada Lovelace', roles: ['user'] });
      expect(await directory.find(randomUUID())).toBeUndefined();
      // Whatever comes in as a subject is no part of an address, or of a statement.
      const odd = ['..', '.', '../users', `${subject}/credentials`, `${subject}?`, "' OR '1' = '1", '', '%'];
      for (const each of odd) expect(await directory.find(each)).toBeUndefined();
      await directory.erase(odd);
      expect(await directory.find(subject)).toBeDefined();
    });

    it('lists everybody once', async () => {
      const made = await Promise.all(Array.from({ length: 12 }, () => newcomer()));
      const all = await everybody();
      expect(new Set(all).size).toBe(all.length);
      expect(all).toEqual(expect.arrayContaining(made.map(({ subject }) => subject)));
    });

    it('replaces the roles of a person; everybody is a user', async () => {
      const { subject } = await newcomer();
      const other = await newcomer();
      for (const [given, has] of [
        [
          ['user', 'ops'],
          ['user', 'ops'],
        ],
        [['analyst'], ['user', 'analyst']],
        [['analyst'], ['user', 'analyst']],
        [
          ['ops', 'analyst', 'user'],
          ['user', 'analyst', 'ops'],
        ],
        [[], ['user']],
      ] as const) {
        await directory.setRoles(subject, given);
        expect((await directory.find(subject))?.roles).toEqual(has);
      }
      expect((await directory.find(other.subject))?.roles).toEqual(['user']);
      await expect(directory.setRoles(randomUUID(), ['ops'])).rejects.toMatchObject({ code: 'ACCOUNT_UNKNOWN' });
    });

    it('erases people: nothing of them is found, their login is free, and it may be done again', async () => {
      const [gone, also, left] = [await newcomer(), await newcomer(), await newcomer()];
      await directory.setRoles(gone.subject, ['ops']);
      for (let times = 0; times < 2; times++) await directory.erase([gone.subject, also.subject, randomUUID()]);
      await directory.erase([]);
      for (const { subject } of [gone, also]) {
        expect(await directory.find(subject)).toBeUndefined();
        await expect(directory.setRoles(subject, ['ops'])).rejects.toMatchObject({ code: 'ACCOUNT_UNKNOWN' });
      }
      const all = await everybody();
      expect(all).not.toContain(gone.subject);
      expect(all).toContain(left.subject);
      const next = await place.register(gone.login, 'Another');
      expect(next).not.toBe(gone.subject);
      expect((await directory.find(next))?.roles).toEqual(['user']);
    });

    it('lists everybody else while some are erased in between', async () => {
      const made = await Promise.all(Array.from({ length: 8 }, () => newcomer()));
      const doomed = new Set(made.slice(0, 4).map(({ subject }) => subject));
      const seen: string[] = [];
      for await (const subjects of directory.subjects()) {
        seen.push(...subjects);
        await directory.erase(subjects.filter((each) => doomed.has(each)));
      }
      expect(seen).toEqual(expect.arrayContaining(made.map(({ subject }) => subject)));
      expect((await everybody()).filter((each) => doomed.has(each))).toEqual([]);
    });
  });
}
