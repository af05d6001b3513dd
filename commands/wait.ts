/** Resolves after so many ms, or with the signal. Never rejects. */
export type Wait = (ms: number, signal?: AbortSignal) => Promise<void>;

/**
 * What the work comes to, if that takes no longer than so many ms; else what `late` gives is thrown. The work is not
 * stopped by that: who can stop it does so. Nothing waits any more once either has come.
 */
export async function within<T>(ms: number, work: Promise<T>, wait: Wait, late: () => Error): Promise<T> {
  const over = new AbortController();
  const tooLong = wait(ms, over.signal).then(() => {
    // An error is made only where somebody reads it.
    if (over.signal.aborted) return work;
    throw late();
  });
  try {
    return await Promise.race([work, tooLong]);
  } finally {
    over.abort();
  }
}
