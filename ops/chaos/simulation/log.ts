import type { Entry, Log, Placed } from '../../../commands/log/log.js';
import type { Disk } from '../../../commands/log/memory.js';
import { passAll, startOfLog } from '../../../commands/log/store.js';
import type { Process } from './process.js';
import { type Scene, pace } from './scene.js';

/** The valid records of a partition: the fence alone says which. */
export const validOf = (file: readonly Entry[]): readonly Placed[] =>
  passAll(
    startOfLog,
    file.map((entry, offset) => ({ offset, entry })),
  ).records;

/** What the network does to an append. After all but the first, nobody can tell by the answer what is in the log. */
const faults = ['slow', 'lost', 'late', 'late', 'doubled', 'doubled and unanswered', 'unanswered'] as const;

/** The way of a process to the log, through a network that loses, delays and doubles. Reads are slow, and may be cut off. */
export function logFor(process: Process, { log }: Disk, scene: Scene): Log {
  const { dice, clock, counts, tell } = scene;

  const send = async (partition: number, batch: readonly Entry[]): Promise<number> => {
    const fault = dice.chance(scene.weather.log) ? dice.pick(faults) : 'none';
    const title = `${batch.map(({ kind }) => kind).join('+')} to ${partition}`;
    const write = async (): Promise<number> => {
      const base = await log.append(partition, batch);
      tell(process.name, `${title} lands at ${base}`);
      return base;
    };
    const fail = (): never => {
      throw new Error('no answer from the log');
    };
    if (fault !== 'none') tell(process.name, `${title} will be ${fault}`);
    if (fault === 'lost') counts.lost++;
    if (fault === 'late') counts.late++;
    if (fault.startsWith('doubled')) counts.doubled++;
    if (fault.endsWith('unanswered')) counts.unanswered++;

    await clock.wait(pace(scene) + (fault === 'slow' ? dice.int(500, 5_000) : 0));
    if (fault === 'lost') return fail();
    if (fault === 'late') {
      clock.after(dice.int(1, dice.pick([50, 2_000, 20_000])), () => void write());
      return fail();
    }
    const first = await write();
    if (fault.startsWith('doubled')) {
      await clock.wait(dice.int(0, 30));
      const second = await write();
      return fault === 'doubled' ? second : fail();
    }
    await clock.wait(pace(scene));
    return fault === 'unanswered' ? fail() : first;
  };

  return {
    ...log,
    append: (partition, batch) => process.hears(send(partition, batch)),
    async *read(partition, from, options = {}) {
      const chunks = log.read(partition, from, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          await process.wait(pace(scene));
          if (options.follow !== true && dice.chance(scene.weather.read)) throw new CutOff('the read was cut off');
          const next = await process.hears(chunks.next());
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        await chunks.return?.();
      }
    },
    end: async (partition) => {
      await process.wait(pace(scene));
      return log.end(partition);
    },
    holds: async (partition, cursor) => {
      await process.wait(pace(scene));
      return log.holds(partition, cursor);
    },
  };
}

/** A worker stops at this, and starts again. */
export class CutOff extends Error {
  override name = 'CutOff';
}
