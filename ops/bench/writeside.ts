import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryChannel } from '../../commands/channel.js';
import { type Draft, createClient } from '../../commands/client/client.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import type { Log } from '../../commands/log/log.js';
import { openSnapshots } from '../../commands/snapshots/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE } from '../../domain/catalogue.js';
import { contentOf, personKey } from '../../domain/content.js';
import { bucketOf, derivedId, streamOf, timedId } from '../../domain/ids.js';

const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

export const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);

/** The whole write side over a log: a client that seals, and an owner of every partition. Its keys are in `folder`. */
export async function openWriteSide(folder: string, log: Log) {
  const { partitions } = log;
  const keys = openKeys({ file: join(folder, 'keys.db'), random });
  const snapshots = openSnapshots({ file: join(folder, 'snapshots.db'), state: STATE });
  const channel = memoryChannel({ partitions });
  const client = createClient({ channel, keys, partitions, now: Date.now, random, wait });
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const worker = startWorker({ log, snapshots, source: channel, now: Date.now, random, wait, onFailure });
  await worker.ready;
  return {
    client,
    close: async () => {
      await worker.stop();
      await Promise.all([keys.close(), snapshots.close()]);
    },
  };
}

/** One of 50 people starts a conversation with 200 characters: sealing, rules, events and their hash chain. */
export function startConversation(n: number): Draft {
  const actor = derivedId(NAMESPACE, `person ${n % 50}`);
  const make = (): string => timedId(Date.now(), random(16), bucketOf(actor));
  const [conversation, message] = [make(), make()];
  const text = 'Twenty characters.. '.repeat(10);
  return {
    id: make(),
    actor,
    stream: streamOf('conversation', conversation),
    key: personKey(actor),
    type: 'StartConversation',
    data: {
      message,
      reply: make(),
      parts: [{ type: 'text', text: { plain: text, content: contentOf.part(message, 0) }, chars: text.length }],
      title: { plain: 'A title', content: contentOf.title(conversation) },
      chars: 7,
      expires: null,
    },
  };
}
