import { type Stream, homeOf, randomUuid } from '../../domain/ids.js';
import { NotAtHand } from '../../domain/tree.js';
import { type Answer, type Incoming, LONGEST_DEADLINE, Refused } from '../command.js';
import type { Log } from '../log/log.js';
import type { ChunkName, Known, Snapshots } from '../snapshots/snapshots.js';
import { Estranged, SnapshotsSilent, createBacking } from './backing.js';
import { LARGEST, type OnDeadLetter, type Overlay, blankOverlay, decideOn, recordsOf } from './batch.js';
import { type Memory, answerOf, blankMemory, evict, fold, land, nameOf, touch } from './memory.js';
import { NOBODY, behind, isOwner, takeoverHeader, verdict } from './protocol.js';

export type OwnerOptions = {
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly partition: number;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: (ms: number) => Promise<void>;
  /** Told while the log is folded at a takeover: records done of those that there were when it began. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Told of a command that could not be decided, and why. Its outcome is FAILED. */
  readonly onDeadLetter?: OnDeadLetter;
  /** Told of what costs time and nothing else: a store that does not answer, or not with what it was given. */
  readonly onTrouble?: (error: unknown) => void;
  readonly limits?: Limits;
};

/** What a partition may keep in memory, in bytes, roughly. */
export type Limits = {
  /** Streams at hand. The least recently used are evicted, once they are in the store. */
  readonly room: number;
  /** What is not yet in the store: at `flush` it is brought there, at `full` commands are refused until it is. */
  readonly flush: number;
  readonly full: number;
};

const LIMITS: Limits = { room: 8 << 20, flush: 2 << 20, full: 16 << 20 };

