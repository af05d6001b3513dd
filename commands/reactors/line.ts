/** Takes a place, in order of coming. Resolves with how to give it back; with `signal`, without a place. */
export type Line = (signal: AbortSignal) => Promise<() => void>;

/** Lets so many in at once. The others wait in line: a bound keeps a crowd from starving everybody. */
export function createLine(places: number): Line {
  let free = places;
  const waiting = new Set<() => void>();

  const leave = (): void => {
    const [next] = waiting;
    if (next) next();
    else free++;
  };

  return (signal) =>
    new Promise((resolve) => {
      const enter = (): void => {
        waiting.delete(enter);
        signal.removeEventListener('abort', quit);
        resolve(leave);
      };
      const quit = (): void => {
        waiting.delete(enter);
        resolve(() => undefined);
      };
      if (signal.aborted) return quit();
      if (free > 0) {
        free--;
        return enter();
      }
      waiting.add(enter);
      signal.addEventListener('abort', quit, { once: true });
    });
}
