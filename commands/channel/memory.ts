import { type CommandChannel, type CommandSource, type Incoming, Refused } from '../command.js';

/**
 * The channel within one process: commands wait in memory, and the outcome in the log is the acknowledgement. At most
 * `capacity` wait per partition, and of `room` bytes together; beyond that they are refused at once, for a queue without a
 * bound only hides the load. Once its owner has stopped taking, a partition refuses too, until somebody takes again.
 */
export function memoryChannel(options: ChannelOptions): MemoryChannel {
  const { partitions, capacity = 10_000, room = 16 << 20 } = options;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const queues: Queue[] = all.map(() => ({ waiting: [], bytes: 0 }));
  const wakers: (() => void)[] = [];
  const stopped = new Set<number>();

  const queue = (partition: number): Queue => {
    const found = queues[partition];
    if (!found) throw new RangeError(`partition ${partition} of ${partitions}`);
    return found;
  };

  const take: MemoryChannel['take'] = async (partition, max, signal) => {
    const line = queue(partition);
    const { waiting } = line;
    stopped.delete(partition);
    while (waiting.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        wakers[partition] = wake;
        signal.addEventListener('abort', wake);
      });
    }
    if (waiting.length === 0) stopped.add(partition);
    const taken = waiting.splice(0, max);
    for (const { bytes } of taken) line.bytes -= bytes;
    return taken;
  };

  return {
    submit: (partition, command, bytes = Buffer.byteLength(JSON.stringify(command))) =>
      new Promise((answer, refuse) => {
        const line = queue(partition);
        if (stopped.has(partition)) {
          refuse(new Refused('UNAVAILABLE', 'The server is stopping. Send it again when it is back.'));
          return;
        }
        if (line.waiting.length >= capacity || line.bytes + bytes > room) {
          refuse(new Refused('UNAVAILABLE', 'Too many commands are waiting. Send it again in a moment.'));
          return;
        }
        line.waiting.push({ command, answer, refuse, bytes });
        line.bytes += bytes;
        wakers[partition]?.();
      }),
    take,
    serve: (taker) => {
      const stopping = new AbortController();
      for (const partition of all) taker.gain(partition);
      const ready = Promise.all(all.map((partition) => taker.own(partition, alone))).then(() => undefined);
      const loops = all.map(async (partition) => {
        await ready;
        for (;;) {
          const incoming = await take(partition, BATCH, stopping.signal);
          if (incoming.length === 0) return;
          await taker.decide(partition, incoming, alone);
        }
      });
      const ended = Promise.all(loops).catch(taker.failed);
      return {
        ready,
        stop: async (last) => {
          stopping.abort();
          await ended;
          await last();
        },
      };
    },
  };
}

export type MemoryChannel = CommandChannel &
  CommandSource & {
    /** Waits for at least one command, then takes up to `max`. Ends with `signal`, once nothing waits any more. */
    take(partition: number, max: number, signal: AbortSignal): Promise<readonly Incoming[]>;
  };

const BATCH = 500;

/** There is no other process that could get a partition. */
const alone = async (): Promise<void> => undefined;

type Queue = { readonly waiting: (Incoming & { readonly bytes: number })[]; bytes: number };

export type ChannelOptions = {
  readonly partitions: number;
  /** How many commands may wait per partition. Default 10,000. */
  readonly capacity?: number;
  /** Of how many bytes together. Default 16 MB. */
  readonly room?: number;
};
