import { DbError } from './db.js';

export type Line = ReturnType<typeof createLine>;

/** Lets so many in at once, the others in the order in which they came. Who has waited for too long is turned away. */
export function createLine(most: number, patience: number) {
  const waiting = new Set<() => void>();
  let free = most;
  return {
    enter: async (): Promise<void> => {
      if (free > 0) {
        free -= 1;
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(go);
          reject(new DbError('DB_BUSY', `No connection to Postgres was free for ${patience} ms.`));
        }, patience);
        const go = (): void => {
          clearTimeout(timer);
          resolve();
        };
        waiting.add(go);
      });
    },
    leave: (): void => {
      const [next] = waiting;
      if (!next) {
        free += 1;
        return;
      }
      waiting.delete(next);
      next();
    },
  };
}
