import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conversation, message, twoTurns } from './testing.js';
import { type Stream, blankThread, branchOf, expectPost, merge, mergeDelta, withdraw } from './thread.js';

const post = { message: 'e', reply: 'f', parent: 'd', text: 'more' };

describe('a thread', () => {
  it('shows the branch that ends in the head, oldest first', () => {
    expect(branchOf(twoTurns)).toEqual(['a', 'b', 'c', 'd']);
    expect(branchOf(blankThread)).toEqual([]);
  });

  it('ends where its rows end, when older ones are not loaded', () => {
    const page = {
      to: 8,
      conversation: conversation('d', 8),
      messages: [twoTurns.messages['d'], twoTurns.messages['c']],
    };
    const rows = page.messages.filter((row) => row !== undefined);
    expect(branchOf(merge(blankThread, { ...page, messages: rows }))).toEqual(['c', 'd']);
  });

  it('takes the newer of two copies, and says the same whatever the order is', () => {
    const updates = [2, 3, 5, 4].map((version) => ({
      to: version,
      conversation: conversation('a', version, { title: `title ${version}` }),
      messages: [message('a', { seq: 1, version, parts: [{ text: `text ${version}` }] })],
    }));
    fc.assert(
      fc.property(fc.shuffledSubarray(updates, { minLength: 4 }), (order) => {
        const thread = [...order, ...order].reduce(merge, blankThread);
        expect(thread.messages['a']?.parts).toEqual([{ text: 'text 5' }]);
        expect(thread.conversation?.title).toBe('title 5');
        expect(thread.asOf).toBe(5);
      }),
    );
  });

  it('goes on along the shown branch, also where that is not the newest', () => {
    const sibling = message('x', { seq: 5, version: 9, parent: 'b', siblings: { ids: ['c', 'x'], index: 1 } });
    const forked = merge(twoTurns, { to: 9, conversation: conversation('x', 9), messages: [sibling] });
    expect(branchOf(forked)).toEqual(['a', 'b', 'c', 'd']);
    const below = message('y', { seq: 6, version: 10, parent: 'd' });
    expect(branchOf(merge(forked, { to: 10, messages: [below] }))).toEqual(['a', 'b', 'c', 'd', 'y']);
  });

  it('tells a message of a new sibling, though its own row did not change', () => {
    const sibling = message('x', { seq: 5, version: 9, parent: 'b', siblings: { ids: ['c', 'x'], index: 1 } });
    const { messages } = merge(twoTurns, { to: 9, messages: [sibling] });
    expect(messages['c']?.siblings).toEqual({ ids: ['c', 'x'], index: 0 });
    expect(messages['c']?.version).toBe(5);
  });
});

describe('a post that the log does not have yet', () => {
  it('is on the screen at once, with its reply, and is the same row when it comes', () => {
    const expected = expectPost(twoTurns, post);
    expect(branchOf(expected)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(expected.messages['e']).toMatchObject({ version: 0, parts: [{ text: 'more' }] });
    expect(expected.messages['f']).toMatchObject({ version: 0, reply: { status: 'REQUESTED' } });
    const come = merge(expected, { to: 9, messages: [message('e', { seq: 5, version: 9, parent: 'd' })] });
    expect(branchOf(come)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(come.messages['e']?.version).toBe(9);
  });

  it('goes when it is taken back, but not once it has come', () => {
    const expected = expectPost(twoTurns, post);
    expect(withdraw(expected, ['e', 'f'])).toEqual(twoTurns);
    const come = merge(expected, { to: 9, messages: [message('e', { seq: 5, version: 9, parent: 'd' })] });
    expect(branchOf(withdraw(come, ['e']))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('shows the branch that was there before, when it was a fork of the first message', () => {
    const fork = expectPost(twoTurns, { ...post, parent: null });
    expect(branchOf(fork)).toEqual(['e', 'f']);
    expect(branchOf(withdraw(fork, ['e', 'f']))).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('the text of a running reply', () => {
  const none: Stream = { attempt: 0, text: '' };

  it('is the same in whatever pieces, overlapping and repeated, it comes', () => {
    const text = 'Everything that is said is said once, and 👍 stays whole.';
    const pieces = fc.array(fc.tuple(fc.nat(text.length), fc.nat(text.length)), { maxLength: 20 });
    fc.assert(
      fc.property(pieces, (cuts) => {
        let stream = none;
        for (const [from, length] of cuts) {
          const offset = Math.min(from, stream.text.length);
          stream = mergeDelta(stream, { attempt: 1, offset, text: text.slice(offset, offset + length) });
          expect(text.startsWith(stream.text)).toBe(true);
        }
        expect(mergeDelta(stream, { attempt: 1, offset: 0, text }).text).toBe(text);
      }),
    );
  });

  it('begins anew with a higher attempt, and drops a lower one', () => {
    const first = mergeDelta(none, { attempt: 1, offset: 0, text: 'one' });
    const second = mergeDelta(first, { attempt: 2, offset: 0, text: 'two' });
    expect(second).toEqual({ attempt: 2, text: 'two' });
    expect(mergeDelta(second, { attempt: 1, offset: 3, text: ' more' })).toBe(second);
  });

  it('never shows a text with a hole in it', () => {
    const first = mergeDelta(none, { attempt: 1, offset: 0, text: 'one' });
    expect(mergeDelta(first, { attempt: 1, offset: 9, text: 'far' })).toBe(first);
    expect(mergeDelta(first, { attempt: 2, offset: 9, text: 'far' })).toBe(first);
  });
});
