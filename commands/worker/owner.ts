import { randomUuid } from '../../domain/ids.js';
import { type Answer, type Hold, type Incoming, NotHeld, Refused, once } from '../command.js';
import { type Log, LogError } from '../log/log.js';
import type { Known, Snapshots } from '../snapshots/snapshots.js';
import { backOff } from '../backoff.js';
import type { Wait } from '../wait.js';
import { Estranged, SnapshotsSilent, createBacking } from './backing.js';
import { type OnDeadLetter, type Overlay, blankOverlay, coveredBy, recordsOf } from './batch.js';
import { ClockBehind } from './clock.js';
import { admit } from './letters.js';
import { LIMITS, type Limits } from './limits.js';
import { type Memory, answerOf, blankMemory, evict, fold, land, nameOf, touch } from './memory.js';
import { NOBODY, behind, isOwner, takeoverHeader, verdict } from './protocol.js';
import { answerKnown, sortOut, streamsOf } from './sort.js';
import { createTurns } from './turns.js';

export type OwnerOptions = {
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly partition: number;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly wait: Wait;
  /** Told while the log is folded at a takeover: records done of those that there were when it began. */
  readonly onProgress?: (done: number, of: number) => void;
  /** Told of a command that could not be decided, and why. Its outcome is FAILED. */
  readonly onDeadLetter?: OnDeadLetter;
  /** Told of what costs time and nothing else: a store that does not answer, or not with what it was given. */
  readonly onTrouble?: (error: unknown) => void;
  /** Told how many streams a partition let go of, to make room. */
  readonly onEvicted?: (partition: number, streams: number) => void;
  readonly limits?: Limits;
};

/** The one writer of a partition, for as long as the fence says so. Where it must keep hold of it, `hold` says how. */
export type Owner = {
  /** Becomes the owner: folds the log and opens a new term. Tries a few times; throws if it cannot. */
  takeOver(hold?: Hold): Promise<void>;
  /** Takes over where it does not own, and tells the offset in `commands` up to which the log has decided, -1 if none. */
  resume(hold?: Hold): Promise<number>;
  /**
   * Decides commands and answers each of them, once what it answers is in the log. Resolves like `resume`. Throws what
   * must stop a worker, and `NotHeld` as `hold` does: what is not answered then is for the next owner.
   */
  process(incoming: readonly Incoming[], hold?: Hold): Promise<number>;
  /** Brings into the store what is not there yet. Rejects if the store does not answer: nothing is lost by that. */
  flush(): Promise<void>;
  /**
   * What came of a command, by the end of the log as it is when asked; undefined if it is not decided, or forgotten after
   * 8 days. Rejects if the store does not answer.
   */
  outcome(command: { readonly actor: string; readonly id: string }): Promise<Answer | undefined>;
};

/** Where nobody else can get it. */
const held: Hold = async () => undefined;

