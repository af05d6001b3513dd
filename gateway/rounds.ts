/**
 * Has the same done for many again and again, so that none holds up the others: those whose last time is not over are left
 * out. What goes wrong is told; what goes wrong for several of one round for the same reason, once.
 */
export function createRounds<K>(onFailure: (error: unknown) => void) {
  const busy = new Set<K>();
  return <T>(all: ReadonlyMap<K, T>, work: (key: K, value: T) => Promise<void>): void => {
    const told = new Set<string>();
    for (const [key, value] of all) {
      if (busy.has(key)) continue;
      busy.add(key);
      work(key, value)
        .catch((error: unknown) => {
          const why = String(error);
          if (!told.has(why)) onFailure(error);
          told.add(why);
        })
        .finally(() => busy.delete(key));
    }
  };
}
