import { type Fence, type Fenced, openFence, pass, sameFence } from './fence.js';
import type { Cursor, Placed } from './log.js';

/** Raw records of a partition from an offset on and before another, void ones too, in order. */
export type Scan = (from: number, to: number) => AsyncIterable<readonly Placed[]>;

const GROWTH = 8;

/**
 * Whether the fence of a log is at an offset as a cursor says, without reading all that lies before. A fence says which
 * batch its owner was at. So the record that opened that batch to it (the last one of the batch before, or the takeover) is
 * looked for backwards, in ever larger windows, and the fence is folded from there. That proves it: an owner takes a
 * fresh id for each term, and writes a batch only when the one before it has come through, so that record was valid. A
 * late copy of it proves nothing, as the batch does not follow it: we write nothing twice.
 *
 * Costs a look at the last two batches and at what is void behind them, commonly one page; a cursor of another log costs a
 * scan back to the start.
 */
export async function isHeld(scan: Scan, { offset, fence }: Cursor, firstWindow = 500): Promise<boolean> {
  const opened = openedBatch(fence);
  let to = offset;
  for (let window = firstWindow; ; window *= GROWTH) {
    const from = Math.max(0, to - window);
    const found: number[] = [];
    for await (const records of scan(from, to)) {
      for (const record of records) if (opened && leadsTo(record.entry, opened)) found.push(record.offset);
    }
    for (const at of found.toReversed()) {
      if (opened && sameFence(await fold(scan, at + 1, offset, opened), fence)) return true;
    }
    if (from === 0) return !opened && sameFence(fence, await fold(scan, 0, offset, openFence));
    to = from;
  }
}

/** The fence when the batch was opened that led to this one; undefined before the first term. */
function openedBatch(fence: Fence): Fence | undefined {
  if (fence.term === 0) return undefined;
  return { ...fence, batch: fence.index > 0 ? fence.batch : Math.max(0, fence.batch - 1), index: 0 };
}

async function fold(scan: Scan, from: number, to: number, begun: Fence): Promise<Fence> {
  let fence = begun;
  for await (const records of scan(from, to)) {
    for (const { entry } of records) fence = pass(fence, entry).fence;
  }
  return fence;
}

/** Whether the fence would be so behind a record, if that is valid. */
function leadsTo({ kind, header }: Fenced, { owner, term, batch }: Fence): boolean {
  if (kind === 'log' || header.owner !== owner || header.term !== term) return false;
  if (kind === 'takeover') return batch === 0;
  return header.batch === batch - 1 && header.index === header.count - 1;
}
