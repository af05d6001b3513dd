import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fence, type Fenced, openFence, pass } from './fence.js';
import { header } from './testing.js';

type Named = Fenced & { readonly name: string };

const takeover = (owner: string, term: number): Named => ({
  kind: 'takeover',
  header: header(owner, term, 0),
  name: `T(${owner})`,
});
const event = (owner: string, term: number, batch: number, index = 0, count = 1): Named => ({
  kind: 'event',
  header: header(owner, term, batch, index, count),
  name: `${owner}${batch}.${index}`,
});

function valid(records: readonly Named[]): readonly string[] {
  let fence: Fence = openFence;
  return records.flatMap((record) => {
    const passed = pass(fence, record);
    fence = passed.fence;
    return passed.valid ? [record.name] : [];
  });
}

describe('the fence', () => {
  it('lets an owner write its batches in order', () => {
    expect(valid([takeover('a', 1), event('a', 1, 0, 0, 2), event('a', 1, 0, 1, 2), event('a', 1, 1)])).toEqual([
      'T(a)',
      'a0.0',
      'a0.1',
      'a1.0',
    ]);
  });

  it('voids what nobody has taken over for', () => {
    expect(valid([event('a', 1, 0)])).toEqual([]);
  });

  it('voids a zombie’s batch behind the next owner’s takeover', () => {
    expect(valid([takeover('a', 1), takeover('b', 2), event('a', 1, 0), event('b', 2, 0)])).toEqual([
      'T(a)',
      'T(b)',
      'b0.0',
    ]);
  });

  it('voids a late or doubled takeover, so that an old owner’s batch cannot count a second time', () => {
    const records = [
      takeover('a', 1),
      event('a', 1, 0),
      takeover('b', 2),
      event('b', 2, 0),
      takeover('a', 1),
      event('a', 1, 0),
    ];
    expect(valid(records)).toEqual(['T(a)', 'a0.0', 'T(b)', 'b0.0']);
  });

  it('lets only one of two owners take the same term', () => {
    expect(valid([takeover('a', 1), takeover('b', 1), event('b', 1, 0), event('a', 1, 0)])).toEqual(['T(a)', 'a0.0']);
  });

  it('voids a takeover that skips a term', () => {
    expect(valid([takeover('a', 2), event('a', 2, 0)])).toEqual([]);
  });

  it('voids a batch sent twice and a batch out of order', () => {
    expect(valid([takeover('a', 1), event('a', 1, 0), event('a', 1, 0), event('a', 1, 2), event('a', 1, 1)])).toEqual([
      'T(a)',
      'a0.0',
      'a1.0',
    ]);
  });

  it('counts every batch once and in order, however owners, copies and late arrivals interleave', () => {
    const owners = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
    const noise = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 });
    fc.assert(
      fc.property(owners, noise, (batches, copies) => {
        const truth = batches.flatMap((count, at) => {
          const owner = `owner${at}`;
          return [takeover(owner, at + 1), ...Array.from({ length: count }, (_, batch) => event(owner, at + 1, batch))];
        });
        // Copies land anywhere behind their first: what kafka's retries and stopped processes make.
        const records = [...truth];
        for (const [which, where] of copies) {
          const copied = truth[which % truth.length];
          if (!copied) continue;
          const first = records.indexOf(copied);
          records.splice(first + 1 + (where % (records.length - first)), 0, copied);
        }
        expect(valid(records)).toEqual(truth.map(({ name }) => name));
      }),
    );
  });
});
