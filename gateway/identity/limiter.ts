/** Counts failures by name. `blocked` says for how many seconds more a name must wait, 0 for none. */
export type Limiter = { blocked(name: string): number; fail(name: string): void; clear(name: string): void };

/** After `most` failures within `window` ms a name waits until the window ends. Forgets, oldest first, beyond `room` names. */
export function createLimiter({ now, most = 8, window = 60_000, room = 10_000 }: LimiterOptions): Limiter {
  const failures = new Map<string, { count: number; readonly until: number }>();
  const current = (name: string) => {
    const found = failures.get(name);
    if (found && found.until > now()) return found;
    failures.delete(name);
    return undefined;
  };
  return {
    blocked: (name) => {
      const found = current(name);
      return found && found.count >= most ? Math.ceil((found.until - now()) / 1_000) : 0;
    },
    fail: (name) => {
      const found = current(name) ?? { count: 0, until: now() + window };
      found.count += 1;
      failures.set(name, found);
      const [oldest] = failures.keys();
      if (failures.size > room && oldest !== undefined) failures.delete(oldest);
    },
    clear: (name) => {
      failures.delete(name);
    },
  };
}

export type LimiterOptions = {
  readonly now: () => number;
  readonly most?: number;
  readonly window?: number;
  readonly room?: number;
};
