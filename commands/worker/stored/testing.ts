import { beforeEach } from 'vitest';
import { STATE } from '../../../domain/catalogue.js';
import type { Log } from '../../log/log.js';
import { type Shelf, memorySnapshots } from '../../snapshots/memory.js';
import type { Changes, Snapshots, Wanted } from '../../snapshots/snapshots.js';
import type { Limits } from '../limits.js';
import type { OwnerOptions } from '../owner.js';
import { type Clock, T0, entries, openLog, ownerOf } from '../testing.js';

/** No room for anything that may be evicted, and never a flush but when the test says so. */
export const tight: Limits = { room: 0, flush: Infinity, full: Infinity };

/** A log and a shelf of snapshots, new for each test, and owners over them. */
export function storeBench() {
  const bench: { clock: Clock; log: Log; shelf: Shelf } = { clock: { now: T0 }, log: openLog(), shelf: new Map() };
  beforeEach(() => {
    bench.clock = { now: T0 };
    bench.log = openLog();
    bench.shelf = new Map();
  });

  /** An owner over the shelf, and what it asks of its store. `more` changes how that store answers. */
  const owning = (
    limits: Limits = tight,
    more: (real: Snapshots) => Partial<Snapshots> = () => ({}),
    options: { readonly state?: number } & Pick<Partial<OwnerOptions>, 'wait' | 'onEvicted'> = {},
  ) => {
    const { clock, log, shelf } = bench;
    const { state = STATE, ...rest } = options;
    const loads: Wanted[] = [];
    const flushes: Changes[] = [];
    const real = memorySnapshots(state, shelf);
    const snapshots: Snapshots = {
      ...real,
      load: (home, wanted) => (loads.push(wanted), real.load(home, wanted)),
      flush: (home, from, to, changes) => (flushes.push(changes), real.flush(home, from, to, changes)),
      ...more(real),
    };
    const troubles: unknown[] = [];
    const onTrouble = (error: unknown): void => {
      troubles.push(error);
    };
    return { owner: ownerOf(log, { clock, snapshots, limits, onTrouble, ...rest }), loads, flushes, troubles };
  };

  return {
    bench,
    owning,
    takeovers: async (): Promise<number> => (await entries(bench.log)).filter(({ kind }) => kind === 'takeover').length,
    copy: (): Shelf => structuredClone(bench.shelf),
    putBack: (earlier: Shelf): void => {
      bench.shelf.clear();
      for (const [key, home] of structuredClone(earlier)) bench.shelf.set(key, home);
    },
  };
}
