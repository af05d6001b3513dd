/** Does something from time to time, and at once when it is rung for. */
export type Bell = {
  ring(): void;
  /**
   * Does it until the signal aborts: after each time it waits for as many ms as that returns. What is done may ask whether
   * it was rung for meanwhile, or is to end.
   */
  everyTime(signal: AbortSignal, work: (isRung: () => boolean) => Promise<number>): Promise<void>;
};

export function createBell(): Bell {
  let isRung = false;
  let wake = (): void => undefined;
  const ring = (): void => {
    isRung = true;
    wake();
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  return {
    ring,
    everyTime: async (signal, work) => {
      signal.addEventListener('abort', ring);
      while (!signal.aborted) {
        isRung = false;
        const ms = await work(() => isRung);
        if (!isRung && ms > 0) await pause(ms);
      }
      signal.removeEventListener('abort', ring);
    },
  };
}
