import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'libsql';
import { memoryChannel } from '../../commands/channel.js';
import { type Draft, createClient } from '../../commands/client/client.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import type { Entry } from '../../commands/log/log.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { contentOf, personKey } from '../../domain/content.js';
import { bucketOf, derivedId, randomUuid, streamOf, timedId } from '../../domain/ids.js';
import { type Figure, median, quantile } from './figure.js';

const ROUNDS = 5;
const COMMANDS = 600;
const TOGETHER = 200;
const PARTITIONS = 4;
const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);

type Round = { readonly perSecond: number; readonly latencies: readonly number[] };

/** Runs work items, so many at a time, and times each. */
async function measure(count: number, together: number, work: (n: number) => Promise<unknown>): Promise<Round> {
  const latencies: number[] = [];
  const begun = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: together }, async () => {
      while (next < count) {
        const at = performance.now();
        await work(next++);
        latencies.push(performance.now() - at);
      }
    }),
  );
  return { perSecond: (count * 1_000) / (performance.now() - begun), latencies };
}

/** The whole write side in a folder: client, owner, log. `sizes` collects the bytes of what each command appended. */
async function openWriteSide(folder: string) {
  const log = openSqliteLog({
    file: join(folder, 'log.db'),
    partitions: PARTITIONS,
    newId: () => randomUuid(random(16)),
  });
  const batches: (readonly Entry[])[] = [];
  const spied = {
    ...log,
    append: (partition: number, batch: readonly Entry[]) => {
      batches.push(batch);
      return log.append(partition, batch);
    },
  };
  const keys = openKeys({ file: join(folder, 'keys.db'), random });
  const channel = memoryChannel({ partitions: PARTITIONS });
  const client = createClient({ channel, keys, partitions: PARTITIONS, now: Date.now, random, wait });
  const onFailure = (error: unknown): never => {
    throw error;
  };
  const worker = startWorker({ log: spied, source: channel, now: Date.now, random, wait, onFailure });
  await worker.ready;
  return {
    client,
    batches,
    close: async () => {
      await worker.stop();
      await log.close();
      await keys.close();
    },
  };
}

/** A person starts a conversation with 200 characters: four events' worth of rules, sealing and hashing. */
function startConversation(n: number): Draft {
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
      temporary: false,
    },
  };
}

/** The same bytes in bare commits of the same database: as many as our batches had, one after the other. */
function bareCommits(file: string, batches: readonly (readonly Entry[])[]): number {
  const db = new Database(file);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS bare (n INTEGER PRIMARY KEY, entry TEXT)',
  );
  const insert = db.prepare('INSERT INTO bare (entry) VALUES (?)');
  const encoded = batches.map((batch) => batch.map((entry) => JSON.stringify(entry)));
  const begun = performance.now();
  for (const batch of encoded) {
    db.exec('BEGIN IMMEDIATE');
    for (const entry of batch) insert.run(entry);
    db.exec('COMMIT');
  }
  const took = performance.now() - begun;
  db.close();
  return took;
}

/**
 * Commands through client, owner and log against bare commits of the same bytes, in interleaved rounds of one run: many
 * at once, where batches form, and one at a time.
 */
export async function append(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-bench-'));
  const side = await openWriteSide(folder);
  const round = async (together: number, count: number): Promise<Round & { readonly ratio: number }> => {
    side.batches.length = 0;
    const ours = await measure(count, together, (n) => side.client.send(startConversation(n)));
    const bare = bareCommits(join(folder, 'bare.db'), side.batches);
    return { ...ours, ratio: (ours.perSecond * bare) / (count * 1_000) };
  };
  const batched: Awaited<ReturnType<typeof round>>[] = [];
  const single: typeof batched = [];
  await round(TOGETHER, COMMANDS); // Warm-up.
  for (let n = 0; n < ROUNDS; n++) {
    batched.push(await round(TOGETHER, COMMANDS));
    single.push(await round(1, COMMANDS / 4));
  }
  await side.close();
  rmSync(folder, { recursive: true, force: true });
  return [
    ...figures(`${TOGETHER} at once`, batched, { goal: 0.6, better: 'higher' }),
    ...figures('one at a time', single, {}),
  ];
}

function figures(
  how: string,
  rounds: readonly (Round & { readonly ratio: number })[],
  goal: Pick<Figure, 'goal' | 'better'>,
): readonly Figure[] {
  const latencies = rounds.flatMap((each) => each.latencies);
  return [
    { metric: `${how}: commands`, value: median(rounds.map(({ perSecond }) => perSecond)), unit: '/s' },
    { metric: `${how}: latency p50`, value: quantile(latencies, 0.5), unit: 'ms' },
    { metric: `${how}: latency p99`, value: quantile(latencies, 0.99), unit: 'ms' },
    {
      metric: `${how}: rate, against bare commits`,
      value: median(rounds.map(({ ratio }) => ratio)),
      unit: '×',
      ...goal,
    },
  ];
}
