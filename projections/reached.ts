import type { Position } from '../commands/command.js';
import type { Log } from '../commands/log/log.js';
import { isGone } from './generations.js';
import type { Queryable } from './readmodel/db.js';
import type { Sessions } from './sessions/sessions.js';
import type { Wait } from './wait.js';

/** Waits until a view shows a position; false when `patience` (ms) ran out, or nobody waits any more. */
export type Reached = (position: Position, patience: number) => Promise<boolean>;

/** How long after a look it looks again, in ms, where nobody tells it that more is shown: at first, and at the longest. */
const FIRST_MS = 20;
const LONGEST_MS = 500;
/** How long it goes on listening at a home for which nobody waits, in ms. */
const LINGER_MS = 5_000;

/** Where those who run a view tell how far it is at a home, as `{ offset }`. */
export const shownTopic = (view: string, home: number): string => `shown:${view}:${home}`;

type Waiter = {
  readonly offset: number;
  /** Its time is over: it takes what the look in hand says. */
  isLast: boolean;
  hasLooked: boolean;
  readonly settle: (isShown: boolean) => void;
};

/**
 * `reached` where others run the view: whether it shows a position is read from its live generation, by one statement for
 * all who wait at a home. A look follows when a runner tells that there is more, and, as that may get lost, from time to
 * time. It says true only of what readers could read at that moment: a notice is no more than a reason to look.
 */
export function reachedBy(options: {
  readonly db: Queryable;
  readonly view: string;
  readonly sessions?: Pick<Sessions, 'attach'> | undefined;
  readonly wait: Wait;
  /** Ends all waiting when it aborts. */
  readonly signal?: AbortSignal;
  /** Told of looks that failed. Those who wait go on waiting. */
  readonly onTrouble?: ((error: unknown) => void) | undefined;
}): Reached {
  const { db, view, sessions, wait, signal, onTrouble } = options;
  const homes = new Map<number, { readonly waiters: Set<Waiter>; readonly ring: () => void }>();

  const lookAt = async (home: number): Promise<number> => {
    try {
      const sql = `SELECT cp.next_offset AS "offset" FROM ${view}.checkpoints cp WHERE cp.home = $1`;
      const { rows } = await db.query<{ offset: number }>(sql, [home]);
      return rows[0]?.offset ?? 0;
    } catch (error) {
      // It is only just being made.
      if (!isGone(error)) onTrouble?.(error);
      return 0;
    }
  };

  /** Looks at a home for as long as somebody waits there, and a while longer. */
  const watch = (home: number): { readonly waiters: Set<Waiter>; readonly ring: () => void } => {
    const waiters = new Set<Waiter>();
    let isRung = false;
    let nap = new AbortController();
    const ring = (): void => {
      isRung = true;
      nap.abort();
    };
    const rest = async (ms: number): Promise<void> => {
      nap = new AbortController();
      if (!isRung && signal?.aborted !== true) await wait(ms, nap.signal);
    };
    const hear = (notice: unknown): void => {
      const offset = offsetIn(notice);
      if ([...waiters].some((waiter) => waiter.offset <= offset)) ring();
    };
    const look = async (): Promise<void> => {
      const looking = [...waiters];
      const offset = await lookAt(home);
      for (const waiter of looking) {
        waiter.hasLooked = true;
        if (waiter.offset <= offset || waiter.isLast) waiter.settle(waiter.offset <= offset);
      }
    };
    const run = async (): Promise<void> => {
      // What is told before it is attached is found by looking again.
      const attached = sessions?.attach(shownTopic(view, home), hear).catch((error: unknown) => onTrouble?.(error));
      let pause = FIRST_MS;
      do {
        while (waiters.size > 0) {
          if (isRung) pause = FIRST_MS;
          isRung = false;
          await look();
          if (waiters.size > 0) await rest(pause);
          pause = Math.min(pause * 2, LONGEST_MS);
        }
        await rest(LINGER_MS);
      } while (waiters.size > 0);
      homes.delete(home);
      (await attached)?.();
    };
    signal?.addEventListener('abort', ring);
    run()
      .catch((error: unknown) => onTrouble?.(error))
      .finally(() => signal?.removeEventListener('abort', ring));
    return { waiters, ring };
  };

  signal?.addEventListener(
    'abort',
    () => {
      for (const { waiters } of homes.values()) for (const waiter of waiters) waiter.settle(false);
    },
    { once: true },
  );

  return ({ partition, offset }, patience) => {
    if (signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const there = homes.get(partition) ?? watch(partition);
      homes.set(partition, there);
      const over = new AbortController();
      const waiter: Waiter = {
        offset,
        isLast: false,
        hasLooked: false,
        settle: (isShown) => {
          there.waiters.delete(waiter);
          over.abort();
          resolve(isShown);
        },
      };
      there.waiters.add(waiter);
      there.ring();
      void wait(patience, over.signal).then(() => {
        if (over.signal.aborted) return;
        // Whoever has no time at all is told what is shown now.
        waiter.isLast = true;
        if (waiter.hasLooked) waiter.settle(false);
      });
    });
  };
}

const offsetIn = (notice: unknown): number =>
  typeof notice === 'object' && notice !== null && 'offset' in notice && typeof notice.offset === 'number'
    ? notice.offset
    : 0;

/** The longest that a timer can wait, in ms. */
const FOREVER_MS = 2 ** 31 - 1;

/** Resolves when a view that others run has reached, at every home, the end that the log has now. */
export async function caughtUpBy({ log, reached }: { readonly log: Log; readonly reached: Reached }): Promise<void> {
  const homes = Array.from({ length: log.partitions }, (_, home) => home);
  const there = await Promise.all(
    homes.map(async (partition) => reached({ partition, offset: await log.end(partition) }, FOREVER_MS)),
  );
  // Whoever stopped waiting is told nothing.
  if (!there.every(Boolean)) await new Promise(() => undefined);
}
