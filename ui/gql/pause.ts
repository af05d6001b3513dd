const LONGEST_MS = 10_000;

/** How long to wait before asking again, in ms. It doubles with each failure after the other. */
export type Pause = {
  /** The pause after a failure, which may itself say how long it is at least. */
  next(failure?: { readonly retryAfter: number }): number;
  /** After a success. */
  reset(): void;
};

/**
 * Pauses from `first` to `longest` ms. Each is up to a half longer by chance, so that pages that failed together do not
 * come back together.
 */
export function openPause(first: number, longest = LONGEST_MS): Pause {
  let failures = 0;
  return {
    next: (failure) => {
      const grown = Math.min(first * 2 ** failures, longest);
      failures += 1;
      return Math.max(grown, failure?.retryAfter ?? 0) * (1 + Math.random() / 2);
    },
    reset: () => {
      failures = 0;
    },
  };
}
