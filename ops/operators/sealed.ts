import type { Log } from '../../commands/log/log.js';
import type { Envelope } from '../../domain/event.js';

/** Every event of a log, partition by partition. */
export async function* eventsIn(log: Log): AsyncGenerator<Envelope> {
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const { records } of log.read(partition, undefined, { limit: 100 })) {
      for (const { entry } of records) if (entry.kind === 'event') yield entry.event;
    }
  }
}

/** The ids of the keys under which something in a value is sealed. */
export function keysIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('box' in value && 'key' in value && typeof value.key === 'string') return [value.key];
  return Object.values(value).flatMap(keysIn);
}
