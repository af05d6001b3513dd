import { describe, expect, it } from 'vitest';
import { listed } from '../state/testing.js';
import { groupByTime, groupName } from './groups.js';

const now = new Date(2026, 2, 15, 0, 30);

describe('the groups of the sidebar', () => {
  it.each([
    [new Date(2026, 2, 15, 0, 0), 'Today'],
    [new Date(2026, 2, 14, 23, 59), 'Yesterday'],
    [new Date(2026, 2, 14, 0, 0), 'Yesterday'],
    [new Date(2026, 2, 13, 23, 59), 'Previous 7 days'],
    [new Date(2026, 2, 8, 0, 0), 'Previous 7 days'],
    [new Date(2026, 2, 7, 23, 59), 'Previous 30 days'],
    [new Date(2026, 1, 13, 12, 0), 'Previous 30 days'],
    [new Date(2026, 0, 31, 12, 0), 'January'],
    [new Date(2025, 11, 31, 12, 0), 'December 2025'],
    // A clock that is a little ahead of this one.
    [new Date(2026, 2, 15, 0, 31), 'Today'],
  ])('%s stands under %s', (at, name) => {
    expect(groupName(at, now)).toBe(name);
  });

  it('keep the order in which conversations come', () => {
    const row = (id: string, at: Date) => listed(id, 1, { activeAt: at.toISOString() });
    const groups = groupByTime(
      [row('a', new Date(2026, 2, 15)), row('b', new Date(2026, 2, 14, 9)), row('c', new Date(2026, 2, 14, 8))],
      now,
    );
    expect(groups.map(({ name, conversations }) => [name, conversations.map(({ id }) => id)])).toEqual([
      ['Today', ['a']],
      ['Yesterday', ['b', 'c']],
    ]);
  });
});
