import type { Change, Obligations } from '../../../commands/reactors/reactor.js';
import type { Uuid } from '../../../domain/ids.js';
import { isGone } from '../../generations.js';
import { OBLIGATIONS_TOPIC } from '../../sessions/announce.js';
import type { Sessions } from '../../sessions/sessions.js';
import type { Queryable } from '../db.js';
import { readOwed, readOwedIds } from './obligations.js';
import type { Wait } from '../../wait.js';

/** How often all that is owed is looked through again, in ms: what a lost notice told of comes to light then. */
const LIST_MS = 5_000;

/** What a listener knows: each obligation as of its place, and at which home it stands. */
type Known = Map<Uuid, { readonly home: number; readonly offset: number }>;

/**
 * Obligations as a reactor watches them in a process that does not run their view. Whoever runs it tells of which there is
 * something new; what, is read from the view. So what is told twice, late or out of order changes nothing, and what is told
 * and lost is found by looking through the list, on attaching and from time to time.
 */
export function followObligations(options: {
  readonly db: Queryable;
  readonly sessions: Pick<Sessions, 'attach'>;
  /** Resolves when the view is caught up, whoever runs it. */
  readonly caughtUp: Promise<void>;
  readonly wait: Wait;
  /** Told of reads that failed. They are tried again. */
  readonly onTrouble: (error: unknown) => void;
}): Obligations {
  const { db, sessions, caughtUp, wait, onTrouble } = options;

  return {
    watch: async (listener) => {
      const known: Known = new Map();
      /** What is to be read anew, by home. */
      const wanted = new Map<number, Set<Uuid>>();
      const over = new AbortController();
      let nap = new AbortController();
      const want = (home: number, id: Uuid): void => {
        wanted.set(home, (wanted.get(home) ?? new Set()).add(id));
      };
      const hear = (notice: unknown): void => {
        const { ids, home } = told(notice);
        for (const id of ids) {
          const at = home ?? known.get(id)?.home ?? homeWanting(wanted, id);
          if (at !== undefined) want(at, id);
        }
        nap.abort();
      };
      const tell = (change: Change, home: number): void => {
        if ('ended' in change) known.delete(change.ended);
        else known.set(change.id, { home, offset: change.position.offset });
        listener(change);
      };

      const readAnew = async (): Promise<void> => {
        for (const [home, ids] of wanted) {
          wanted.delete(home);
          try {
            const { shown, found } = await readOwed(db, home, [...ids]);
            for (const one of found) {
              ids.delete(one.id);
              if (known.get(one.id)?.offset !== one.position.offset) tell(one, home);
            }
            for (const id of ids) {
              // A view that is filled anew does not show yet what it will.
              const before = known.get(id);
              if (before?.home === home && before.offset <= shown) tell({ ended: id }, home);
            }
          } catch (error) {
            for (const id of ids) want(home, id);
            throw error;
          }
        }
      };
      const list = async (): Promise<void> => {
        const there = new Map((await readOwedIds(db)).map((row) => [row.id, row]));
        for (const { id, home, offset } of there.values()) if (known.get(id)?.offset !== offset) want(home, id);
        for (const [id, { home }] of known) if (!there.has(id)) want(home, id);
        await readAnew();
      };

      const keepOn = async (): Promise<void> => {
        for (let left = LIST_MS; !over.signal.aborted;) {
          const begun = performance.now();
          nap = new AbortController();
          if (wanted.size === 0) await wait(left, AbortSignal.any([nap.signal, over.signal]));
          if (over.signal.aborted) return;
          left -= performance.now() - begun;
          const isDue = left <= 0 || wanted.size === 0;
          if (isDue) left = LIST_MS;
          try {
            await (isDue ? list() : readAnew());
          } catch (error) {
            if (!isGone(error)) onTrouble(error);
            await wait(LIST_MS / 10, over.signal);
          }
        }
      };

      await caughtUp;
      // Attached before it lists, so that nothing is missed.
      const detach = await sessions.attach(OBLIGATIONS_TOPIC, hear);
      await list();
      void keepOn();
      return () => {
        over.abort();
        detach();
      };
    },
  };
}

const homeWanting = (wanted: ReadonlyMap<number, ReadonlySet<Uuid>>, id: Uuid): number | undefined =>
  [...wanted].find(([, ids]) => ids.has(id))?.[0];

/** What a notice says; nothing, if it is not one. */
function told(notice: unknown): { readonly ids: readonly Uuid[]; readonly home: number | undefined } {
  if (typeof notice !== 'object' || notice === null) return { ids: [], home: undefined };
  const ids: readonly unknown[] = 'ids' in notice && Array.isArray(notice.ids) ? notice.ids : [];
  const home = 'home' in notice && typeof notice.home === 'number' ? notice.home : undefined;
  return { ids: ids.filter((id) => typeof id === 'string'), home };
}
