import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../commands/log/log.js';
import { beginBeside, wishBeside } from './beside.js';
import { type Beside, type Generation, readBeside, readGenerations } from './generations.js';
import { findParked, wantRetry } from './parked.js';
import type { Projection } from './projection.js';
import type { Db } from './readmodel/db.js';

/**
 * What an operator cannot have, and why. REBUILD_RUNNING: one is being filled already. NO_REBUILD: there is none in the
 * phase that this needs. NOT_PARKED: the stream is not parked. RETRY_REFUSED: it was tried, and is refused again.
 * NO_ANSWER: whoever runs the view has not done it yet; it is noted, and will be done. UNKNOWN_VIEW: there is no such view.
 */
export class OperationError extends Error {
  override name = 'OperationError';
  constructor(
    readonly code: 'REBUILD_RUNNING' | 'NO_REBUILD' | 'NOT_PARKED' | 'RETRY_REFUSED' | 'NO_ANSWER' | 'UNKNOWN_VIEW',
    message: string,
  ) {
    super(message);
  }
}

/** How long whoever wishes waits for whoever does, in ms, and how often it looks. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 50;

/** Of what something is wished. */
export type Wished = 'retries' | 'rebuild';

export type Wishes = {
  /** Resolves when it has begun. Throws REBUILD_RUNNING. */
  rebuild(): Promise<void>;
  /** Drops the generation beside the live one, whatever it is there for. Throws NO_REBUILD, NO_ANSWER. */
  cancel(): Promise<void>;
  /**
   * Makes the generation beside the live one the live one: that which was before, or one that was found to be different.
   * Throws NO_REBUILD, NO_ANSWER.
   */
  switchTo(phase: 'kept' | 'different'): Promise<void>;
  /** Tries a parked stream again. Throws NOT_PARKED, RETRY_REFUSED with the error, NO_ANSWER. */
  retry(stream: string): Promise<void>;
};

/**
 * What operators want of a view, noted in its database for whoever runs it, which may be another process. `look` tells
 * it at once where it is this one.
 */
export function createWishes<N>(options: {
  readonly log: Log;
  readonly db: Db;
  readonly projection: Projection<N>;
  readonly look: (what: Wished) => void;
  readonly clock: () => number;
}): Wishes {
  const { log, db, projection, look, clock } = options;
  const { name } = projection;

  const until = async (what: Wished, isDone: () => Promise<boolean>): Promise<void> => {
    look(what);
    for (const end = clock() + PATIENCE_MS; !(await isDone()); await sleep(LOOK_MS)) {
      if (clock() < end) continue;
      const message = `It is noted, but whoever runs the view ${name} has not done it yet. Look at what that says.`;
      throw new OperationError('NO_ANSWER', message);
    }
  };

  /** Has something done with the generation beside the live one. Returns which one it is. */
  const wish = async (what: Beside['wish'], phases: readonly Beside['phase'][]): Promise<number> => {
    const { beside } = await readGenerations(db, name);
    if (beside && (await wishBeside(db, name, beside.number, what, phases))) return beside.number;
    const there = beside ? `is ${beside.phase}` : 'is not there';
    const message = `This needs a generation beside the live one of ${name} that is ${phases.join(' or ')}: it ${there}.`;
    throw new OperationError('NO_REBUILD', message);
  };

  return {
    rebuild: async () => {
      if (!(await readGenerations(db, name)).live) {
        throw new OperationError('NO_ANSWER', `The view ${name} is only just being made. Ask again in a moment.`);
      }
      if (!(await beginBeside(db, projection, log, clock()))) {
        throw new OperationError('REBUILD_RUNNING', `The view ${name} is being rebuilt already. Cancel that first.`);
      }
      look('rebuild');
    },
    cancel: async () => {
      const generation = await wish('drop', ['filling', 'kept', 'different', 'failed']);
      await until('rebuild', async () => (await readBeside(db, name))?.generation !== generation);
      if ((await readGenerations(db, name)).live?.number !== generation) return;
      const message = `Readers see generation ${generation} of ${name} since a moment ago: it cannot be dropped.`;
      throw new OperationError('NO_REBUILD', message);
    },
    switchTo: async (phase) => {
      const generation = await wish('switch', [phase]);
      await until('rebuild', async () => (await readGenerations(db, name)).live?.number === generation);
    },
    retry: async (stream) => {
      const find = async () => {
        const { live } = await readGenerations(db, name);
        return live && { live, row: await findParked(db, live.schema, stream, log.partitions) };
      };
      const want = ({ schema }: Generation) => wantRetry(db, schema, stream, log.partitions);
      const found = await find();
      if (!found?.row || !(await want(found.live))) {
        throw new OperationError('NOT_PARKED', `The view ${name} has no parked stream ${stream}.`);
      }
      let asked = found.live.number;
      await until('retries', async () => {
        const now = await find();
        if (!now?.row || now.row.wanted) return !now?.row;
        const { live, row } = now;
        if (live.number !== asked) {
          // Another one has become the live one: there nobody has asked.
          asked = live.number;
          await want(live);
          look('retries');
          return false;
        }
        throw new OperationError('RETRY_REFUSED', `${stream} is refused again: ${row.errorName}: ${row.errorMessage}`);
      });
    },
  };
}
