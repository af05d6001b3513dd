import { randomUuid } from '../../domain/ids.js';
import { type Answer, type Incoming, LONGEST_DEADLINE, Refused } from '../command.js';
import { CODE, type Log } from '../log/log.js';
import { LARGEST, type OnDeadLetter, type Overlay, blankOverlay, decideOn, recordsOf } from './batch.js';
import { type Known, type Memory, answerOf, blankMemory, fold, nameOf, remember } from './memory.js';

export type OwnerOptions = {
  readonly log: Log;
  readonly partition: number;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: (ms: number) => Promise<void>;
  /** Told while the log is folded at a takeover: records done of those that there were when it began. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Told of a command that could not be decided, and why. Its outcome is FAILED. */
  readonly onDeadLetter?: OnDeadLetter;
};

/** The one writer of a partition, for as long as the fence says so. */
export type Owner = {
  /** Becomes the owner: folds the log and opens a new term. Tries a few times; throws if it cannot. */
  takeOver(): Promise<void>;
  /** Decides commands and answers each of them, once what it answers is in the log. Throws only what must stop a worker. */
  process(incoming: readonly Incoming[]): Promise<void>;
};

/** An append stays below this, so that every broker takes it: a batch is full when the largest command might not fit. */
const BATCH_BYTES = 512 * 1024;
const TRIES = 6;
const CLOCK_SLACK = 5_000;

/**
 * The rule, proven against real brokers: decide on an overlay, append once, and answer only when the fence says that the
 * batch landed. After an append whose result is unknown nothing can be learnt by reading, for a late batch may still
 * appear; a new term is the barrier. What is in the log by then is answered from memory, what is not is decided anew.
 */
export function createOwner(options: OwnerOptions): Owner {
  const { log, partition, now, random, wait, onProgress, onDeadLetter } = options;
  const memory: Memory = blankMemory();
  let me: string | undefined;
  /** What an append of unknown result may yet bring into the log, until a new term is open. */
  const adrift = new Set<string>();

  const owns = (): boolean => me !== undefined && memory.cursor.fence.owner === me;

  const catchUp = async (told?: OwnerOptions['onProgress']): Promise<void> => {
    const begun = memory.cursor.offset;
    const of = told ? (await log.end(partition)) - begun : 0;
    for await (const chunk of log.read(partition, memory.cursor)) {
      fold(memory, chunk);
      told?.(Math.min(memory.cursor.offset - begun, of), of);
    }
  };

  const takeOver = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      await catchUp(attempt === 1 ? onProgress : undefined);
      if (memory.at !== '' && now() < Date.parse(memory.at) - CLOCK_SLACK) {
        throw new Error(`the clock is behind the log, whose last time is ${memory.at}: set it right, then start again`);
      }
      const owner = randomUuid(random(16));
      const header = { owner, term: memory.cursor.fence.term + 1, batch: 0, index: 0, count: 1, code: CODE };
      try {
        await log.append(partition, [{ kind: 'takeover', header, at: stampTime() }]);
        await catchUp();
      } catch (error) {
        if (attempt === TRIES) throw new Unowned(`partition ${partition} cannot be written`, { cause: error });
      }
      if (memory.cursor.fence.owner === owner) {
        me = owner;
        adrift.clear();
        return;
      }
      if (attempt === TRIES) throw new Unowned(`partition ${partition} has another owner`);
      await pause(attempt);
    }
  };

  /** Longer each time, and never equally long, so that two who contend for a partition do not keep in step. */
  const pause = (times: number): Promise<void> =>
    wait(50 * 2 ** Math.min(times, TRIES) * (0.5 + (random(1)[0] ?? 0) / 255));

  const stampTime = (): string => {
    const time = new Date(now()).toISOString();
    return time > memory.at ? time : memory.at;
  };

  /** Answers what needs no decision; the rest goes on the overlay until it is full. Returns what has to wait. */
  const decideAll = (incoming: readonly Incoming[], overlay: Overlay): { decided: Incoming[]; waiting: Incoming[] } => {
    const decided: Incoming[] = [];
    const waiting: Incoming[] = [];
    const named = new Set<string>();
    const desk = { memory, overlay, at: stampTime(), partition, partitions: log.partitions, random, onDeadLetter };
    for (const item of incoming) {
      const { command } = item;
      const known = memory.outcomes.get(nameOf(command));
      const ahead = Date.parse(command.deadline) - now();
      if (known) {
        item.answer(known.hash === command.hash ? answerOf(known, partition) : reused(known, partition));
      } else if (!(ahead > 0) || ahead > LONGEST_DEADLINE) {
        item.refuse(new Refused('EXPIRED', 'Its deadline is past, or more than 7 days ahead. Send it with a new one.'));
      } else if (named.has(nameOf(command)) || overlay.bytes > BATCH_BYTES - LARGEST) {
        waiting.push(item);
      } else {
        named.add(nameOf(command));
        decideOn(desk, command);
        decided.push(item);
      }
    }
    return { decided, waiting };
  };

  /** Appends an overlay. Whether it landed is for the memory to say. */
  const append = async (overlay: Overlay, decided: readonly Incoming[]): Promise<void> => {
    const { offset, fence } = memory.cursor;
    const records = recordsOf(overlay, fence, decided.at(-1)?.offset);
    let base: number;
    try {
      base = await log.append(partition, records);
    } catch {
      me = undefined;
      for (const { command } of decided) adrift.add(nameOf(command));
      return;
    }
    if (base < offset) throw new Error(`the log of partition ${partition} lost data: ${base} after ${offset}`);
    if (base > offset) return catchUp();
    for (const [stream, after] of overlay.streams) memory.streams.set(stream, after);
    remember(memory, overlay.outcomes, base + records.length);
    memory.cursor = { offset: base + records.length, fence: { ...fence, batch: fence.batch + 1, index: 0 } };
  };

  const process = async (incoming: readonly Incoming[]): Promise<void> => {
    let todo = incoming;
    for (let lost = 0; todo.length > 0;) {
      if (!owns()) {
        if (lost++ > 1) await pause(lost);
        await takeOver();
      }
      const overlay = blankOverlay();
      const { decided, waiting } = decideAll(todo, overlay);
      if (decided.length > 0) await append(overlay, decided);
      // Whatever landed is in memory now and is answered in the next round; what is not is decided anew.
      todo = [...decided, ...waiting];
    }
  };

  return {
    takeOver,
    process: async (incoming) => {
      try {
        await process(incoming);
      } catch (error) {
        const refusal = new Refused('UNAVAILABLE', 'The log cannot be written right now. Send it again in a moment.');
        // A refusal says that nothing was left behind. Where that is not known, the sender's patience runs out instead.
        for (const item of incoming) if (!adrift.has(nameOf(item.command))) item.refuse(refusal);
        if (!(error instanceof Unowned)) throw error;
      }
    },
  };
}

/** This worker is not, or not now, the owner: commands are refused and may come again. */
export class Unowned extends Error {
  override name = 'Unowned';
  readonly code = 'UNOWNED';
}

const reused = ({ offset }: Known, partition: number): Answer => ({
  status: 'rejected',
  code: 'COMMAND_ID_REUSED',
  message: 'This command id was used for another command: make a new one.',
  position: { partition, offset },
});
