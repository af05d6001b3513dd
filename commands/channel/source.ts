import { type CommandSource, type Incoming, NotHeld, type Taker } from '../command.js';
import { type KafkaConnection, KafkaError } from '../kafka/connect.js';
import { openReader } from '../kafka/fetch.js';
import { type Batch, type Group, type Message, type Pace, joinGroup } from '../kafka/group.js';
import { Unowned } from '../worker/owner.js';
import { type Answers, type Notice, answersOf, decodeCommand, noticeOf } from './wire.js';

export type KafkaSourceOptions = {
  readonly kafka: KafkaConnection;
  readonly prefix: string;
  readonly partitions: number;
  /** The name of the group of workers, behind the prefix. */
  readonly group: string;
  readonly answers: Answers;
  /** Ms since 1970. */
  readonly now: () => number;
  /** Told of what costs time and nothing else: a partition that cannot be taken over at the moment. */
  readonly onTrouble?: (error: unknown) => void;
  readonly pace?: Partial<Pace>;
};

/** What is in the log goes further than what is in `commands`: another topic, or one that has lost its end. */
export class CommandsLost extends Error {
  override name = 'CommandsLost';
  readonly code = 'COMMANDS_LOST';
}

/** So many commands are decided at a time: between two batches somebody else has a turn, and the group a heartbeat. */
const BATCH = 500;

/** How long a partition rests where nothing can be decided at the moment, in ms. */
const REST = 500;

/** So long a leader is asked where its partition begins and ends, in ms: the batch must end before partitions are shared anew. */
const PATIENCE = 3_000;

/** What this process knows of a partition that it has: the next offset that it has not seen settled, once it owns it. */
type Reading = { next: number | undefined };

/**
 * The source of the workers: the topic of commands, whose partitions a group shares among them. A partition is taken over
 * when something comes for it, and everything that is done for it is done while its batch is under way, so it ends before
 * partitions are shared anew. Where to go on, the log says, not the group: its offsets only save reading.
 */
export function kafkaSource(options: KafkaSourceOptions): CommandSource {
  return { serve: (taker) => serve(options, taker) };
}

function serve(options: KafkaSourceOptions, taker: Taker): ReturnType<CommandSource['serve']> {
  const { answers, onTrouble } = options;
  const topic = `${options.prefix}commands`;
  const readings = new Map<number, Reading>();
  const reader = openReader(options.kafka, topic);
  const asking = { patience: PATIENCE };
  let shared = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    shared = resolve;
  });

  const onShare = (mine: readonly number[]): void => {
    for (const partition of [...readings.keys()].filter((one) => !mine.includes(one))) {
      readings.delete(partition);
      taker.lose(partition);
    }
    for (const partition of mine.filter((one) => !readings.has(one))) {
      readings.set(partition, { next: undefined });
      taker.gain(partition);
    }
    shared();
  };

  /** Whether there are commands from an offset on and before another: where transactions ended, offsets have none. */
  const isBetween = async (partition: number, from: number, to: number): Promise<boolean> => {
    for (let at = from; at < to;) {
      const page = await reader.page(partition, at, { ...asking, bytes: 1 });
      const [found] = page?.records ?? [];
      if (found) return Number(found.offset) < to;
      if (!page || page.next === at) throw new KafkaError('KAFKA_UNREACHABLE', `${topic} ends at ${at}, and went on.`);
      at = page.next;
    }
    return false;
  };

  const onBatch = async (batch: Batch, hold: () => Promise<void>): Promise<{ next: number; rest?: number }> => {
    const { partition, messages, end } = batch;
    const [begin] = messages;
    const reading = readings.get(partition);
    if (!begin || !reading) throw new NotHeld(`partition ${partition} of ${topic} is not of this process`);
    const later = (error: unknown): { next: number; rest: number } => {
      onTrouble?.(error);
      return { next: begin.offset, rest: REST };
    };
    let covered: number;
    try {
      covered = await taker.own(partition, hold);
    } catch (error) {
      if (!(error instanceof Unowned)) throw error;
      return later(error);
    }
    try {
      // A leader that is new may not know yet how far it has come. Asked for that alone, it waits until it does.
      if (covered >= end && covered >= (await reader.end(partition, asking))) {
        throw new CommandsLost(
          `The log has decided partition ${partition} of ${topic} up to offset ${covered}, and it ends at ${end}: it is not the ` +
            'topic that the log was written from, or has lost its end. Bring that back, or begin a new log (KAFKA_PREFIX).',
        );
      }
      // Where it may go on at the earliest. What was kept too short is gone; nobody waits for it any more.
      const due = reading.next ?? covered + 1;
      if (begin.offset > due) {
        const there = Math.max(due, await reader.begin(partition, asking));
        if (await isBetween(partition, there, begin.offset)) return { next: there };
      }
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return later(error);
    }
    const from = reading.next ?? begin.offset;
    const todo = messages.filter(({ offset }) => offset >= from);
    for (let at = 0; at < todo.length; at += BATCH) {
      await hold();
      const items = todo.slice(at, at + BATCH).map(itemOf);
      covered = await taker.decide(
        partition,
        items.map(({ incoming }) => incoming),
        hold,
      );
      const open = items.find(({ offset, settled }) => !settled() && offset > covered);
      if (open) {
        reading.next = open.offset;
        return { next: open.offset, rest: REST };
      }
    }
    // All of it may have been decided long ago, and a lot of what comes behind it.
    reading.next = Math.max((messages.at(-1)?.offset ?? begin.offset) + 1, covered + 1);
    return { next: reading.next };
  };

  /** What is said in one turn, by who is to hear it: the answers of a batch go to each sender in one message. */
  const mail = new Map<string, Notice[]>();
  const post = (sender: string, notice: Notice): void => {
    if (mail.size === 0) {
      queueMicrotask(() => {
        for (const [to, notices] of mail) answers.publish(answersOf(to), notices);
        mail.clear();
      });
    }
    const own = mail.get(sender);
    if (own) own.push(notice);
    else mail.set(sender, [notice]);
  };

  const itemOf = ({ offset, value }: Message) => {
    const { command, sender } = decodeCommand(value);
    let settled = false;
    const say: Incoming['answer'] & Incoming['refuse'] = (said) => {
      settled = true;
      if (sender !== undefined) post(sender, noticeOf(command, said));
    };
    return { offset, settled: () => settled, incoming: { command, offset, answer: say, refuse: say } };
  };

  const joined: Promise<Group> = joinGroup({
    ...options,
    group: `${options.prefix}${options.group}`,
    topic,
    onShare,
    onBatch,
    onFailure: taker.failed,
  });
  joined.catch(taker.failed);
  const ready = joined.then(() => first);
  ready.catch(() => undefined);

  return {
    ready,
    stop: async (last) => {
      const group = await joined.catch(() => undefined);
      await (group ? group.stop(last) : last());
      reader.close();
    },
  };
}
