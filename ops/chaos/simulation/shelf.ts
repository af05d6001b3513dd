import type { Shelf } from '../../../commands/snapshots/memory.js';
import type { Snapshots } from '../../../commands/snapshots/snapshots.js';
import type { Mistake } from './mistakes.js';
import type { Process } from './process.js';
import { type Scene, pace } from './scene.js';

const copyOf = (shelf: Shelf): Shelf =>
  new Map(
    [...shelf].map(([key, { checkpoint, streams, chunks, outcomes }]) => [
      key,
      { checkpoint, streams: new Map(streams), chunks: new Map(chunks), outcomes: new Map(outcomes) },
    ]),
  );

/** How many moments a store can go back to. */
const KEPT = 12;

/** The store of snapshots that all workers share, with what it was before, so that it can go back there. */
export function createStore({ clock }: Scene, goesBack: Mistake['goesBack'] = (_, before) => before) {
  const shelf: Shelf = new Map();
  const copies: { readonly at: number; readonly shelf: Shelf }[] = [];
  const put = (older: Shelf): void => {
    const copy = copyOf(older);
    shelf.clear();
    for (const [key, home] of copy) shelf.set(key, home);
  };
  return {
    shelf,
    /** Notes what it holds now. */
    note: (): void => {
      copies.push({ at: clock.now(), shelf: copyOf(shelf) });
      if (copies.length > KEPT) copies.shift();
    },
    /** Loses what came within the last so many ms; everything, if that is all that is known. */
    goBack: (ms: number): void =>
      put(goesBack(shelf, copies.findLast(({ at }) => at <= clock.now() - ms)?.shelf ?? new Map())),
    clear: (): void => shelf.clear(),
  };
}

export type Store = ReturnType<typeof createStore>;

/** The way of a process to the store: it may reject before or after it has done what it was asked, or hang. */
export function snapshotsFor(process: Process, honest: Snapshots, store: Store, scene: Scene): Snapshots {
  const { dice, clock, tell } = scene;
  const asking = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const fault = dice.chance(scene.weather.store) ? dice.pick(['deaf', 'mute', 'hanging'] as const) : 'none';
    if (fault !== 'none') tell(process.name, `the store is ${fault} when asked to ${what}`);
    await clock.wait(pace(scene) + (fault === 'hanging' ? dice.int(1_000, 40_000) : 0));
    const silent = (): never => {
      throw new Error('no answer from the store');
    };
    if (fault === 'deaf' || (fault === 'hanging' && dice.chance(0.5))) return silent();
    const done = await work();
    if (what === 'flush') store.note();
    await clock.wait(pace(scene));
    return fault === 'none' ? done : silent();
  };
  return {
    load: (home, wanted) => process.hears(asking('load', () => honest.load(home, wanted))),
    flush: (home, from, to, changes) => {
      tell(process.name, `flushes ${home} up to ${to.cursor.offset}`);
      return process.hears(asking('flush', () => honest.flush(home, from, to, changes)));
    },
    clear: (home) => process.hears(asking('clear', () => honest.clear(home))),
    retireOlder: (home) => process.hears(asking('retire', () => honest.retireOlder(home))),
    close: async () => undefined,
  };
}
