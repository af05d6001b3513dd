import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cacheKeys } from './cache.js';
import type { Key, Keys } from './keys.js';
import { memoryKeys } from './memory.js';
import { createOpener } from './opener.js';
import { seal } from './sealing.js';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** A cache in front of a store, with a clock that stands; tells what the store was asked for. */
function cached(options: { room?: number } = {}) {
  const store = memoryKeys({ random });
  const asked: string[] = [];
  const clock = { now: 0 };
  const watched: Keys = {
    ...store,
    find: (ids) => (asked.push(`find ${ids.join(' ')}`), store.find(ids)),
    ensure: (id) => (asked.push(`ensure ${id}`), store.ensure(id)),
  };
  return { store, asked, clock, keys: cacheKeys({ keys: watched, now: () => clock.now, life: 1_000, ...options }) };
}

/** A store whose look-ups wait until they are let go. What they bring is what there was when they began. */
function slow() {
  const held = new Map<string, Key>();
  const waiting: (() => void)[] = [];
  const later = <T>(answer: T): Promise<T> => new Promise((resolve) => waiting.push(() => resolve(answer)));
  const store: Keys = {
    find: (ids) => later(new Map([...held].filter(([id]) => ids.includes(id)))),
    ensure: (id) => later(held.get(id) ?? random(32)),
    destroy: async (id) => void held.delete(id),
    close: async () => undefined,
  };
  return { held, waiting, go: () => waiting.splice(0).forEach((each) => each()), store };
}

const textUnder = (key: Key, id: string) => ({ sealed: seal(key, id, 'x', 'TEXT', random(12)), content: 'x' });

describe('the cache of keys', () => {
  it('asks for each key once, whoever asks, for as long as a key lives', async () => {
    const { keys, asked, clock } = cached();
    const a = await keys.ensure('a');
    expect(await keys.ensure('a')).toBe(a);
    expect(await keys.find(['a', 'b'])).toEqual(new Map([['a', a]]));
    expect(await keys.find(['b', 'a', 'b'])).toEqual(new Map([['a', a]]));
    expect(asked).toEqual(['ensure a', 'find b']);
    clock.now = 999;
    await keys.find(['a']);
    expect(asked).toHaveLength(2);
    clock.now = 1_000;
    await keys.find(['a', 'b']);
    expect(asked.slice(2)).toEqual(['find a b']);
  });

  it('gives what it had when it was asked, though its life ends while the store answers for others', async () => {
    const store = memoryKeys({ random });
    let now = 0;
    const slowly: Keys = { ...store, find: (ids) => ((now = 1_000), store.find(ids)) };
    const keys = cacheKeys({ keys: slowly, now: () => now, life: 1_000 });
    await keys.ensure('a');
    await store.ensure('b');
    now = 999;
    expect([...(await keys.find(['a', 'b'])).keys()]).toEqual(['a', 'b']);
  });

  it('makes a key that it has known not to be there', async () => {
    const { keys } = cached();
    expect(await keys.find(['a'])).toEqual(new Map());
    const a = await keys.ensure('a');
    expect(await keys.find(['a'])).toEqual(new Map([['a', a]]));
  });

  it('asks once where many ask at the same moment', async () => {
    const { store, waiting, go } = slow();
    const keys = cacheKeys({ keys: store, now: () => 0 });
    const made = Promise.all([keys.ensure('a'), keys.ensure('a'), keys.ensure('a')]);
    const found = Promise.all([keys.find(['b']), keys.find(['b', 'c']), keys.find(['c'])]);
    expect(waiting).toHaveLength(3);
    go();
    expect(new Set(await made).size).toBe(1);
    await found;
  });

  it('keeps no more than it has room for: those that came last', async () => {
    const { keys, asked } = cached({ room: 2 });
    for (const id of ['a', 'b', 'c']) await keys.ensure(id);
    await keys.find(['b', 'c']);
    expect(asked).toHaveLength(3);
    await keys.find(['a']);
    expect(asked.slice(3)).toEqual(['find a']);
  });

  it('does not keep what failed', async () => {
    const { store } = cached();
    let broken = true;
    const failing = <T>(answer: () => Promise<T>): Promise<T> =>
      broken ? Promise.reject(new Error('the disk is full')) : answer();
    const keys = cacheKeys({
      keys: {
        ...store,
        find: (ids) => failing(() => store.find(ids)),
        ensure: (id) => failing(() => store.ensure(id)),
      },
      now: () => 0,
    });
    await expect(keys.ensure('a')).rejects.toThrow('the disk is full');
    await expect(keys.find(['a', 'b'])).rejects.toThrow('the disk is full');
    broken = false;
    const a = await keys.ensure('a');
    expect(await keys.find(['a', 'b'])).toEqual(new Map([['a', a]]));
  });
});

