import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fence, openFence, pass, sameFence } from './fence.js';
import { type Scan, isHeld } from './kafka-holds.js';
import type { Entry, Placed } from './log.js';
import { batchOf, eventNamed, takeover } from './testing.js';

/** What owners and those who were deposed write, in whatever order: every term has an owner of its own. */
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ does: fc.constant('take over' as const) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('write' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constant('write late' as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('take over late' as const) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('write again' as const) }) },
);
type Step = (typeof step extends fc.Arbitrary<infer T> ? T : never) & { readonly count?: number };

/** The log of such a history, the fence before each of its records and at its end, and what a deposed owner believes. */
function history(
  steps: readonly Step[],
  name = '',
): {
  readonly records: readonly Placed[];
  readonly fences: readonly Fence[];
  readonly beliefs: readonly Fence[];
} {
  const entries: Entry[] = [];
  const fences: Fence[] = [openFence];
  const beliefs: Fence[] = [];
  let fence = openFence;
  let deposed: Fence | undefined;
  let lastBatch: readonly Entry[] = [];
  const write = (...batch: readonly Entry[]): void => {
    for (const entry of batch) {
      ({ fence } = pass(fence, entry));
      entries.push(entry);
      fences.push(fence);
    }
  };
  const events = (count = 1) => Array.from({ length: count }, (_, n) => eventNamed(`e${entries.length + n}`));
  for (const [n, { does, count }] of steps.entries()) {
    const { owner, term, batch } = fence;
    if (does === 'take over') {
      if (owner) deposed = fence;
      write(takeover(`${name}owner${n}`, term + 1));
    } else if (does === 'take over late') {
      if (term > 0) write(takeover(`${name}late${n}`, term));
    } else if (does === 'write again') {
      if (lastBatch[0]?.header.owner === owner) write(...lastBatch);
    } else if (does === 'write' && owner) {
      lastBatch = batchOf(owner, term, batch, events(count));
      write(...lastBatch);
    } else if (does === 'write late' && deposed?.owner) {
      write(...batchOf(deposed.owner, deposed.term, deposed.batch, events(count)));
      beliefs.push({ ...deposed, batch: deposed.batch + 1 });
      // It sees where it landed, and writes nothing more.
      deposed = undefined;
    }
  }
  return { records: entries.map((entry, offset) => ({ offset, entry })), fences, beliefs };
}

const scanOf = (records: readonly Placed[], looked: { count: number } = { count: 0 }): Scan =>
  async function* scan(from, to) {
    for (let at = from; at < to; at += 3) {
      const page = records.slice(at, Math.min(at + 3, to));
      looked.count += page.length;
      yield page;
    }
  };

describe('whether a cursor is held, looking back from it', () => {
  it('is so for the fence that the whole log leads to, at every offset, and for no other that was or might have been', async () => {
    const histories = fc.array(step, { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(histories, histories, fc.integer({ min: 1, max: 9 }), async (steps, others, window) => {
        const { records, fences, beliefs } = history(steps);
        const foreign = history(others, 'foreign ').fences;
        const scan = scanOf(records);
        for (const [offset, fence] of fences.entries()) {
          expect(await isHeld(scan, { offset, fence }, window)).toBe(true);
          for (const other of [...fences, ...beliefs, ...foreign]) {
            const held = await isHeld(scan, { offset, fence: other }, window);
            expect(held).toBe(sameFence(other, fence));
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('looks at little of a long log, however much of its end is void', async () => {
    const steps: Step[] = [{ does: 'take over' }];
    for (let n = 0; n < 20_000; n++) steps.push({ does: 'write', count: 1 });
    for (let n = 0; n < 700; n++) steps.push({ does: 'take over late' });
    const { records, fences } = history(steps);
    const looked = { count: 0 };
    const offset = records.length;
    expect(await isHeld(scanOf(records, looked), { offset, fence: fences[offset] ?? openFence })).toBe(true);
    expect(looked.count).toBeLessThan(6_000);
    expect(await isHeld(scanOf(records), { offset, fence: fences[offset - 800] ?? openFence })).toBe(false);
  });
});
