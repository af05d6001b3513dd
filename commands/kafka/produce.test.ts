import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { openReader } from './fetch.js';
import { type Producer, createProducer } from './produce.js';
import { kafkaForTests } from './testing.js';

const coded = (code: string): unknown => expect.objectContaining({ code });

describeWith('KAFKA_BROKERS', 'the producer on Kafka', (brokers) => {
  const { connection, newTopic } = kafkaForTests(brokers);
  let producer: Producer;
  beforeEach(() => {
    producer = createProducer(connection());
  });
  afterEach(() => producer.close());

  const valuesIn = async (topic: string, partition: number): Promise<readonly string[]> => {
    const reader = openReader(connection(), topic);
    const values: string[] = [];
    const end = await reader.end(partition);
    for (let at = 0; at < end;) {
      const page = await reader.page(partition, at);
      values.push(...(page?.records ?? []).map(({ value }) => String(value)));
      at = page?.next ?? end;
    }
    reader.close();
    return values;
  };

  it('gives each batch its own result, those of one moment too, in the order of the calls', async () => {
    const [topic, other] = [await newTopic(), await newTopic()];
    const sends = Array.from({ length: 40 }, async (_, n) => {
      const { name } = n % 4 < 2 ? topic : other;
      return producer.send(name, n % 2, [{ value: `${n}a` }, { value: `${n}b`, key: 'k', headers: { h: 'ß' } }]);
    });
    const bases = await Promise.all(sends);
    expect(bases).toEqual(Array.from({ length: 40 }, (_, n) => 2 * Math.floor(n / 4)));
    const ofOne = Array.from({ length: 10 }, (_, n) => [`${4 * n + 3}a`, `${4 * n + 3}b`]).flat();
    expect(await valuesIn(other.name, 1)).toEqual(ofOne);
  });

  it('refuses what goes to a topic or partition that is not there: kafkajs would resolve, and send nothing', async () => {
    const topic = await newTopic();
    const message = [{ value: 'x' }];
    await expect(producer.send(topic.name, 2, message)).rejects.toEqual(coded('KAFKA_NO_TOPIC'));
    await expect(producer.send(`${topic.name}-not`, 0, message)).rejects.toEqual(coded('KAFKA_NO_TOPIC'));
    await expect(producer.send(topic.name, 0, [])).rejects.toThrow(RangeError);
    // And to ask for it has not made it.
    const names = await connection().administer((admin) => admin.listTopics());
    expect(names).not.toContain(`${topic.name}-not`);
  });

  it('refuses a batch beyond what the broker takes: it is not in, and what went in the same request is', async () => {
    const topic = await newTopic({ config: { 'max.message.bytes': '10000' } });
    const long = [{ value: 'x'.repeat(8_000) }, { value: 'y'.repeat(8_000) }];
    const settled = await Promise.allSettled([
      producer.send(topic.name, 0, [{ value: 'first' }]),
      producer.send(topic.name, 0, long),
      producer.send(topic.name, 1, [{ value: 'beside' }]),
      producer.send(topic.name, 0, [{ value: 'behind' }]),
    ]);
    const results = settled.map((each) => (each.status === 'fulfilled' ? each.value : each.reason));
    expect(results).toEqual([0, coded('KAFKA_TOO_LARGE'), 0, 1]);
    expect(await valuesIn(topic.name, 0)).toEqual(['first', 'behind']);
  });

  it('does not send what no request can hold', async () => {
    const topic = await newTopic();
    const huge = 'x'.repeat(91 << 20);
    await expect(producer.send(topic.name, 0, [{ value: huge }])).rejects.toEqual(coded('KAFKA_TOO_LARGE'));
  });

  it('lets what is under way end when it is closed, and takes nothing more', async () => {
    const topic = await newTopic();
    const under = producer.send(topic.name, 0, [{ value: 'x' }]);
    await producer.close();
    await producer.close();
    expect(await under).toBe(0);
    await expect(producer.send(topic.name, 0, [{ value: 'y' }])).rejects.toEqual(coded('KAFKA_CLOSED'));
  });
});
