import { expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { type KafkaConnection, KafkaError, connectKafka } from './connect.js';
import { kafkaForTests } from './testing.js';
import { commandsTopic, ensureTopic, eventsTopic } from './topics.js';

const coded = (code: string, ...words: readonly string[]): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join('.*'), 's')) });

describeWith('KAFKA_BROKERS', 'the topics on Kafka', (brokers) => {
  const { connection, newPrefix, troubles } = kafkaForTests(brokers);

  it('are made once, by whoever is first, and found by all others', async () => {
    const prefix = newPrefix();
    const topic = commandsTopic(prefix, 3, 1);
    const made = await Promise.all(Array.from({ length: 4 }, () => ensureTopic(connection(), topic)));
    expect(made.filter((each) => each.made)).toHaveLength(1);
    const { topics } = await connection().administer((admin) => admin.fetchTopicMetadata({ topics: [topic.name] }));
    expect(topics[0]?.partitions.map(({ leader }) => leader >= 0)).toEqual([true, true, true]);
    expect(troubles).toEqual([]);
  });

  it('are refused with another number of partitions or of replicas: both are fixed when they are made', async () => {
    const prefix = newPrefix();
    await ensureTopic(connection(), eventsTopic(prefix, 2, 1));
    const other = eventsTopic(prefix, 4, 3);
    await expect(ensureTopic(connection(), other)).rejects.toEqual(
      coded('KAFKA_DRIFT', '2 partitions, not 4', 'set PARTITIONS=2', '1 replicas, not 3', 'KAFKA_REPLICATION=1'),
    );
  });

  it.each([
    ['retention.ms', '604800000', 'retention.ms is 604800000, not -1'],
    ['cleanup.policy', 'compact', 'cleanup.policy is compact, not delete'],
    ['unclean.leader.election.enable', 'true', 'unclean.leader.election.enable is true, not false'],
    ['message.timestamp.type', 'CreateTime', 'message.timestamp.type is CreateTime, not LogAppendTime'],
    ['min.insync.replicas', '2', 'min.insync.replicas is 2, not 1'],
  ])('are refused where somebody has set %s to %s, and it is said how to put it right', async (name, value, said) => {
    const topic = eventsTopic(newPrefix(), 1, 1);
    await ensureTopic(connection(), { ...topic, config: { ...topic.config, [name]: value } });
    const mend = `kafka-configs.sh --alter .*--entity-name ${topic.name} --add-config ${name}=${topic.config[name]}`;
    await expect(ensureTopic(connection(), topic)).rejects.toEqual(coded('KAFKA_DRIFT', said, mend));
  });

  it('are refused with more replicas than there are brokers', async () => {
    const topic = eventsTopic(newPrefix(), 1, 99);
    await expect(ensureTopic(connection(), topic)).rejects.toEqual(
      coded('KAFKA_REFUSED', '99 replicas', 'fewer brokers'),
    );
  });

  it('cannot be made where no broker answers, and it is said whom one asked', async () => {
    const nobody = connectKafka({ brokers: ['127.0.0.1:1'], clientId: 'tests' });
    await expect(ensureTopic(nobody, eventsTopic('x-', 1, 1), { patience: 100 })).rejects.toEqual(
      coded('KAFKA_UNREACHABLE', '127.0.0.1:1', 'KAFKA_BROKERS'),
    );
    await nobody.close();
  });

  it('are made as soon as there are brokers that answer', async () => {
    const topic = eventsTopic(newPrefix(), 2, 1);
    const [first = ''] = brokers.split(',');
    const kafka = connectKafka({ brokers: ['127.0.0.1:1', first, '127.0.0.1:2'], clientId: 'tests' });
    expect(await ensureTopic(kafka, topic)).toEqual({ made: true });
    let asked = 0;
    const shaky: KafkaConnection = {
      ...kafka,
      administer: async (work, settings) => {
        if (++asked < 3) throw new KafkaError('KAFKA_UNREACHABLE', 'not yet');
        return kafka.administer(work, settings);
      },
    };
    expect(await ensureTopic(shaky, topic)).toEqual({ made: false });
    await kafka.close();
  });

  it('are reached only by addresses with a port', () => {
    for (const addresses of [[], ['localhost'], ['kafka:9092', 'kafka 9092']]) {
      expect(() => connectKafka({ brokers: addresses, clientId: 'tests' })).toThrow(RangeError);
    }
  });
});