const TRIES = 6;
/** So near to the end of the log, in records, a takeover is short. The owner before goes on until then. */
const NEAR = 1_000;
const CLOCK_SLACK = 5_000;
/** So many records are folded at a time. Of more, read and not folded yet, the collector of garbage carries all about. */
const CHUNK = 100;

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
    onEvicted,
    limits = LIMITS,
  } = options;
  const backing = createBacking({ snapshots, log, home: partition, wait });
  let memory: Memory = { ...blankMemory(), estranged: true };
  let me = NOBODY;
  /** What an append of unknown result may yet bring into the log, until a new term is open. */
  const adrift = new Set<string>();

  const owns = (): boolean => !memory.estranged && isOwner(memory.cursor.fence, me);

  /** Everything that uses the memory across a pause does so one after the other. */
  const inTurn = createTurns();

  const flushNow = async (): Promise<void> => {
    await backing.prepare(memory);
    if (!(await backing.commit(memory))) throw strange();
  };
  const strange = (): Estranged => new Estranged(`the snapshots of home ${partition} have moved`);

  const makeRoom = (): void => {
    const streams = evict(memory, limits.room);
    if (streams > 0) onEvicted?.(partition, streams);
  };

  const catchUp = async (hold: Hold, told?: OwnerOptions['onProgress']): Promise<void> => {
    // Where the store does not take what is here, no more is read on top of it.
    if (memory.unflushed > limits.full) await flushNow();
    const begun = memory.cursor.offset;
    const of = told ? (await log.end(partition)) - begun : 0;
    for await (const chunk of log.read(partition, memory.cursor, { limit: CHUNK })) {
      fold(memory, chunk);
      await hold();
      told?.(Math.min(memory.cursor.offset - begun, of), of);
      if (memory.unflushed < limits.flush) continue;
      await flushNow();
      makeRoom();
    }
  };

  /** Opens a term of its own at the end of the log. False if the append's result is unknown or another was first. */
  const openTerm = async (hold: Hold): Promise<boolean> => {
    if (memory.at !== '' && now() < Date.parse(memory.at) - CLOCK_SLACK) {
      throw new ClockBehind(memory.at);
    }
    const owner = randomUuid(random(16));
    const header = takeoverHeader(memory.cursor.fence, owner);
    // Who was deposed may take over again, but only if it is in the group: otherwise two would take turns for ever.
    await hold();
    try {
      await log.append(partition, [{ kind: 'takeover', header, at: stampTime() }]);
    } catch (error) {
      // Without room another try only keeps those waiting who could be told.
      if (error instanceof LogError && error.code === 'LOG_FULL') throw new Unowned(error.message, { cause: error });
      onTrouble?.(error);
      return false;
    }
    await catchUp(hold);
    if (!isOwner(memory.cursor.fence, owner)) return false;
    me = owner;
    adrift.clear();
    return true;
  };

  /** Begins anew from the store, where it is not at what the memory goes on from. */
  const adopt = async (): Promise<void> => {
    if (!memory.estranged) return;
    me = NOBODY;
    memory = await backing.adopt();
  };

  const takeOver = async (hold: Hold): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      let cause: unknown;
      try {
        await adopt();
        await catchUp(hold, attempt === 1 ? onProgress : undefined);
        while ((await log.end(partition)) - memory.cursor.offset > NEAR) await catchUp(hold);
        if (await openTerm(hold)) return await backing.retireOlder();
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
    wait(backOff(times, random, { first: 100, longest: 50 * 2 ** TRIES }));

  const stampTime = (): string => {
    const time = new Date(now()).toISOString();
    return time > memory.at ? time : memory.at;
  };

  /** Appends an overlay, and answers what landed. Returns what may have landed or not: the memory will say. */
  const append = async (overlay: Overlay, decided: readonly Incoming[], waiting: readonly Incoming[], hold: Hold) => {
    const before = memory.cursor;
    const covered = coveredBy(decided, waiting);
    const records = recordsOf(overlay, before.fence, me, covered);
    const base = await log.append(partition, records).catch((error: unknown) => {
      if (isTooLarge(error)) throw new Unowned(error.message, { cause: error });
      onTrouble?.(error);
      return undefined;
    });
    switch (verdict(before, base)) {
      case 'take over':
        me = NOBODY;
        for (const { command } of decided) adrift.add(nameOf(command));
        return decided;
      case 'lost data':
        throw new Error(`the log of partition ${partition} lost data: ${base} after ${before.offset}`);
      case 'read on': {
        // Until all of it is read, this memory may lack what this very owner has written.
        const mine = me;
        me = NOBODY;
        for (const { command } of decided) adrift.add(nameOf(command));
        await catchUp(hold);
        for (const { command } of decided) adrift.delete(nameOf(command));
        me = mine;
        return decided;
      }
      case 'landed': {
        const { streams, events, outcomes } = overlay;
        land(memory, { streams, events: events.length, outcomes, next: behind(before, records.length), covered });
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
   * round, and decided anew where it is not in. `absent` are names that were looked up before and that nobody has decided:
   * that stays so as long as this owner alone decides.
   */
  const decideSome = async (
    todo: readonly Incoming[],
    sent: Set<string>,
    absent: Set<string>,
    hold: Hold,
  ): Promise<readonly Incoming[]> => {
    const { partitions } = log;
    const streams = streamsOf(todo, partition, partitions);
    const names = todo.map(({ command }) => nameOf(command)).filter((name) => !absent.has(name));
    const found = await backing.bring(memory, streams, names);
    for (const name of names) if (!found.has(name)) absent.add(name);
    for (const stream of streams) touch(memory, stream);
    const overlay = blankOverlay();
    sent.clear();
    const desk = { memory, overlay, at: stampTime(), now: now(), full: limits.full };
    const more = { partition, partitions, random, onDeadLetter };
    const { decided, waiting, lacking } = sortOut({ ...desk, ...more }, todo, found);
    for (const name of decided.map(({ command }) => nameOf(command))) {
      sent.add(name);
      absent.delete(name);
    }
    const left = decided.length > 0 ? await append(overlay, decided, waiting, hold) : [];
    if (lacking.length > 0 && owns()) await backing.bringChunks(memory, lacking);
    return [...left, ...waiting];
  };

  const process = async (incoming: readonly Incoming[], sent: Set<string>, hold: Hold): Promise<void> => {
    let todo = incoming;
    const absent = new Set<string>();
    for (let lost = 0; todo.length > 0;) {
      if (!owns()) {
        if (lost++ > 1) await pause(lost);
        absent.clear();
        await takeOver(hold);
      }
      try {
        todo = await decideSome(todo, sent, absent, hold);
      } catch (error) {
        if (!(error instanceof Estranged)) throw error;
        onTrouble?.(error);
      }
    }
    makeRoom();
  };

  /** Reads the log to its end first, whoever writes it: what is in neither of the two then, nobody has decided. */
  const lookUp = async (name: string): Promise<Known | undefined> => {
    for (let tried = 1; ; tried++) {
      try {
        await adopt();
        await catchUp(held);
        return (await backing.bring(memory, [], [name])).get(name);
      } catch (error) {
        if (!(error instanceof Estranged) || tried === TRIES) throw error;
        onTrouble?.(error);
      }
    }
  };

  const flushOnce = async (): Promise<void> => {
    try {
      const { moved } = await inTurn(async () => {
        if (!owns() || memory.unflushed === 0) return { moved: undefined };
        await backing.prepare(memory);
        // What is under way does not keep commands from being decided.
        return { moved: backing.commit(memory) };
      });
      if ((await moved) === false) onTrouble?.(strange());
    } catch (error) {
      if (!(error instanceof Estranged)) throw error;
      onTrouble?.(error);
    }
  };

  /** One at a time: who asks meanwhile waits for the one under way. */
  let flushing: Promise<void> | undefined;
  const flush = (): Promise<void> => {
    flushing ??= flushOnce().finally(() => {
      flushing = undefined;
    });
    return flushing;
  };

  return {
    takeOver: (hold = held) => inTurn(() => takeOver(hold)),
    resume: (hold = held) =>
      inTurn(async () => {
        if (!owns()) await takeOver(hold);
        return memory.covered;
      }),
    process: async (came, hold = held) => {
      const incoming = came.map((item) => once(admit(item, now(), random)));
      const sent = new Set<string>();
      try {
        await inTurn(() => process(incoming, sent, hold));
      } catch (error) {
        if (error instanceof NotHeld) throw error;
        const refusal = new Refused(
          'UNAVAILABLE',
          'The server cannot keep anything right now. Send it again in a moment.',
        );
        // What no log takes is not in it, and would not be.
        if (error instanceof Unowned && isTooLarge(error.cause)) sent.clear();
        // A refusal says that nothing was left behind. Where that is not known, the sender's patience runs out instead.
        for (const item of incoming) {
          const name = nameOf(item.command);
          const known = memory.outcomes.get(name);
          if (known) answerKnown(item, known, partition);
          else if (!adrift.has(name) && !sent.has(name)) item.refuse(refusal);
        }
        if (!(error instanceof Unowned || error instanceof SnapshotsSilent)) throw error;
        onTrouble?.(error);
      }
      if (memory.unflushed > limits.flush) flush().catch((error: unknown) => onTrouble?.(error));
      return memory.covered;
    },
    flush,
    outcome: async (command) => {
      const name = nameOf(command);
      const known = memory.outcomes.get(name) ?? (await inTurn(() => lookUp(name)));
      return known && answerOf(known, partition);
    },
  };
}

/** Beyond what Kafka takes: it is known not to be in, and another try would only keep those waiting who could be told. */
const isTooLarge = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && error.code === 'KAFKA_TOO_LARGE';

/** This worker is not, or not now, the owner: commands are refused and may come again. */
export class Unowned extends Error {
  override name = 'Unowned';
  readonly code = 'UNOWNED';
}
