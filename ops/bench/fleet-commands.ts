import type { Command } from '../../commands/command.js';
import type { KafkaConnection } from '../../commands/kafka/connect.js';
import { openReader } from '../../commands/kafka/fetch.js';
import { commandsTopic, ensureTopic } from '../../commands/kafka/topics.js';
import { homeOf } from '../../domain/ids.js';
import { type Figure, median, scaled } from './figure.js';
import { type Systems, openSender, withSystems } from './fleet.js';
import { accepted, startedConversation } from './writeside.js';

const ROUNDS = 5;
const COMMANDS = 20_000;
/** So many commands are without an answer at once. */
const TOGETHER = 4_000;
/** So many messages are in a batch of the bare producer. */
const BATCH = 500;

/** What lies in one partition of a topic. */
type Lot = { readonly topic: string; readonly partition: number; readonly messages: readonly Message[] };
type Message = { readonly key: Buffer | null; readonly value: Buffer | null; readonly headers: Record<string, Buffer> };

/**
 * Sealed commands, many at once, to one worker in a process of its own, until the last one is answered: written to one topic,
 * read, decided, written to the log, answered through Redis. Beside it the very records of both topics, written once more by
 * a bare producer of kafkajs in batches of 500, to all partitions at once. In interleaved rounds.
 */
export const fleetCommands = (scale: number): Promise<readonly Figure[]> =>
  withSystems(async (systems) => {
    const { kafka, prefix, partitions } = systems;
    const sender = await openSender(systems);
    const worker = await systems.start('commands');
    const bare = kafka.client({ requestTimeout: 30_000 }).producer({ retry: { retries: 0 } });
    await bare.connect();
    const places: Places = new Map();
    for (const each of ['commands', 'events']) {
      await ensureTopic(kafka, { ...commandsTopic(prefix, partitions, 1), name: `${prefix}bare-${each}` });
    }

    const count = scaled(COMMANDS, scale);
    const rounds: { records: number; bytes: number; took: number; bareTook: number; cpu: number }[] = [];
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const commands = Array.from({ length: count }, (_, at) => startedConversation(at));
      const idle = await worker.cpu();
      const begun = performance.now();
      await handAll(commands, (command) => sender.submit(homeOf(command.stream, partitions), command));
      const took = performance.now() - begun;
      const cpu = (await worker.cpu()) - idle;
      const lots = await newIn(systems, places);
      const bareBegun = performance.now();
      await Promise.all(lots.map((lot) => write(bare, prefix, lot)));
      const bareTook = performance.now() - bareBegun;
      // The first is a warm-up.
      if (n === 0) continue;
      const records = lots.flatMap(({ messages }) => messages);
      const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      rounds.push({ records: records.length, bytes, took, bareTook, cpu });
    }
    await bare.disconnect();
    await sender.close();
    const of = (value: (round: (typeof rounds)[number]) => number): number => median(rounds.map(value));
    return [
      { metric: 'commands answered', value: of(({ took }) => (count * 1_000) / took), unit: '/s' },
      { metric: 'records of both topics', value: of(({ took, records }) => (records * 1_000) / took), unit: '/s' },
      {
        metric: 'the same records, bare',
        value: of(({ bareTook, records }) => (records * 1_000) / bareTook),
        unit: '/s',
      },
      { metric: 'their size', value: of(({ bytes, records }) => bytes / records), unit: 'bytes' },
      { metric: 'CPU time of the worker for a command', value: of(({ cpu }) => cpu / count), unit: 'µs' },
      {
        metric: 'records of commands answered, against the bare producer',
        value: of(({ took, bareTook }) => bareTook / took),
        unit: '×',
        goal: 0.6,
        better: 'higher',
      },
    ];
  });

/** Hands over all commands, so many at once, and resolves when each is accepted. */
async function handAll(
  commands: readonly Command[],
  hand: (command: Command) => Promise<{ readonly status: string }>,
): Promise<void> {
  const left = commands.values();
  const line = async (): Promise<void> => {
    for (const command of left) accepted(await hand(command));
  };
  await Promise.all(Array.from({ length: TOGETHER }, line));
}

/** Up to where each partition of a topic was read. */
type Places = Map<string, number>;

/** What has come to both topics since the last time. */
async function newIn({ kafka, prefix, partitions }: Systems, places: Places): Promise<readonly Lot[]> {
  const lots: Lot[] = [];
  for (const topic of ['commands', 'events']) {
    const reader = openReader(kafka, `${prefix}${topic}`);
    for (let partition = 0; partition < partitions; partition++) {
      const place = `${topic} ${partition}`;
      const messages: Message[] = [];
      const end = await reader.end(partition);
      for (let at = places.get(place) ?? 0; at < end;) {
        const page = await reader.page(partition, at);
        if (!page) break;
        for (const { key, value, headers } of page.records) {
          messages.push({ key, value, headers: Buffer.isBuffer(headers['sum']) ? { sum: headers['sum'] } : {} });
        }
        at = page.next;
      }
      places.set(place, end);
      lots.push({ topic, partition, messages });
    }
    reader.close();
  }
  return lots;
}

async function write(
  bare: ReturnType<ReturnType<KafkaConnection['client']>['producer']>,
  prefix: string,
  { topic, partition, messages }: Lot,
): Promise<void> {
  for (let at = 0; at < messages.length; at += BATCH) {
    const batch = messages.slice(at, at + BATCH).map((message) => ({ ...message, partition }));
    await bare.send({ topic: `${prefix}bare-${topic}`, acks: -1, messages: batch });
  }
}