/** The one writer of a partition, for as long as the fence says so. */
export type Owner = {
  /** Becomes the owner: folds the log and opens a new term. Tries a few times; throws if it cannot. */
  takeOver(): Promise<void>;
  /** Decides commands and answers each of them, once what it answers is in the log. Throws only what must stop a worker. */
  process(incoming: readonly Incoming[]): Promise<void>;
  /** Brings into the store what is not there yet. Rejects if the store does not answer: nothing is lost by that. */
  flush(): Promise<void>;
  /** What came of a command, as far as is known here; undefined if it is not decided, or forgotten after 8 days. */
  outcome(command: { readonly actor: string; readonly id: string }): Promise<Answer | undefined>;
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
  const {
    log,
    snapshots,
    partition,
    now,
    random,
    wait,
    onProgress,
    onDeadLetter,
    onTrouble,
    limits = LIMITS,
  } = options;
  const backing = createBacking({ snapshots, log, home: partition });
  let memory: Memory = { ...blankMemory(), estranged: true };
  let me = NOBODY;
  /** What an append of unknown result may yet bring into the log, until a new term is open. */
  const adrift = new Set<string>();

  const owns = (): boolean => !memory.estranged && isOwner(memory.cursor.fence, me);

  /** Everything that uses the memory across a pause does so one after the other. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const flushNow = async (): Promise<void> => {
    await backing.prepare(memory);
    if (!(await backing.commit(memory))) throw new Estranged(`the snapshots of home ${partition} have moved`);
  };

  const catchUp = async (told?: OwnerOptions['onProgress']): Promise<void> => {
    const begun = memory.cursor.offset;
    const of = told ? (await log.end(partition)) - begun : 0;
    for await (const chunk of log.read(partition, memory.cursor)) {
      fold(memory, chunk);
      told?.(Math.min(memory.cursor.offset - begun, of), of);
      if (memory.unflushed < limits.flush) continue;
      await flushNow();
      evict(memory, limits.room);
    }
  };

  /** Opens a term of its own at the end of the log. False if the append's result is unknown or another was first. */
  const openTerm = async (): Promise<boolean> => {
    if (memory.at !== '' && now() < Date.parse(memory.at) - CLOCK_SLACK) {
      throw new Error(`the clock is behind the log, whose last time is ${memory.at}: set it right, then start again`);
    }
    const owner = randomUuid(random(16));
    const header = takeoverHeader(memory.cursor.fence, owner);
    try {
      await log.append(partition, [{ kind: 'takeover', header, at: stampTime() }]);
    } catch (error) {
      onTrouble?.(error);
      return false;
    }
    await catchUp();
    if (!isOwner(memory.cursor.fence, owner)) return false;
    me = owner;
    adrift.clear();
    return true;
  };

  const takeOver = async (): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      let cause: unknown;
      try {
        if (memory.estranged) memory = await backing.adopt();
        await catchUp(attempt === 1 ? onProgress : undefined);
        if (await openTerm()) return await backing.retireOthers();
      } catch (error) {
        if (!(error instanceof Estranged || error instanceof SnapshotsSilent)) throw error;
        onTrouble?.(error);
        cause = error;
      }
      if (attempt === TRIES)
        throw new Unowned(`partition ${partition} has another owner, or cannot be written`, { cause });
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

  /** The streams of commands that live here. A command for another is answered without its stream. */
  const streamsOf = (incoming: readonly Incoming[]): readonly Stream[] => {
    const streams = new Set(incoming.map(({ command }) => command.stream));
    return [...streams].filter((stream) => {
      try {
        return homeOf(stream, log.partitions) === partition;
      } catch {
        return false;
      }
    });
  };

  /** Answers what needs no decision; the rest goes on the overlay until it is full. Tells what has to wait, and for what. */
  const decideAll = (incoming: readonly Incoming[], overlay: Overlay, stored: ReadonlyMap<string, Known>) => {
    const decided: Incoming[] = [];
    const waiting: Incoming[] = [];
    const lacking: ChunkName[] = [];
    const named = new Set<string>();
    const held = new Set<Stream>();
    const desk = { memory, overlay, at: stampTime(), partition, partitions: log.partitions, random, onDeadLetter };
    for (const item of incoming) {
      const { command } = item;
      const name = nameOf(command);
      const known = memory.outcomes.get(name) ?? stored.get(name);
      const ahead = Date.parse(command.deadline) - now();
      if (known) {
        item.answer(known.hash === command.hash ? answerOf(known, partition) : reused(known, partition));
      } else if (!(ahead > 0) || ahead > LONGEST_DEADLINE) {
        item.refuse(new Refused('EXPIRED', 'Its deadline is past, or more than 7 days ahead. Send it with a new one.'));
      } else if (memory.unflushed > limits.full) {
        item.refuse(new Refused('UNAVAILABLE', 'The server has to catch its breath. Send it again in a moment.'));
      } else if (named.has(name) || held.has(command.stream) || overlay.bytes > BATCH_BYTES - LARGEST) {
        waiting.push(item);
      } else {
        try {
          decideOn(desk, command);
          named.add(name);
          decided.push(item);
        } catch (error) {
          if (!(error instanceof NotAtHand)) throw error;
          // Those behind it in its stream wait with it: order is kept per stream.
          held.add(command.stream);
          lacking.push({ stream: command.stream, chunk: error.chunk });
          waiting.push(item);
        }
      }
    }
    return { decided, waiting, lacking };
  };

  /** Appends an overlay, and answers what landed. Returns what may have landed or not: the memory will say. */
  const append = async (overlay: Overlay, decided: readonly Incoming[]): Promise<readonly Incoming[]> => {
    const before = memory.cursor;
    const records = recordsOf(overlay, before.fence, me, decided.at(-1)?.offset);
    const base = await log.append(partition, records).catch(() => undefined);
    switch (verdict(before, base)) {
      case 'take over':
        me = NOBODY;
        for (const { command } of decided) adrift.add(nameOf(command));
        return decided;
      case 'lost data':
        throw new Error(`the log of partition ${partition} lost data: ${base} after ${before.offset}`);
      case 'read on':
        await catchUp();
        return decided;
      case 'landed': {
        const { streams, events, outcomes } = overlay;
        land(memory, { streams, events: events.length, outcomes, next: behind(before, records.length) });
      }
    }
    return decided.filter(({ command, answer }) => {
      const known = memory.outcomes.get(nameOf(command));
      if (known) answer(answerOf(known, partition));
      return !known;
    });
  };

  /**
   * One round: returns what is left to do. What was sent and is not answered may have landed: it is looked up in the next
   * round, and decided anew where it is not in.
   */
  const decideSome = async (todo: readonly Incoming[], sent: Set<string>): Promise<readonly Incoming[]> => {
    const streams = streamsOf(todo);
    const names = todo.map(({ command }) => nameOf(command));
    const stored = await backing.bring(memory, streams, names);
    for (const stream of streams) touch(memory, stream);
    const overlay = blankOverlay();
    sent.clear();
    const { decided, waiting, lacking } = decideAll(todo, overlay, stored);
    for (const { command } of decided) sent.add(nameOf(command));
    const left = decided.length > 0 ? await append(overlay, decided) : [];
    if (lacking.length > 0 && owns()) await backing.bringChunks(memory, lacking);
    return [...left, ...waiting];
  };

  const process = async (incoming: readonly Incoming[], sent: Set<string>): Promise<void> => {
    let todo = incoming;
    for (let lost = 0; todo.length > 0;) {
      if (!owns()) {
        if (lost++ > 1) await pause(lost);
        await takeOver();
      }
      try {
        todo = await decideSome(todo, sent);
      } catch (error) {
        if (!(error instanceof Estranged)) throw error;
        onTrouble?.(error);
      }
    }
    evict(memory, limits.room);
  };

  let flushing = false;
  const flush = async (): Promise<void> => {
    if (flushing) return;
    flushing = true;
    try {
      const { moved } = await inTurn(async () => {
        if (!owns() || memory.unflushed === 0) return { moved: undefined };
        await backing.prepare(memory);
        // What is under way does not keep commands from being decided.
        return { moved: backing.commit(memory) };
      });
      await moved;
    } catch (error) {
      if (!(error instanceof Estranged)) throw error;
      onTrouble?.(error);
    } finally {
      flushing = false;
    }
  };

  return {
    takeOver: () => inTurn(takeOver),
    process: async (incoming) => {
      const sent = new Set<string>();
      try {
        await inTurn(() => process(incoming, sent));
      } catch (error) {
        const refusal = new Refused(
          'UNAVAILABLE',
          'The server cannot keep anything right now. Send it again in a moment.',
        );
        // A refusal says that nothing was left behind. Where that is not known, the sender's patience runs out instead.
        for (const item of incoming) {
          const name = nameOf(item.command);
          if (!adrift.has(name) && !sent.has(name)) item.refuse(refusal);
        }
        if (!(error instanceof Unowned || error instanceof SnapshotsSilent)) throw error;
        onTrouble?.(error);
      }
      if (memory.unflushed > limits.flush) flush().catch((error: unknown) => onTrouble?.(error));
    },
    flush,
    outcome: async (command) => {
      const name = nameOf(command);
      const known = memory.outcomes.get(name) ?? (await backing.outcome(name));
      return known && answerOf(known, partition);
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
