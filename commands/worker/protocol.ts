import type { Fence, Header } from '../log/fence.js';
import { CODE, type Cursor } from '../log/log.js';

/**
 * What an owner decides about its partition, on plain data alone: how it opens a term, how it heads a batch, and what the
 * result of an append means. The owner lives by these functions and by the fence, and so does the model that explores
 * every order in which owners and appends can meet (model/explore.test.ts). Each of them is needed as it is.
 */

/** The owner id of who has opened no term. No fence ever names it. */
export const NOBODY = '';

/**
 * The takeover that opens the next term. `owner` is a fresh id at every attempt: an attempt of unknown result may still
 * come, and must not be taken for the one after it.
 */
export const takeoverHeader = (fence: Fence, owner: string): Header => ({
  owner,
  term: fence.term + 1,
  batch: 0,
  index: 0,
  count: 1,
  code: CODE,
});

/** A record of the batch that an owner writes next. The owner names itself, not whom the fence names. */
export const batchHeader = ({ term, batch }: Fence, owner: string, index: number, count: number): Header => ({
  owner,
  term,
  batch,
  index,
  count,
  code: CODE,
});

/** Whether the partition belongs to `me`. Asked of the fence each time: whatever else remembers it, goes stale. */
export const isOwner = (fence: Fence, me: string): boolean => fence.owner === me;

/**
 * What came of a batch. `landed`: it is where it was meant to be, so it counts. `read on`: something was written before it,
 * and what it was decides: another's takeover (it is void), void records (it counts), or a copy of itself (the copy
 * counts, at its own place). Behind it the log is settled, and tells what is in. `take over`: nothing is settled, for it may
 * appear at any time; only a new term is a barrier. `lost data`: the log is shorter than it was.
 */
export type Verdict = 'landed' | 'read on' | 'take over' | 'lost data';

/** What an append means that was made by the owner at a cursor: `base` is where it came to lie, undefined is unknown. */
export function verdict({ offset }: Cursor, base: number | undefined): Verdict {
  if (base === undefined) return 'take over';
  if (base < offset) return 'lost data';
  return base === offset ? 'landed' : 'read on';
}

/** The cursor behind a batch of so many records that landed at a cursor. */
export const behind = ({ offset, fence }: Cursor, count: number): Cursor => ({
  offset: offset + count,
  fence: { ...fence, batch: fence.batch + 1, index: 0 },
});
