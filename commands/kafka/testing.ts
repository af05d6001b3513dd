import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { type KafkaConnection, connectKafka } from './connect.js';
import { type Topic, ensureTopic, eventsTopic } from './topics.js';

/** A connection for the tests of a suite, and topics under names of their own, which go when the suite ends. */
export function kafkaForTests(brokers: string) {
  const troubles: unknown[] = [];
  const topics = new Set<string>();
  let kafka: KafkaConnection | undefined;
  const connection = (): KafkaConnection => {
    if (!kafka) throw new Error('it is there only while the tests run');
    return kafka;
  };
  beforeAll(() => {
    kafka = connectKafka({
      brokers: brokers.split(','),
      clientId: 'tests',
      onTrouble: (error) => troubles.push(error),
    });
  });
  afterAll(async () => {
    await connection().administer(async (admin) => {
      // Not every one was made.
      const made = (await admin.listTopics()).filter((topic) => topics.has(topic));
      if (made.length > 0) await admin.deleteTopics({ topics: made });
    });
    await connection().close();
  });
  const newPrefix = (): string => {
    const prefix = `test-${randomUUID()}-`;
    for (const name of ['events', 'commands']) topics.add(prefix + name);
    return prefix;
  };
  return {
    connection,
    troubles,
    newPrefix,
    /** Makes a topic as that of events, and otherwise as it is said. */
    newTopic: async (o: { partitions?: number; config?: Readonly<Record<string, string>> } = {}): Promise<Topic> => {
      const made = eventsTopic(newPrefix(), o.partitions ?? 2, 1);
      const topic = { ...made, config: { ...made.config, ...o.config } };
      await ensureTopic(connection(), topic);
      return topic;
    },
  };
}
