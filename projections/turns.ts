/** At each home, one thing at a time, in the order in which they were asked for. */
export function createTurns() {
  const last = new Map<number, Promise<unknown>>();
  return {
    take: <T>(home: number, work: () => Promise<T>): Promise<T> => {
      const turn = (last.get(home) ?? Promise.resolve()).then(work);
      last.set(
        home,
        turn.catch(() => undefined),
      );
      return turn;
    },
  };
}
