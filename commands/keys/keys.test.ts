import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import Database from 'libsql';
import { afterAll, describe, expect, it } from 'vitest';
import type { Keys } from './keys.js';
import { createOpener } from './opener.js';
import { payloadHash, seal, unseal } from './sealing.js';
import { openKeys } from './sqlite.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const folder = mkdtempSync(join(tmpdir(), 'verbatim-keys-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `keys${files++}.db`);

describe('the key store', () => {
  it('makes a key once and keeps it over a restart, readable by its owner alone', async () => {
    const file = newFile();
    const first = openKeys({ file, random });
    const key = await first.ensure('user-a');
    expect(key).toHaveLength(32);
    expect(await first.ensure('user-a')).toEqual(key);
    expect(await first.ensure('user-b')).not.toEqual(key);
    await first.close();
    const second = openKeys({ file, random });
    expect(await second.find(['user-a', 'user-x'])).toEqual(new Map([['user-a', key]]));
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await second.close();
  });

  it('destroys a key for ever: nothing makes it anew, and its bytes are in no file', async () => {
    const file = newFile();
    const keys = openKeys({ file, random });
    const key = await keys.ensure('user-a');
    await keys.destroy('user-a');
    await keys.destroy('user-never-seen');
    await expect(keys.ensure('user-a')).rejects.toMatchObject({ code: 'KEY_DESTROYED', id: 'user-a' });
    await expect(keys.ensure('user-never-seen')).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
    expect(await keys.find(['user-a'])).toEqual(new Map());
    for (const name of readdirSync(folder).filter((each) => join(folder, each).startsWith(file))) {
      expect(readFileSync(join(folder, name)).includes(Buffer.from(key))).toBe(false);
    }
    await keys.close();
  });
});

describe('a key that is destroyed while somebody reads', () => {
  it('is gone, but says that its bytes are not, until it is destroyed again', async () => {
    const file = newFile();
    const keys = openKeys({ file, random });
    await keys.ensure('user-a');
    const reader = new Database(file);
    reader.exec('BEGIN; SELECT * FROM keys');
    await expect(keys.destroy('user-a')).rejects.toMatchObject({ code: 'KEY_LEFT', id: 'user-a' });
    expect(await keys.find(['user-a'])).toEqual(new Map());
    reader.exec('COMMIT');
    reader.close();
    await keys.destroy('user-a');
    expect(statSync(`${file}-wal`).size).toBe(0);
    await keys.close();
    await keys.close();
  });
});

describe('sealing', () => {
  const key = random(32);

  it('opens what it sealed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, content) => {
        expect(unseal(key, seal(key, 'user-a', content, text, random(12)), content)).toBe(text);
      }),
    );
  });

  it('opens nowhere else, under no other key, and not if a bit was changed', () => {
    const sealed = seal(key, 'user-a', 'm/0', 'a secret', random(12));
    const broken = expect.objectContaining({ code: 'SEAL_BROKEN' });
    expect(() => unseal(key, sealed, 'm/1')).toThrow(broken);
    expect(() => unseal(random(32), sealed, 'm/0')).toThrow(broken);
    expect(() => unseal(key, { ...sealed, key: 'user-b' }, 'm/0')).toThrow(broken);
    expect(() => unseal(key, { ...sealed, content: 'm/1' }, 'm/0')).toThrow(broken);
    const box = Buffer.from(sealed.box, 'base64');
    for (let length = 0; length < box.length; length++) {
      const cut = { ...sealed, box: box.subarray(0, length).toString('base64') };
      expect(() => unseal(key, cut, 'm/0')).toThrow(broken);
    }
    for (let at = 0; at < box.length; at++) {
      const flipped = Buffer.from(box);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(() => unseal(key, { ...sealed, box: flipped.toString('base64') }, 'm/0')).toThrow(broken);
    }
  });

  it('seals every time differently, and only with a nonce of the length by which it is opened', () => {
    const twice = [1, 2].map(() => seal(key, 'user-a', 'm/0', 'a secret', random(12)).box);
    expect(twice[0]).not.toBe(twice[1]);
    for (const bytes of [0, 11, 16]) expect(() => seal(key, 'user-a', 'm/0', '', random(bytes))).toThrow(RangeError);
  });

  it('hashes a payload the same every time, whatever the order of its fields, and never alike under another key', () => {
    const hash = payloadHash(key, { a: 1, b: { plain: 'text' } });
    expect(payloadHash(key, { b: { plain: 'text' }, a: 1 })).toBe(hash);
    expect(payloadHash(key, { a: 1, b: { plain: 'other' } })).not.toBe(hash);
    expect(payloadHash(random(32), { a: 1, b: { plain: 'text' } })).not.toBe(hash);
    expect(payloadHash(undefined, { a: 1 })).toBe(payloadHash(undefined, { a: 1 }));
  });
});

describe('the opener', () => {
  it('opens a batch with one look-up, forgets a key after its life or at a word, and answers null where it is gone', async () => {
    const store = openKeys({ file: newFile(), random });
    const key = await store.ensure('user-a');
    let lookups = 0;
    let time = 0;
    const keys = { ...store, find: (ids: readonly string[]) => ((lookups += 1), store.find(ids)) };
    const opener = createOpener({ keys, now: () => time, life: 1_000 });
    const item = (content: string) => ({
      sealed: seal(key, 'user-a', content, content.toUpperCase(), random(12)),
      content,
    });
    expect(await opener.open([item('x'), item('y')])).toEqual(['X', 'Y']);
    expect(await opener.open([item('z')])).toEqual(['Z']);
    expect(lookups).toBe(1);

    await store.destroy('user-a');
    expect(await opener.open([item('x')])).toEqual(['X']);
    time = 1_001;
    expect(await opener.open([item('x')])).toEqual([null]);
    expect(lookups).toBe(2);

    const other = await store.ensure('user-b');
    const theirs = { sealed: seal(other, 'user-b', 'x', 'B', random(12)), content: 'x' };
    expect(await opener.open([theirs])).toEqual(['B']);
    await store.destroy('user-b');
    opener.forget('user-b');
    expect(await opener.open([theirs])).toEqual([null]);
    await store.close();
  });

  it('does not keep a key that was forgotten while it was looked up', async () => {
    const key = random(32);
    const held = new Map([['user-a', key]]);
    let arrived = (): void => undefined;
    const slow: Keys = {
      find: (ids) => {
        const found = new Map(ids.flatMap((id) => [...held].filter(([each]) => each === id)));
        return new Promise((resolve) => {
          arrived = () => resolve(found);
        });
      },
      ensure: async () => key,
      destroy: async () => undefined,
      close: async () => undefined,
    };
    const opener = createOpener({ keys: slow, now: () => 0 });
    const item = { sealed: seal(key, 'user-a', 'x', 'X', random(12)), content: 'x' };
    const before = opener.open([item]);
    held.clear();
    opener.forget('user-a');
    arrived();
    expect(await before).toEqual(['X']);
    const after = opener.open([item]);
    arrived();
    expect(await after).toEqual([null]);
  });
});
