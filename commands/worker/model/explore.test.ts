import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fence, type Fenced, openFence, pass } from '../../log/fence.js';
import { CODE, type Cursor } from '../../log/log.js';
import { NOBODY, verdict } from '../protocol.js';
import { explore } from './explore.js';
import { doomed } from './log.js';
import { createModel } from './model.js';
import { tale } from './tale.js';
import { type Bounds, type Rules, honest } from './world.js';

/** Explores everything within bounds. Tells how much that was, and what led to the first thing that must not be. */
function all(bounds: Bounds, rules: Rules = honest): { readonly states: number; readonly story: string } {
  const model = createModel(bounds, rules);
  const begun = Date.now();
  const { states, steps, depth, found } = explore(model);
  const seconds = Math.round((Date.now() - begun) / 1000);
  const within = `${states} states, ${steps} steps, at most ${depth} deep, in ${seconds} s, within ${JSON.stringify(bounds)}`;
  console.log(found ? `${within}:\n${tale(model.start, found)}` : within);
  return { states, story: found ? tale(model.start, found) : '' };
}

it('holds in every order in which three owners and their requests can meet', { timeout: 600_000 }, () => {
  const { states, story } = all({ owners: 3, commands: 1, sends: 4, allSends: 5, faults: 1, deadlines: 1 });
  expect(story).toBe('');
  expect(states).toBeGreaterThanOrEqual(1_000_000);
});

it('keeps the order of a stream, where two commands of it meet in every way', { timeout: 600_000 }, () => {
  const { story } = all({ owners: 2, commands: 2, sends: 4, allSends: 4, faults: 1, deadlines: 0 });
  expect(story).toBe('');
});

it('takes nothing for void on its way that might still count', () => {
  const header = fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1), fc.nat(1), fc.nat(1))
    .map(([term, batch, index, more]) => ({
      owner: `${term}`,
      term,
      batch,
      index,
      count: index + 1 + more,
      code: CODE,
    }));
  const record = fc.record({ kind: fc.constantFrom('takeover' as const, 'event' as const), header });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), (records) => {
      let fence: Fence = openFence;
      const lost = new Set<Fenced>();
      for (const each of records) {
        for (const other of records) if (doomed(fence, other)) lost.add(other);
        const passed = pass(fence, each);
        expect(passed.valid && lost.has(each)).toBe(false);
        fence = passed.fence;
      }
    }),
  );
});

describe('each of the mistakes that one might make is found', () => {
  const small: Bounds = { owners: 2, commands: 1, sends: 4, allSends: 4, faults: 2, deadlines: 1 };

  /** The rule one might think of first: whoever took over last is the owner. */
  const latestWins = (fence: Fence, record: Fenced) => {
    const { kind, header } = record;
    if (kind !== 'takeover') return pass(fence, record);
    return { fence: { term: header.term, owner: header.owner, batch: 0, index: 0 }, valid: true };
  };

  const mistakes: readonly [string, Partial<Rules>, RegExp][] = [
    [
      'to read the log after an error, where only a new term is a barrier',
      { verdict: (before, base) => (base === undefined ? 'read on' : verdict(before, base)) },
      /A has refused command 0, and now it is done/,
    ],
    [
      'to let the latest takeover win, whatever its term',
      { pass: latestWins, doomed: () => false },
      /in the log twice/,
    ],
    ['to take being deposed for final', { mayTakeOver: (me) => me === NOBODY }, /comes to no end/],
    [
      'to ask a flag who owns the partition, and not the fence',
      { owns: (_, me) => me !== NOBODY },
      /acknowledges command \d at \d+, and it is not in the log/,
    ],
    [
      'to take another place than expected for void records, always',
      {
        verdict: (before: Cursor, base) =>
          base === undefined || base < before.offset ? verdict(before, base) : 'landed',
      },
      /acknowledges command \d at \d+, and it is/,
    ],
    [
      'to take another place than expected for a loss, and to decide again without reading',
      { reads: false },
      /comes to no end/,
    ],
  ];

  it('and nothing without them, within the same bounds', () => {
    expect(all(small).story).toBe('');
  });

  it.each(mistakes)('%s', (_, mistake, found) => {
    expect(all(small, { ...honest, ...mistake }).story).toMatch(found);
  });
});
