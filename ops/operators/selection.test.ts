import { describe, expect, it } from 'vitest';
import { readSelection } from './selection.js';

describe('a selection', () => {
  it('takes times in any spelling, and types in a list', () => {
    expect(
      readSelection({ since: '2026-01-31', until: '2026-01-31T20:00:00+02:00', type: 'MessagePosted, UserRegistered' }),
    ).toEqual({
      follow: false,
      deadLetters: false,
      since: '2026-01-31T00:00:00.000Z',
      until: '2026-01-31T18:00:00.000Z',
      types: new Set(['MessagePosted', 'UserRegistered']),
    });
  });

  it.each([
    [{ since: 'yesterday' }, /--since is "yesterday".*2026-01-31/],
    [{ until: '5' }, /--until is "5"/],
    [{ type: 'MessagePosted,Nothing' }, /no events of type "Nothing".*MessagePosted/],
    [{ stream: 'conversation_1' }, /not a stream.*conversation-<id>/],
    [{ stream: 'conversation-01980000-0000-7000-8000-00000000000A' }, /not a stream/],
    [{ partition: '-1' }, /--partition is "-1"/],
    [{ limit: '0' }, /--limit is "0".*from 1 on/],
    [{ follow: 'on', until: '2026-01-31' }, /use one of them/],
  ])('says what is wrong with %j', (given, message) => {
    expect(() => readSelection(given)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });
});
