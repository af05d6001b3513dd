/** Counts attempts by name, and counts them before they are made: of many at once no more pass than of many in a row. */
export type Limiter = {
  /** Counts an attempt and says 0, or says how many seconds to wait for the next one. */
  attempt(name: string): number;
  /** The attempt was right, so it does not count. */
  forgive(name: string): void;
};

export type LimiterOptions = {
  /** In ms since 1970. */
  readonly now: () => number;
  readonly most: number;
  /** In ms, from the first attempt. */
  readonly window: number;
  /** How many names are remembered. */
  readonly room?: number;
};

/** After `most` attempts within `window` a name waits until the window ends. Forgets, oldest first, beyond `room` names. */
export function createLimiter({ now, most, window, room = 10_000 }: LimiterOptions): Limiter {
  const attempts = new Map<string, { count: number; readonly until: number }>();
  return {
    attempt: (name) => {
      const known = attempts.get(name);
      if (!known || known.until <= now()) {
        attempts.delete(name);
        attempts.set(name, { count: 1, until: now() + window });
        const [oldest] = attempts.keys();
        if (attempts.size > room && oldest !== undefined) attempts.delete(oldest);
        return 0;
      }
      if (known.count >= most) return Math.ceil((known.until - now()) / 1_000);
      known.count += 1;
      return 0;
    },
    forgive: (name) => {
      const known = attempts.get(name);
      if (known && known.count > 0) known.count -= 1;
    },
  };
}
