import { randomUUID } from 'node:crypto';
import { describeWith } from '../../ops/run/needs.js';
import { connectKafka } from '../kafka/connect.js';
import { logContract } from './contract.js';
import { openKafkaLog } from './kafka.js';

describeWith('KAFKA_BROKERS', 'the log on Kafka', (brokers) => {
  logContract('Kafka', true, async () => {
    const prefix = `test-${randomUUID()}-`;
    const kafka = connectKafka({ brokers: brokers.split(','), clientId: 'log-test' });
    const open = () => openKafkaLog({ kafka, prefix, partitions: 4, replication: 1, newId: randomUUID });
    let log = await open();
    return {
      log,
      close: async () => {
        await log.close();
        await kafka.administer((admin) => admin.deleteTopics({ topics: [`${prefix}events`] }));
        await kafka.close();
      },
      reopen: async () => {
        await log.close();
        log = await open();
        return log;
      },
    };
  });
});
