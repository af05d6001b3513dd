import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { createProducer } from '../kafka/produce.js';
import { kafkaForTests } from '../kafka/testing.js';
import { commandsTopic, ensureTopic } from '../kafka/topics.js';
import { answersHub } from './kafka-testing.js';
import { kafkaSource } from './source.js';
import { QUICK } from './worker-testing.js';

describeWith('KAFKA_BROKERS', 'the source of commands on Kafka', (brokers) => {
  const { connection, newPrefix } = kafkaForTests(brokers);

  it('waits where no leader says where its partition begins, and its process does not end', async () => {
    const prefix = newPrefix();
    const topic = commandsTopic(prefix, 1, 1);
    await ensureTopic(connection(), topic);
    const producer = createProducer(connection());
    for (const value of ['a', 'b', 'c']) await producer.send(topic.name, 0, [{ value }]);
    await producer.close();
    await connection().administer(async (admin) => {
      // Without this kafkajs does not know who leads the partition.
      await admin.fetchTopicOffsets(topic.name);
      await admin.deleteTopicRecords({ topic: topic.name, partitions: [{ partition: 0, offset: '2' }] });
    });

    let away = true;
    const refuse = (): never => {
      throw new Error('no answer');
    };
    const kafka = {
      ...connection(),
      // Those of the group are its own.
      sockets: (...args: Parameters<ReturnType<typeof connection>['sockets']>) =>
        away ? refuse : connection().sockets(...args),
      administer: async () => refuse(),
    };
    const [troubles, failures, decided]: [unknown[], unknown[], unknown[]] = [[], [], []];
    const source = kafkaSource({
      kafka,
      prefix,
      partitions: 1,
      group: `workers-${randomUUID()}`,
      answers: answersHub(),
      now: Date.now,
      onTrouble: (error) => troubles.push(error),
      pace: QUICK,
    });
    const serving = source.serve({
      gain: () => undefined,
      lose: () => undefined,
      own: async () => -1,
      decide: async (_, incoming) => {
        decided.push(...incoming.map(({ offset }) => offset));
        return incoming.at(-1)?.offset ?? -1;
      },
      failed: (error) => failures.push(error),
    });
    await expect.poll(() => [...troubles, ...failures].length).toBeGreaterThan(0);
    expect(troubles[0]).toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    expect(decided).toEqual([]);
    away = false;
    await expect.poll(() => decided).toEqual([2]);
    expect(failures).toEqual([]);
    await serving.stop(async () => undefined);
  });
});
