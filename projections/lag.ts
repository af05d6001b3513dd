import type { Log } from '../commands/log/log.js';
import { type Generation, orGone, readGenerations } from './generations.js';
import { readParked } from './parked.js';
import type { Db } from './readmodel/db.js';

/** How far a generation of a view is at one home: `behind` records of the log, with `parked` streams held up there. */
export type Lag = {
  readonly view: string;
  readonly generation: number;
  readonly home: number;
  readonly offset: number;
  readonly end: number;
  readonly behind: number;
  readonly parked: number;
};

/** How far a view is at each home: the live generation, and then the one beside it, if there is one. */
export async function readLag(db: Db, log: Log, view: string): Promise<readonly Lag[]> {
  const { live, beside } = await readGenerations(db, view);
  const there = [live, beside].filter((each) => each !== undefined);
  return (await Promise.all(there.map((generation) => lagOf(db, log, view, generation)))).flat();
}

async function lagOf(db: Db, log: Log, view: string, { number, schema, checkpoints }: Generation) {
  const parked = (await orGone(readParked(db, schema))) ?? [];
  return Promise.all(
    checkpoints.map(async ({ offset }, home): Promise<Lag> => {
      const end = await log.end(home);
      const held = parked.filter((row) => row.home === home).length;
      return { view, generation: number, home, offset, end, behind: Math.max(end - offset, 0), parked: held };
    }),
  );
}
