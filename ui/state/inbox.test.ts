import { describe, expect, it } from 'vitest';
import { mergeInbox } from './inbox.js';
import { listed } from './testing.js';

const row = (id: string, version: number, day: number, of: { deleted?: boolean; unread?: number } = {}) =>
  listed(id, version, { activeAt: `2026-01-0${day}T00:00:00.000Z`, ...of });

describe('the inbox', () => {
  it('has the newest activity first', () => {
    expect(mergeInbox([row('a', 1, 1)], [row('b', 1, 3), row('c', 1, 2)]).map(({ id }) => id)).toEqual(['b', 'c', 'a']);
  });

  it('keeps the highest version of each', () => {
    const list = mergeInbox([row('a', 5, 2)], [row('a', 4, 9), row('a', 3, 1)]);
    expect(list).toEqual([row('a', 5, 2)]);
  });

  it('takes a change of what one has read, which has no version of its own', () => {
    expect(mergeInbox([row('a', 5, 2, { unread: 1 })], [row('a', 5, 2)])).toEqual([row('a', 5, 2)]);
  });

  it('drops what was deleted', () => {
    expect(mergeInbox([row('a', 1, 1), row('b', 1, 2)], [row('a', 2, 1, { deleted: true })])).toEqual([row('b', 1, 2)]);
  });

  it('drops what is gone for this person, whatever its version', () => {
    expect(mergeInbox([row('a', 9, 1), row('b', 1, 2)], [row('b', 2, 2)], ['a', 'c'])).toEqual([row('b', 2, 2)]);
  });
});
