import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ASSISTANT } from './decider.js';
import { membershipId } from './ids.js';
import { membership } from './membership.js';
import { clientId, given, run } from './testing.js';

const [ada, bob] = [clientId(1, 0xaaa), clientId(2, 0xbbb)];
const conversation = clientId(3, 0xccc);
const id = membershipId(conversation, ada);
const markRead = (seq: number, actor: string = ada) =>
  ({ type: 'MarkRead', data: { conversation, seq }, actor, id }) as const;
const read = (seq: number) => ({ type: 'ConversationRead', data: { conversation, user: ada, seq } }) as const;

describe('a membership', () => {
  it('begins at need: the first thing read is the first event', () => {
    given(membership).when(markRead(2)).adds(read(2));
  });

  it('moves the mark forward only', () => {
    given(membership, read(4)).when(markRead(6)).adds(read(6));
    given(membership, read(4)).when(markRead(4)).changesNothing();
    given(membership, read(4)).when(markRead(1)).changesNothing();
  });

  it('has read nothing at 0', () => {
    given(membership).when(markRead(0)).changesNothing();
  });

  it.each([bob, ASSISTANT])("is nobody else's: %s", (actor) => {
    given(membership).when(markRead(1, actor)).isRefused('NOT_FOUND');
  });

  it('is that of its own conversation only', () => {
    given(membership)
      .when({ ...markRead(1), data: { conversation: clientId(4), seq: 1 } })
      .isRefused('NOT_FOUND');
  });

  it.each([-1, 0.5, NaN, Infinity, 2 ** 53])('has no mark at %d', (seq) => {
    given(membership).when(markRead(seq)).isRefused('INVALID');
  });

  it('has a mark that only grows, whatever is asked', () => {
    const command = fc.tuple(fc.integer({ min: -2, max: 9 }), fc.constantFrom(ada, bob));
    fc.assert(
      fc.property(fc.array(command, { maxLength: 20 }), (asked) => {
        const seqs = run(
          membership,
          asked.map(([seq, actor]) => markRead(seq, actor)),
        ).flatMap(({ type, data }) => (type === 'ConversationRead' ? [data.seq] : []));
        expect(seqs).toEqual([...new Set(seqs)].toSorted((a, b) => a - b));
      }),
    );
  });
});
