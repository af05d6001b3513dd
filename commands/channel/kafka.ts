import type { Uuid } from '../../domain/ids.js';
import { backOff } from '../backoff.js';
import { type Answer, type Command, type CommandChannel, Refused } from '../command.js';
import { type KafkaConnection, KafkaError } from '../kafka/connect.js';
import { createProducer } from '../kafka/produce.js';
import type { Wait } from '../wait.js';
import { type Answers, type Notice, answersOf, encodeCommand, noticesIn } from './wire.js';

export { kafkaSource } from './source.js';

export type KafkaChannelOptions = {
  readonly kafka: KafkaConnection;
  readonly prefix: string;
  readonly partitions: number;
  readonly answers: Answers;
  /** What came of a command, from what is stored. `hash` is its payload's (see `Command`). */
  readonly lookUp: (command: {
    readonly actor: string;
    readonly id: Uuid;
    readonly hash: string;
  }) => Promise<Answer | undefined>;
  readonly newId: () => Uuid;
  /** Ms since 1970. */
  readonly now: () => number;
  readonly wait: Wait;
  readonly random: (bytes: number) => Uint8Array;
  /** Told of what costs time and nothing else: a batch that may not have landed, a look-up that was not answered. */
  readonly onTrouble?: (error: unknown) => void;
  /** How many commands may be without an answer per partition. Default 10,000. */
  readonly capacity?: number;
  /** Of how many bytes together. Default 16 MB. */
  readonly room?: number;
};

/** A command without an answer. */
type Open = {
  readonly command: Command;
  readonly partition: number;
  readonly bytes: number;
  readonly ends: number;
  readonly answer: (answer: Answer) => void;
  readonly refuse: (refusal: unknown) => void;
  /** Its place among the commands of its partition that were submitted here. */
  readonly place: number;
  /** When it is looked up next, and after how long again. */
  lookAt: number;
  pause: number;
};

type Line = {
  readonly waiting: Open[];
  open: number;
  bytes: number;
  sending: Promise<void> | undefined;
  places: number;
  /** The last place of which something was heard, and when. */
  heard: number;
  heardAt: number;
};

/** A batch of commands stays below this, in bytes, unless one alone does not. */
const BATCH = 512 * 1024;

/** An answer that has not come for so long is looked up, in ms, and then again after pauses that grow up to the longest. */
const FIRST_LOOK = 1_000;
const LONGEST_PAUSE = 8_000;
/** How often it is asked what is due, in ms; and how many look-ups may be under way. */
const TICK = 250;
const MOST_LOOKING = 100;

const nameOf = ({ actor, id, hash }: { actor: string; id: string; hash: string }): string => `${actor} ${id} ${hash}`;

const isTooLarge = (error: unknown): boolean => error instanceof KafkaError && error.code === 'KAFKA_TOO_LARGE';

/**
 * The channel through the topic of commands, for who sends. What comes while a batch is under way goes with the next one,
 * so an idle partition sends at once and a busy one in large batches. A batch of which nobody knows whether it landed is
 * sent again: what comes twice is answered twice and done once. Everything ends with the deadline of its command: from then on
 * nobody waits for it, and it is forgotten here.
 */
