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

/** The names of what a rule lets pass. The fence is the rule unless another is given. */
function valid(records: readonly Named[], rule = pass, from: Fence = openFence): readonly string[] {
  let fence = from;
  return records.flatMap((record) => {
    const passed = rule(fence, record);
    fence = passed.fence;
    return passed.valid ? [record.name] : [];
  });
}

/** The rule one might think of first: whoever took over last is the owner. */
const latestWins: typeof pass = (fence, { kind, header: { owner, term, batch, index, count } }) => {
  if (kind === 'takeover') return { fence: { term, owner, batch: 0, index: 0 }, valid: true };
  const ours = owner === fence.owner && batch === fence.batch && index === fence.index;
  if (!ours) return { fence, valid: false };
  const next = index === count - 1 ? { batch: batch + 1, index: 0 } : { batch, index: index + 1 };
  return { fence: { ...fence, ...next }, valid: true };
};

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
    expect(valid(records, latestWins)).toEqual(['T(a)', 'a0.0', 'T(b)', 'b0.0', 'T(a)', 'a0.0']);
  });

  it('voids the rest of a batch whose owner was deposed in its midst', () => {
    const records = [takeover('a', 1), event('a', 1, 0, 0, 2), takeover('b', 2), event('a', 1, 0, 1, 2)];
    expect(valid([...records, event('b', 2, 0)])).toEqual(['T(a)', 'a0.0', 'T(b)', 'b0.0']);
  });

  it('lets a log have one identity, before all owners', () => {
    const identity: Named = { kind: 'log', header: header('log', 0, 0), name: 'log' };
    expect(valid([identity, takeover('a', 1), identity, event('a', 1, 0)])).toEqual(['log', 'T(a)', 'a0.0']);
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

  it('lets pass, of whatever is in a log, terms and batches without gap and nothing twice', () => {
    const owner = fc.constantFrom('a', 'b', 'c');
    const term = fc.integer({ min: 1, max: 4 });
    const place = fc.integer({ min: 0, max: 2 });
    const record = fc.oneof(
      fc.tuple(owner, term).map(([who, when]) => takeover(who, when)),
      fc
        .tuple(owner, term, place, place, place)
        .map(([who, when, batch, index, more]) => event(who, when, batch, index, index + 1 + more)),
    );
    fc.assert(
      fc.property(fc.array(record, { maxLength: 60 }), fc.nat(60), (records, cut) => {
        const passed: Named[] = [];
        let fence: Fence = openFence;
        for (const each of records) {
          const { fence: next, valid: through } = pass(fence, each);
          // What is void changes nothing.
          expect(through || next === fence).toBe(true);
          if (through) passed.push(each);
          fence = next;
        }
        // What each record that passed must be, by the one before it.
        let [opened, due, at] = [0, 0, 0];
        for (const { kind, header: head } of passed) {
          const expected = kind === 'takeover' ? [opened + 1, 0, 0] : [opened, due, at];
          expect([head.term, head.batch, head.index]).toEqual(expected);
          opened = head.term;
          if (kind === 'takeover') [due, at] = [0, 0];
          else [due, at] = head.index === head.count - 1 ? [due + 1, 0] : [due, at + 1];
        }
        // Whoever goes on from a cursor sees what somebody sees who read from the start.
        let halfway: Fence = openFence;
        for (const each of records.slice(0, cut)) halfway = pass(halfway, each).fence;
        const rest = valid(records.slice(cut), pass, halfway);
        expect([...valid(records.slice(0, cut)), ...rest]).toEqual(passed.map(({ name }) => name));
      }),
    );
  });
});
