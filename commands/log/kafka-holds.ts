import type { Cursor, Placed } from './log.js';
import { type Fence, type Fenced, openFence, pass, sameFence } from './fence.js';

/** Raw records of a partition from an offset on and before another, void ones too, in order. */
export type Scan = (from: number, to: number) => AsyncIterable<readonly Placed[]>;

/** How far back one looks at first, in records; then ever further. */
const WINDOW = 64;
const GROWTH = 8;

/**
 * Whether the fence of a log is at an offset as a cursor says, without reading all that lies before. The fence of a cursor
 * says which record was the last valid one: who wrote it, in which term, batch and place. That record is looked for
 * backwards. An owner makes a fresh id for each term and writes nothing before its takeover has come through, and each batch
 * only after the one before it, so where that record is, the term was open; and if nothing behind it was valid either,
 * the fence is as it says. Costs a look at what is void before the cursor, commonly one page. A cursor of another log
 * costs a scan back to the start.
 */
export async function isHeld(scan: Scan, { offset, fence }: Cursor): Promise<boolean> {
  if (fence.term === 0) return sameFence(fence, openFence) && isUnchanged(scan, 0, offset, fence);
  let to = offset;
  for (let window = WINDOW; to > 0; window *= GROWTH) {
    const from = Math.max(0, to - window);
    let last: number | undefined;
    let folded = openFence;
    for await (const records of scan(from, to)) {
      for (const { entry, offset: at } of records) {
        if (leadsTo(entry, fence)) last = at;
        folded = pass(folded, entry).fence;
      }
    }
    // All that lies before was at hand: nothing need be concluded.
    if (from === 0 && to === offset) return sameFence(folded, fence);
    if (last !== undefined) return isUnchanged(scan, last + 1, offset, fence);
    to = from;
  }
  return false;
}

/** Whether everything within is void. */
async function isUnchanged(scan: Scan, from: number, to: number, fence: Fence): Promise<boolean> {
  for await (const records of scan(from, to)) {
    for (const { entry } of records) if (!sameFence(pass(fence, entry).fence, fence)) return false;
  }
  return true;
}

/** Whether the fence would be exactly so behind a record, if that is valid. */
function leadsTo({ kind, header }: Fenced, fence: Fence): boolean {
  if (kind === 'log' || header.owner !== fence.owner || header.term !== fence.term) return false;
  if (kind === 'takeover') return fence.batch === 0 && fence.index === 0;
  const last = header.index === header.count - 1;
  return last
    ? header.batch === fence.batch - 1 && fence.index === 0
    : header.batch === fence.batch && header.index === fence.index - 1;
}
