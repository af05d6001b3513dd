import {
  type Answer,
  type Command,
  type CommandSource,
  type Incoming,
  NotHeld,
  Refused,
  type Taker,
} from '../../../commands/command.js';
import type { Disk } from '../../../commands/log/memory.js';
import { Unowned } from '../../../commands/worker/owner.js';
import { nameOf } from '../../../commands/worker/memory.js';
import type { Process } from './process.js';
import { type Scene, pace } from './scene.js';

/** A command in the topic. Its place there is its offset. */
export type Posted = {
  readonly command: Command;
  readonly at: number;
  /** How often a worker took it. */
  taken: number;
  answered: boolean;
  refused: boolean;
};

/** What was told to whom, for the checker: a command by name and hash, and what a worker said of it. */
export type Told = { readonly name: string; readonly hash: string; readonly answer: Answer };

/** One worker's reading of one partition. */
type Reading = { position: number; begun: boolean; under: { posted: Posted; offset: number; settled: boolean }[] };

/**
 * The channel as the fleet has it: a durable topic of commands, whose partitions are handed to workers. It delivers at
 * least once: who takes a partition over goes on from the group's committed offset, which may lag, or behind what the log
 * says is covered. A worker that lost a partition may go on for a while, and not know it.
 */
export function createChannel(scene: Scene, disk: Disk, rules: ChannelRules) {
  const { dice, clock, counts, tell } = scene;
  const partitions = disk.files.length;
  const topic = Array.from({ length: partitions }, () => ({ start: 0, commands: [] as Posted[], committed: 0 }));
  const readings = new Map<string, Reading>();
  const owners: (Process | undefined)[] = [];
  const told: Told[] = [];
  const known: Told[] = [];
  const sleepers = new Set<() => void>();
  const replies = new WeakMap<Posted, (answer: Answer | Refused) => void>();
  const wakeAll = (): void => {
    for (const wake of sleepers) wake();
  };
  const part = (partition: number) => {
    const found = topic[partition];
    if (!found) throw new RangeError(`partition ${partition} of ${partitions}`);
    return found;
  };
  const key = (process: Process, partition: number): string => `${process.name}/${partition}`;

  const assign = (partition: number, process: Process): void => {
    const before = owners[partition];
    owners[partition] = process;
    const { committed } = part(partition);
    tell('group', `${partition} goes to ${process.name} from ${committed}`);
    readings.set(key(process, partition), { position: committed, begun: false, under: [] });
    // Who had it until now has not heard of that yet.
    if (before && before !== process) {
      const old = key(before, partition);
      const reading = readings.get(old);
      clock.after(dice.int(0, dice.pick([1, 3_000])), () => {
        if (readings.get(old) === reading && owners[partition] !== before) readings.delete(old);
      });
    }
    wakeAll();
  };

  /** Goes on behind what is settled. What is neither answered nor refused comes again, unless it was decided before. */
  const settle = (process: Process, partition: number, reading: Reading, covered: number): void => {
    const open = reading.under.find(({ settled, offset }) => !settled && offset > covered);
    if (open) reading.position = open.offset;
    reading.under = [];
    const { committed } = part(partition);
    if (owners[partition] === process && dice.chance(rules.commits)) {
      part(partition).committed = Math.max(committed, reading.position);
    }
  };

  const incoming = (process: Process, posted: Posted, offset: number, under: { settled: boolean }): Incoming => {
    const { command } = posted;
    const say = (what: Answer | Refused): void => {
      if (!process.alive) return;
      under.settled = true;
      const reply = replies.get(posted);
      if (dice.chance(scene.weather.net)) return;
      const times = dice.chance(scene.weather.net) ? 2 : 1;
      for (let n = 0; n < times; n++) clock.after(pace(scene), () => reply?.(what));
    };
    return {
      command,
      offset,
      answer: (answer) => {
        if (process.alive) {
          posted.answered = true;
          told.push({ name: nameOf(command), hash: command.hash, answer });
          tell(process.name, `answers ${command.type} ${command.id} ${answer.status} at ${answer.position.offset}`);
        }
        say(answer);
      },
      refuse: (refusal) => {
        if (process.alive) {
          posted.refused = true;
          tell(process.name, `refuses ${command.type} ${command.id} ${refusal.code}`);
        }
        say(refusal);
      },
    };
  };

  /** What comes next of a partition, if anything does. */
  const takeFrom = (process: Process, partition: number, reading: Reading): readonly Incoming[] => {
    const { commands, start } = part(partition);
    const from = Math.max(reading.position, start);
    const taken = commands.slice(from, from + rules.batch);
    reading.position = from + taken.length;
    if (rules.commitsEarly === true) part(partition).committed = reading.position;
    if (taken.length > 0) tell(process.name, `takes ${from}–${from + taken.length - 1} of ${partition}`);
    return taken.map((posted, n) => {
      if (posted.taken++ > 0) counts.redelivered++;
      const under = { posted, offset: from + n, settled: false };
      reading.under.push(under);
      return incoming(process, posted, from + n, under);
    });
  };

  /** Resolves when something may have come, or changed hands. */
  const news = (process: Process, signal: AbortSignal): Promise<void> =>
    process.hears(
      new Promise<void>((resolve) => {
        const wake = (): void => {
          sleepers.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        sleepers.add(wake);
        signal.addEventListener('abort', wake);
      }),
    );

  /** Hands over what comes for one partition, for as long as the process has it, as often as it gets it. */
  const serve = async (process: Process, partition: number, taker: Taker, signal: AbortSignal): Promise<void> => {
    let had: Reading | undefined;
    for (;;) {
      const reading = readings.get(key(process, partition));
      if (had && reading !== had) taker.lose(partition);
      if (reading && reading !== had) taker.gain(partition);
      had = reading;
      if (signal.aborted) return;
      if (!reading || Math.max(reading.position, part(partition).start) >= part(partition).commands.length) {
        await news(process, signal);
        continue;
      }
      const hold = async (): Promise<void> => {
        await process.wait(pace(scene));
        if (readings.get(key(process, partition)) !== reading) throw new NotHeld(`${partition} has gone elsewhere`);
      };
      try {
        const decided = await taker.own(partition, hold);
        if (!reading.begun && rules.resume === 'covered') reading.position = decided + 1;
        reading.begun = true;
        const batch = takeFrom(process, partition, reading);
        settle(process, partition, reading, await taker.decide(partition, batch, hold));
      } catch (error) {
        if (!(error instanceof NotHeld || error instanceof Unowned)) throw error;
        // Nothing is settled by that.
        settle(process, partition, reading, -1);
        tell(process.name, `waits with ${partition}: ${error.message}`);
        await process.wait(500);
      }
    }
  };

  const sourceFor = (process: Process): CommandSource => ({
    serve: (taker) => {
      const stopping = new AbortController();
      const loops = topic.map((_, partition) => serve(process, partition, taker, stopping.signal));
      const ended = Promise.all(loops).catch(taker.failed);
      return {
        ready: Promise.resolve(),
        stop: async (last) => {
          stopping.abort();
          await ended;
          await last();
        },
      };
    },
  });

  const put = (partition: number, command: Command, reply: (answer: Answer | Refused) => void): void => {
    const posted = { command, at: clock.now(), taken: 0, answered: false, refused: false };
    replies.set(posted, reply);
    part(partition).commands.push(posted);
    wakeAll();
  };

  /** The way of a client to the topic and of answers back. */
  const channelFor = (process: Process) => ({
    submit: (partition: number, command: Command): Promise<Answer> =>
      process.hears(
        new Promise<Answer>((resolve, reject) => {
          counts.commands++;
          const fault = dice.chance(scene.weather.net) ? dice.pick(['lost', 'refused', 'doubled'] as const) : 'none';
          tell(process.name, `sends ${command.type} ${command.id}${fault === 'none' ? '' : `, ${fault}`}`);
          const reply = (answer: Answer | Refused): void => {
            if (answer instanceof Refused) return reject(answer);
            if (process.alive) known.push({ name: nameOf(command), hash: command.hash, answer });
            resolve(answer);
          };
          if (fault === 'refused') {
            clock.after(pace(scene), () => reject(new Refused('UNAVAILABLE', 'The topic cannot be reached.')));
          }
          if (fault === 'lost' || fault === 'refused') return;
          clock.after(pace(scene), () => put(partition, command, reply));
          if (fault === 'doubled') {
            const later = dice.pick([5, 3_000, 3_600_000, 3 * 86_400_000]);
            clock.after(dice.int(0, later), () => put(partition, command, reply));
          }
        }),
      ),
  });

  return {
    told,
    known,
    topic,
    owners,
    assign,
    sourceFor,
    channelFor,
    /** Drops what lies in the topic for longer than it is kept. */
    retain: (ms: number): void => {
      for (const each of topic) {
        while ((each.commands[each.start]?.at ?? Infinity) < clock.now() - ms) each.start++;
      }
    },
    /** Whether everything in the topic was taken by its owner, and settled. */
    settled: (): boolean =>
      topic.every(({ commands, start }, partition) => {
        const owner = owners[partition];
        const reading = owner?.alive === true ? readings.get(key(owner, partition)) : undefined;
        return (
          reading !== undefined &&
          Math.max(reading.position, start) === commands.length &&
          reading.under.every(({ settled }) => settled)
        );
      }),
  };
}

export type ChannelRules = {
  /** How a new owner finds where to go on. */
  readonly resume: 'committed' | 'covered';
  /** How many commands are taken at once, at most. */
  readonly batch: number;
  /** How likely the group's offset is committed, each time that it could be. */
  readonly commits: number;
  /** A planted mistake: what is taken counts as done. */
  readonly commitsEarly?: boolean;
};
