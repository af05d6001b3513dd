import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Key, KeyMap, Keys } from './keys.js';

/** How a suite gets at an adapter. `reopen` closes the store and opens it again; `all` tells what a durable one holds. */
export type OpenedKeys = {
  readonly keys: Keys;
  close(): Promise<void>;
  reopen(): Promise<Keys>;
  all?(): Promise<KeyMap>;
};

/** The one contract of all key stores; `durable` ones outlive their process. `open` makes another store each time. */
export function keysContract(name: string, durable: boolean, open: () => Promise<OpenedKeys>): void {
  describe(`the keys contract on ${name}`, () => {
    let opened: OpenedKeys;
    let keys: Keys;
    beforeEach(async () => {
      opened = await open();
      ({ keys } = opened);
    });
    afterEach(() => opened.close());

    const destroyed = (id: string): unknown => expect.objectContaining({ code: 'KEY_DESTROYED', id });

    it('makes a key of 32 bytes once, another one for everybody', async () => {
      const key = await keys.ensure('user-a');
      expect(key).toHaveLength(32);
      expect(await keys.ensure('user-a')).toEqual(key);
      expect(await keys.ensure('user-b')).not.toEqual(key);
    });

    it('makes one key where many ask for it at once', async () => {
      const made = await Promise.all(Array.from({ length: 20 }, () => keys.ensure('user-a')));
      expect(new Set(made.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
    });

    it('finds what there is of many ids, each once, and makes nothing', async () => {
      const [a, b] = [await keys.ensure('user-a'), await keys.ensure(`user-"b'`)];
      const found = await keys.find(['user-a', 'user-x', `user-"b'`, 'user-a']);
      expect(found).toEqual(
        new Map([
          ['user-a', a],
          [`user-"b'`, b],
        ]),
      );
      expect(await keys.find(['user-x'])).toEqual(new Map());
      expect(await keys.find([])).toEqual(new Map());
    });

    it('destroys a key for ever, and no other: nothing makes it anew, and once more is no fault', async () => {
      await keys.ensure('user-a');
      const other = await keys.ensure('user-b');
      for (let time = 0; time < 2; time++) {
        await keys.destroy('user-a');
        await expect(keys.ensure('user-a')).rejects.toEqual(destroyed('user-a'));
        expect(await keys.find(['user-a', 'user-b'])).toEqual(new Map([['user-b', other]]));
      }
    });

    it('destroys what was never made, so that it never will be', async () => {
      await keys.destroy('user-never-seen');
      await expect(keys.ensure('user-never-seen')).rejects.toEqual(destroyed('user-never-seen'));
    });

    if (!durable) return;
    it('keeps keys and tombstones over a restart', async () => {
      const key = await keys.ensure('user-a');
      await keys.ensure('user-b');
      await keys.destroy('user-b');
      keys = await opened.reopen();
      expect(await keys.find(['user-a', 'user-b'])).toEqual(new Map([['user-a', key]]));
      await expect(keys.ensure('user-b')).rejects.toEqual(destroyed('user-b'));
    });

    it('tells all that there is, so that it can be taken elsewhere: keys and tombstones', async () => {
      expect(await opened.all?.()).toEqual(new Map());
      const ids = Array.from({ length: 520 }, (_, n) => `user-${n}`);
      const made = new Map<string, Key | null>();
      for (const id of ids) made.set(id, await keys.ensure(id));
      for (const id of [ids[7] ?? '', 'user-never-seen']) {
        await keys.destroy(id);
        made.set(id, null);
      }
      expect(await opened.all?.()).toEqual(made);
    });
  });
}
