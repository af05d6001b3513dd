import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import type { KafkaConnection } from './connect.js';
import { type Producer, createProducer } from './produce.js';
import { type Block, type Follower, type Tails, openTails } from './tails.js';
import { kafkaForTests } from './testing.js';

describeWith('KAFKA_BROKERS', 'the ends of partitions on Kafka', (brokers) => {
  const { connection, newTopic } = kafkaForTests(brokers);
  let producer: Producer;
  let topic: string;
  /** What tails are opened on: every socket of theirs, and a way to cut each that is to carry a fetch. */
  let sockets: Socket[];
  let cutting: boolean;
  let troubles: unknown[];
  let tails: Tails<string>;
  beforeEach(async () => {
    producer = createProducer(connection());
    topic = (await newTopic()).name;
    [sockets, cutting, troubles] = [[], false, []];
    const kafka: KafkaConnection = {
      ...connection(),
      onTrouble: (error) => troubles.push(error),
      sockets: (onOpen) => {
        let opened = 0;
        return connection().sockets((socket) => {
          sockets.push(socket);
          // Of the two to a broker the second one is for fetches.
          if (++opened === 2 && cutting) {
            socket.write = () => {
              socket.destroy(new Error('cut'));
              return false;
            };
          }
          onOpen?.(socket);
        });
      },
    };
    tails = openTails(kafka, topic, (_, { records }) => records.map(({ value }) => String(value)));
  });
  afterEach(async () => {
    tails.close();
    await producer.close();
  });

  const join = (partition: number): Follower<string> => {
    const follower = tails.join(partition, 0);
    if (!follower) throw new Error('there is a place at the start');
    return follower;
  };
  const write = (partition: number, value: string) => producer.send(topic, partition, [{ value }]);
  const came = (value: string, next = 1): Block<string> => ({ records: [value], next });

  it('go on where sockets break, those too that came while a fetch of others was under way', async () => {
    const one = join(0);
    await write(0, 'a');
    expect(await one.next()).toEqual(came('a'));
    // The next fetch is on its way, for this partition alone, and the leader of the other is known.
    const other = join(1);
    await turn();
    for (const socket of sockets) socket.destroy(new Error('cut'));
    await write(1, 'b');
    expect(await other.next()).toEqual(came('b'));
    await write(0, 'c');
    expect(await one.next()).toEqual(came('c', 2));
  });

  it('are said to be in trouble where every fetch fails, and go on when that is over', async () => {
    cutting = true;
    const one = join(0);
    await expect.poll(() => troubles.length).toBeGreaterThan(0);
    cutting = false;
    await write(0, 'a');
    expect(await one.next()).toEqual(came('a'));
  });
});
