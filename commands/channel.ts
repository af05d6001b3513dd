import { type CommandChannel, type CommandSource, type Incoming, Refused } from './command.js';

/**
 * The channel within one process: commands wait in memory, and the outcome in the log is the acknowledgement. At most
 * `capacity` wait per partition; beyond that they are refused at once, for a queue without a bound only hides the load.
 * Once its owner has stopped taking, a partition refuses too, until somebody takes again.
 */
export function memoryChannel({ partitions, capacity = 10_000 }: ChannelOptions): CommandChannel & CommandSource {
  const queues: Incoming[][] = Array.from({ length: partitions }, () => []);
  const wakers: (() => void)[] = [];
  const stopped = new Set<number>();

  const queue = (partition: number): Incoming[] => {
    const found = queues[partition];
    if (!found) throw new RangeError(`partition ${partition} of ${partitions}`);
    return found;
  };

  return {
    submit: (partition, command) =>
      new Promise((answer, refuse) => {
        const waiting = queue(partition);
        if (stopped.has(partition)) {
          refuse(new Refused('UNAVAILABLE', 'The server is stopping. Send it again when it is back.'));
          return;
        }
        if (waiting.length >= capacity) {
          refuse(new Refused('UNAVAILABLE', 'Too many commands are waiting. Send it again in a moment.'));
          return;
        }
        waiting.push({ command, answer, refuse });
        wakers[partition]?.();
      }),
    take: async (partition, max, signal) => {
      const waiting = queue(partition);
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
      return waiting.splice(0, max);
    },
  };
}

export type ChannelOptions = { readonly partitions: number; readonly capacity?: number };
