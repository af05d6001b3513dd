/**
 * The fence: the one rule that tells valid records of a partition from void ones. Writers and readers alike live by it,
 * from the first record on, so that a deposed owner's late batch, or a batch sent twice, is seen by nobody.
 * The rule was proven against real brokers; every word of it is needed.
 */

/** Who wrote a record, in which numbered time of ownership, and where in which batch. */
export type Header = {
  readonly owner: string;
  /** Opened by a Takeover; counts only if it is the last term + 1. */
  readonly term: number;
  /** The batch within the term, from 0. */
  readonly batch: number;
  /** The record's place within its batch, from 0 to `count` − 1. */
  readonly index: number;
  readonly count: number;
  /** The version of the code that wrote it: older code refuses a partition that newer code has written. */
  readonly code: number;
};

/** The state of the fence: the owner of the current term, and the batch and place that it must write next. */
export type Fence = {
  readonly term: number;
  readonly owner: string | null;
  readonly batch: number;
  readonly index: number;
};

export const openFence: Fence = { term: 0, owner: null, batch: 0, index: 0 };

export type Fenced = { readonly kind: 'log' | 'takeover' | 'event' | 'outcomes'; readonly header: Header };

/** Passes one record through the fence: the fence after it, and whether the record is valid. */
export function pass(fence: Fence, { kind, header }: Fenced): { fence: Fence; valid: boolean } {
  // The log's identity is written once, before the first owner, and stands outside all terms.
  if (kind === 'log') return { fence, valid: fence.term === 0 };
  if (kind === 'takeover') {
    // A compare-and-set: a late or doubled takeover opens nothing.
    if (header.term !== fence.term + 1) return { fence, valid: false };
    return { fence: { term: header.term, owner: header.owner, batch: 0, index: 0 }, valid: true };
  }
  const { owner, term, batch, index } = header;
  if (owner !== fence.owner || term !== fence.term || batch !== fence.batch || index !== fence.index) {
    return { fence, valid: false };
  }
  const last = index === header.count - 1;
  // Spelled out, for every reader passes every record through here.
  return { fence: { term, owner, batch: last ? batch + 1 : batch, index: last ? 0 : index + 1 }, valid: true };
}

export const sameFence = (a: Fence, b: Fence): boolean =>
  a.term === b.term && a.owner === b.owner && a.batch === b.batch && a.index === b.index;
