import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../run/needs.js';
import { type KafkaStack, startKafka } from '../stack/kafka.js';
import { type KafkaConnection, connectKafka } from '../../commands/kafka/connect.js';
import { ensureTopic, eventsTopic } from '../../commands/kafka/topics.js';
import { openKafkaLog } from '../../commands/log/kafka.js';
import type { Log } from '../../commands/log/log.js';
import { startOfLog } from '../../commands/log/store.js';
import { batchOf, eventNamed, follow, readAll, takeover } from '../../commands/log/testing.js';

// Three real brokers of our own, which are killed, stopped and started while owners write and followers read.

const PARTITIONS = 3;

/** Writes a partition as its owner does: after any error it takes over again, and only what came through counts. */
function ownerOf(log: Log, partition: number) {
  const acknowledged: string[] = [];
  const refused: unknown[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    let at = startOfLog;
    while (!stopped) {
      const owner = randomUUID();
      try {
        await log.append(partition, [takeover(owner, at.fence.term + 1)]);
        for await (const { next } of log.read(partition, at)) at = next;
        for (let n = 0; !stopped && at.fence.owner === owner; n++) {
          const name = randomUUID();
          const base = await log.append(partition, batchOf(owner, at.fence.term, n, [eventNamed(name)]));
          if (base !== at.offset) break;
          acknowledged.push(name);
          at = { offset: base + 1, fence: { ...at.fence, batch: n + 1 } };
          await sleep(5);
        }
      } catch (error) {
        refused.push(error);
        await sleep(50);
      }
    }
  };
  const ended = run();
  return {
    acknowledged,
    refused,
    stop: async () => {
      stopped = true;
      await ended;
    },
  };
}

describeWith('KAFKA_BROKERS', 'the log on three brokers of which one fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-brokers-'));
  let stack: KafkaStack;
  let kafka: KafkaConnection;
  let log: Log;
  let prefix: string;
  beforeAll(async () => {
    stack = await startKafka({ folder, brokers: 3 });
  });
  afterAll(async () => {
    await Promise.all(stack.servers.map((server) => server.kill9()));
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    prefix = `test-${randomUUID()}-`;
    kafka = connectKafka({ brokers: stack.brokers, clientId: 'log-test' });
    log = await openKafkaLog({ kafka, prefix, partitions: PARTITIONS, replication: 3, newId: randomUUID });
  });
  afterEach(async () => {
    await log.close();
    await kafka.close();
  });

  const leaderOf = async (partition: number) => {
    const { brokers } = await kafka.administer((admin) => admin.describeCluster());
    const { topics } = await kafka.administer((admin) => admin.fetchTopicMetadata({ topics: [`${prefix}events`] }));
    const { leader } = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition) ?? {};
    const port = brokers.find(({ nodeId }) => nodeId === leader)?.port;
    const server = stack.servers[stack.brokers.indexOf(`127.0.0.1:${port}`)];
    if (!server) throw new Error(`nobody leads partition ${partition}`);
    return server;
  };

  /** Lets owners write and followers read while something happens, and for a while after. Then compares all of it. */
  async function throughout(happens: () => Promise<void>) {
    const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
    const owners = partitions.map((partition) => ownerOf(log, partition));
    const followers = partitions.map((partition) => follow(log, partition));
    const more = async (count: number): Promise<void> => {
      const before = owners.map(({ acknowledged }) => acknowledged.length);
      const grown = () => owners.every(({ acknowledged }, at) => acknowledged.length >= (before[at] ?? 0) + count);
      await expect.poll(grown, { timeout: 60_000 }).toBe(true);
    };
    await more(20);
    await happens();
    await more(20);
    await Promise.all(owners.map((owner) => owner.stop()));
    for (const [partition, { acknowledged }] of owners.entries()) {
      const read = await readAll(log, partition);
      const told = new Set(acknowledged);
      expect(read.filter((name) => told.has(name))).toEqual(acknowledged);
      await followers[partition]?.until(read.at(-1) ?? '');
      expect(followers[partition]?.seen).toEqual(read);
    }
    return owners.flatMap(({ refused }) => refused);
  }

  it('loses nothing and doubles nothing when the leader is killed, and when it comes back', async () => {
    const victim = await leaderOf(0);
    await throughout(async () => {
      await victim.kill9();
      await sleep(4_000);
      await victim.start();
    });
  });

  it.each(['is down', 'hangs'])('is opened, and made where it is new, while a broker %s', async (how) => {
    const [victim] = stack.servers;
    const others = connectKafka({ brokers: stack.brokers, clientId: 'log-test' });
    if (how === 'hangs') victim?.pause();
    else await victim?.kill9();
    try {
      for (const name of [prefix, `test-${randomUUID()}-`]) {
        await ensureTopic(others, eventsTopic(name, PARTITIONS, 3), { patience: 60_000 });
        const opened = await openKafkaLog({
          kafka: others,
          prefix: name,
          partitions: PARTITIONS,
          replication: 3,
          newId: randomUUID,
        });
        expect(await readAll(opened, 0)).toEqual(['log']);
        await opened.close();
      }
    } finally {
      if (how === 'hangs') victim?.resume();
      else await victim?.start();
      await others.close();
    }
  });

  it('goes on without a leader that hangs, and what it was asked is unknown, for it may come in later', async () => {
    const victim = await leaderOf(0);
    const refused = await throughout(async () => {
      victim.pause();
      await sleep(8_000);
      victim.resume();
    });
    expect(refused).toContainEqual(expect.objectContaining({ code: 'KAFKA_UNKNOWN' }));
  });
});
