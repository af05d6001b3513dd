import type { Wait } from '../wait.js';

/** How long senders wait. Those whose time ends at about the same moment share a timer: under load there are thousands. */
export type Patience = {
  /**
   * `over` resolves after so many ms, and at most 100 ms later; or when all who share its timer have left. Whoever needs
   * it no longer leaves, once.
   */
  begin(ms: number): { readonly over: Promise<void>; readonly leave: () => void };
};

export type PatienceOptions = {
  readonly now: () => number;
  readonly wait: Wait;
};

const STEP = 100;

export function createPatience({ now, wait }: PatienceOptions): Patience {
  type End = { readonly over: Promise<void>; readonly left: AbortController; waiting: number };
  const ends = new Map<number, End>();

  const endAt = (at: number): End => {
    const left = new AbortController();
    const end = { over: wait(at - now(), left.signal), left, waiting: 0 };
    ends.set(at, end);
    return end;
  };

  return {
    begin: (ms) => {
      const at = Math.ceil((now() + ms) / STEP) * STEP;
      const end = ends.get(at) ?? endAt(at);
      end.waiting += 1;
      return {
        over: end.over,
        leave: () => {
          end.waiting -= 1;
          if (end.waiting > 0) return;
          ends.delete(at);
          end.left.abort();
        },
      };
    },
  };
}
