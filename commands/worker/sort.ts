import { type Stream, homeOf } from '../../domain/ids.js';
import { NotAtHand } from '../../domain/tree.js';
import { type Answer, type Incoming, LONGEST_DEADLINE, Refused } from '../command.js';
import type { ChunkName, Known } from '../snapshots/snapshots.js';
import { type Desk, LARGEST, decideOn } from './batch.js';
import { answerOf, nameOf } from './memory.js';

/** An append stays below this, so that every broker takes it: a batch is full where the largest command may not fit. */
const BATCH_BYTES = 512 * 1024;

/** What became of some commands: decided on the overlay, or to be looked at again with the chunks that lack at hand. */
export type Sorted = {
  readonly decided: readonly Incoming[];
  readonly waiting: readonly Incoming[];
  readonly lacking: readonly ChunkName[];
};

/**
 * Answers what needs no decision; the rest goes on the overlay until it is full. `found` are the outcomes that were
 * there when they were asked for, of the memory or the store. Asked in this order: what is known is answered for ever,
 * what is not has a deadline, and then a limit: where the memory holds more than `full` bytes that are not yet in the
 * store, nothing more is decided.
 */
export function sortOut(
  desk: Desk & { readonly now: number; readonly full: number },
  incoming: readonly Incoming[],
  found: ReadonlyMap<string, Known>,
): Sorted {
  const { memory, overlay, partition, now, full } = desk;
  const decided: Incoming[] = [];
  const waiting: Incoming[] = [];
  const lacking: ChunkName[] = [];
  const named = new Set<string>();
  const held = new Set<Stream>();
  for (const item of incoming) {
    const { command } = item;
    const name = nameOf(command);
    const known = memory.outcomes.get(name) ?? found.get(name);
    const ahead = Date.parse(command.deadline) - now;
    if (known) {
      answerKnown(item, known, partition);
    } else if (item.offset !== undefined && item.offset <= memory.covered) {
      // It was refused when its turn was. Nothing is decided whose turn is over.
    } else if (!(ahead > 0) || ahead > LONGEST_DEADLINE) {
      item.refuse(new Refused('EXPIRED', 'Its deadline is past, or more than 7 days ahead. Send it with a new one.'));
    } else if (memory.unflushed > full) {
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
}

/** The streams of commands that live here. A command for another is answered without its stream. */
export function streamsOf(incoming: readonly Incoming[], home: number, partitions: number): readonly Stream[] {
  const streams = new Set(incoming.map(({ command }) => command.stream));
  return [...streams].filter((stream) => {
    try {
      return homeOf(stream, partitions) === home;
    } catch {
      return false;
    }
  });
}

/** Answers a command whose outcome is in the log, unless its name stands for another payload there. */
export const answerKnown = ({ command, answer }: Incoming, known: Known, partition: number): void =>
  answer(known.hash === command.hash ? answerOf(known, partition) : reused(known, partition));

export const reused = ({ offset }: Known, partition: number): Answer => ({
  status: 'rejected',
  code: 'COMMAND_ID_REUSED',
  message: 'This command id was used for another command: make a new one.',
  position: { partition, offset },
});
