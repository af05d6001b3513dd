import type { Uuid } from '../../../domain/ids.js';
import { type Entry, type Log, CODE } from '../../../commands/log/log.js';
import { type Store, logOver } from '../../../commands/log/store.js';
import type { Process } from './process.js';
import { type Scene, pace } from './scene.js';

/** The log as the brokers have it: honest, with every record there for the checker, void ones too. */
export type Disk = { readonly log: Log; readonly files: readonly Entry[][] };

export function createDisk(partitions: number, id: Uuid): Disk {
  const header = { owner: id, term: 0, batch: 0, index: 0, count: 1, code: CODE };
  const files = Array.from({ length: partitions }, (): Entry[] => [{ kind: 'log', header, log: id, partitions }]);
  const file = (partition: number): Entry[] => {
    const entries = files[partition];
    if (!entries) throw new RangeError(`partition ${partition} of ${partitions}`);
    return entries;
  };
  const store: Store = {
    id,
    partitions,
    append: async (partition, batch) => {
      const base = file(partition).length;
      // Through JSON, so that what is read is what a broker would hold.
      file(partition).push(...batch.map((entry): Entry => JSON.parse(JSON.stringify(entry))));
      return base;
    },
    scan: (partition, from, limit) =>
      file(partition)
        .slice(from, from + limit)
        .map((entry, at) => ({ offset: from + at, entry })),
    end: (partition) => file(partition).length,
    mark: () => undefined,
    close: async () => undefined,
  };
  return { log: logOver(store), files };
}

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