export async function kafkaChannel(options: KafkaChannelOptions): Promise<CommandChannel & { close(): Promise<void> }> {
  const { kafka, answers, lookUp, now, wait, random, onTrouble } = options;
  const { partitions, capacity = 10_000, room = 16 << 20 } = options;
  const topic = `${options.prefix}commands`;
  const sender = options.newId();
  const producer = createProducer(kafka);
  const closing = new AbortController();
  const lines: Line[] = Array.from({ length: partitions }, () => ({
    waiting: [],
    open: 0,
    bytes: 0,
    sending: undefined,
    places: 0,
    heard: -1,
    heardAt: 0,
  }));
  const open = new Map<string, Set<Open>>();

  const leave = (each: Open): boolean => {
    const name = nameOf(each.command);
    const same = open.get(name);
    if (!same?.delete(each)) return false;
    if (same.size === 0) open.delete(name);
    const line = lines[each.partition];
    if (line) {
      line.open -= 1;
      line.bytes -= each.bytes;
    }
    return true;
  };
  const told = (name: string, tell: (each: Open) => void): void => {
    for (const each of open.get(name) ?? []) if (leave(each)) tell(each);
  };
  const refuseAll = (batch: readonly Open[], why: unknown): void => {
    for (const each of batch) if (leave(each)) each.refuse(why);
  };
  const isOpen = (each: Open): boolean => open.get(nameOf(each.command))?.has(each) === true;

  const hear = (name: string): void => {
    for (const { partition, place } of open.get(name) ?? []) {
      const line = lines[partition];
      if (line) [line.heard, line.heardAt] = [Math.max(line.heard, place), now()];
    }
  };

  const listen = (notice: Notice): void => {
    const name = nameOf(notice);
    hear(name);
    told(name, (each) => {
      if ('answer' in notice) each.answer(notice.answer);
      else each.refuse(new Refused(notice.refused.code, notice.refused.message));
    });
  };
  const detach = await answers.attach(answersOf(sender), (came) => noticesIn(came).forEach(listen));

  /** What goes next: the first ones that fit into a batch. Nobody waits any more for those whose time is over. */
  const take = (line: Line, most: number): readonly Open[] => {
    const batch: Open[] = [];
    let bytes = 0;
    for (const each of line.waiting) {
      if (batch.length === most || (batch.length > 0 && bytes + each.bytes > BATCH)) break;
      batch.push(each);
      bytes += each.bytes;
    }
    line.waiting.splice(0, batch.length);
    return batch.filter((each) => isOpen(each) && each.ends > now());
  };

  const send = async (partition: number, line: Line): Promise<void> => {
    let failures = 0;
    let most = Infinity;
    while (line.waiting.length > 0) {
      const batch = take(line, most);
      if (batch.length === 0) continue;
      try {
        await producer.send(
          topic,
          partition,
          batch.map(({ command }) => ({ key: command.stream, value: encodeCommand(command, sender) })),
        );
        failures = 0;
      } catch (error) {
        if (closing.signal.aborted) return;
        onTrouble?.(error);
        if (isTooLarge(error)) {
          // Fewer at a time; and one that no broker takes may not keep all behind it from being sent.
          most = Math.ceil(batch.length / 2);
          if (batch.length > 1) line.waiting.unshift(...batch);
          else refuseAll(batch, error);
          continue;
        }
        // In the order in which they came: what landed is known by its name when it comes again.
        line.waiting.unshift(...batch);
        await wait(backOff(++failures, random, { first: 50, longest: 2_000 }), closing.signal);
      }
    }
  };

  const start = (partition: number, line: Line): void => {
    line.sending ??= send(partition, line)
      .catch((error: unknown) => onTrouble?.(error))
      .finally(() => {
        line.sending = undefined;
        if (line.waiting.length > 0 && !closing.signal.aborted) start(partition, line);
      });
  };

  let looking = 0;
  const look = async (each: Open): Promise<void> => {
    looking += 1;
    try {
      const { actor, id, hash } = each.command;
      const answer = await lookUp({ actor, id, hash });
      if (answer) told(nameOf(each.command), ({ answer: tell }) => tell(answer));
    } catch (error) {
      onTrouble?.(error);
    } finally {
      looking -= 1;
    }
  };
  /** Answers come about in order. Where they come, and none of what was sent behind it, it waits in a line. */
  const isOverdue = ({ partition, place }: Open, time: number): boolean => {
    const line = lines[partition];
    return line === undefined || place < line.heard || time - line.heardAt > FIRST_LOOK;
  };
  const attend = (each: Open, time: number): void => {
    if (each.ends <= time) leave(each);
    else if (each.lookAt <= time && looking < MOST_LOOKING && isOverdue(each, time)) {
      each.pause = Math.min(LONGEST_PAUSE, each.pause * 2);
      each.lookAt = time + each.pause * (0.75 + (random(1)[0] ?? 0) / 510);
      void look(each);
    }
  };
  /** Runs while somebody waits. */
  let sweeping: Promise<void> | undefined;
  const watch = async (): Promise<void> => {
    while (open.size > 0 && !closing.signal.aborted) {
      await wait(TICK, closing.signal);
      const time = now();
      for (const same of open.values()) for (const each of same) attend(each, time);
    }
    sweeping = undefined;
  };

  return {
    submit: (partition, command, bytes = Buffer.byteLength(JSON.stringify(command))) =>
      new Promise((answer, refuse) => {
        const line = lines[partition];
        if (!line) throw new RangeError(`partition ${partition} of ${partitions}`);
        if (closing.signal.aborted) {
          refuse(new Refused('UNAVAILABLE', 'The server is stopping. Send it again when it is back.'));
          return;
        }
        if (line.open >= capacity || line.bytes + bytes > room) {
          refuse(new Refused('UNAVAILABLE', 'Too many commands are waiting. Send it again in a moment.'));
          return;
        }
        const ends = Date.parse(command.deadline);
        const each: Open = {
          command,
          partition,
          bytes,
          ends,
          answer,
          refuse,
          place: line.places++,
          lookAt: now() + FIRST_LOOK,
          pause: FIRST_LOOK,
        };
        const name = nameOf(command);
        open.set(name, (open.get(name) ?? new Set()).add(each));
        line.open += 1;
        line.bytes += bytes;
        line.waiting.push(each);
        start(partition, line);
        sweeping ??= watch();
      }),
    close: async () => {
      closing.abort();
      detach();
      for (const { sending } of lines) await sending;
      await sweeping;
      await producer.close();
    },
  };
}