describe('an erasure', () => {
  it('holds here at once: nothing opens any more, and nothing is sealed', async () => {
    const { keys } = cached();
    const opener = createOpener({ keys });
    const item = textUnder(await keys.ensure('a'), 'a');
    expect(await opener.open([item])).toEqual(['TEXT']);
    await keys.destroy('a');
    expect(await opener.open([item])).toEqual([null]);
    await expect(keys.ensure('a')).rejects.toMatchObject({ code: 'KEY_DESTROYED' });
  });

  it('holds here even where the bytes could not be made to leave the disk', async () => {
    const { store } = cached();
    const keys = cacheKeys({
      keys: {
        ...store,
        destroy: async (id) => {
          await store.destroy(id);
          throw new Error('somebody reads the file');
        },
      },
      now: () => 0,
    });
    const item = textUnder(await keys.ensure('a'), 'a');
    await expect(keys.destroy('a')).rejects.toThrow('somebody reads');
    expect(await createOpener({ keys }).open([item])).toEqual([null]);
  });

  it('holds elsewhere at a word, or within the life of a key that was looked up before', async () => {
    const { keys, store, clock } = cached();
    const opener = createOpener({ keys });
    const [a, b] = [textUnder(await keys.ensure('a'), 'a'), textUnder(await keys.ensure('b'), 'b')];
    await store.destroy('a');
    await store.destroy('b');
    keys.forget('a');
    expect(await opener.open([a, b])).toEqual([null, 'TEXT']);
    clock.now = 1_000;
    expect(await opener.open([a, b])).toEqual([null, null]);
  });

  it('is not undone by a look-up that was under way', async () => {
    const { held, store, waiting, go } = slow();
    const clock = { now: 0 };
    const keys = cacheKeys({ keys: store, now: () => clock.now });
    const opener = createOpener({ keys });
    const key = random(32);
    held.set('a', key);
    const before = [opener.open([textUnder(key, 'a')]), keys.ensure('a')];
    await keys.destroy('a');
    // Whoever asks from now on does not wait for what was asked before.
    const after = opener.open([textUnder(key, 'a')]);
    expect(waiting).toHaveLength(3);
    go();
    expect(await Promise.all(before)).toEqual([['TEXT'], key]);
    expect(await after).toEqual([null]);
    expect(await opener.open([textUnder(key, 'a')])).toEqual([null]);
  });

  it('holds within the life of a key from when it was asked for, however long the answer took', async () => {
    const { held, store, go } = slow();
    const clock = { now: 0 };
    const keys = cacheKeys({ keys: store, now: () => clock.now, life: 1_000 });
    held.set('a', random(32));
    const found = keys.find(['a']);
    held.clear();
    clock.now = 900;
    go();
    expect((await found).size).toBe(1);
    clock.now = 1_000;
    const again = keys.find(['a']);
    go();
    expect((await again).size).toBe(0);
  });
});

describe('the opener', () => {
  it('opens a batch with one look-up, each text in its place, and answers null where a key is gone', async () => {
    const { keys, asked } = cached();
    const [a, b] = [await keys.ensure('a'), await keys.ensure('b')];
    keys.forget('a');
    await keys.destroy('b');
    const items = [textUnder(a, 'a'), textUnder(b, 'b'), textUnder(a, 'a')];
    expect(await createOpener({ keys }).open(items)).toEqual(['TEXT', null, 'TEXT']);
    expect(asked.slice(2)).toEqual(['find a b']);
    const elsewhere = items.map((item) => ({ ...item, content: 'y' }));
    await expect(createOpener({ keys }).open(elsewhere)).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
  });
});
