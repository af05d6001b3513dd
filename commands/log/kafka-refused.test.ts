import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import type * as linking from '../kafka/links.js';
import { kafkaForTests } from '../kafka/testing.js';
import { openKafkaLog } from './kafka.js';
import { follow } from './testing.js';

/** Whether leaders refuse every fetch, as they do where the right to read a topic was taken away. */
const access = vi.hoisted(() => ({ denied: false }));
vi.mock('../kafka/links.js', async (original: () => Promise<typeof linking>) => {
  const real = await original();
  const isOfFetch = (answer: unknown): answer is NonNullable<typeof real.FETCH.definitions.answer> =>
    typeof answer === 'object' && answer !== null && 'responses' in answer;
  const openLinks: typeof real.openLinks = (...args) => {
    const links = real.openLinks(...args);
    const seen = new WeakSet<linking.Link>();
    const leaderOf: typeof links.leaderOf = async (...place) => {
      const link = await links.leaderOf(...place);
      if (seen.has(link)) return link;
      seen.add(link);
      const { ask } = link;
      link.ask = async (api, asked) => {
        const answer = await ask(api, asked);
        if (access.denied && api.key === real.FETCH.key && isOfFetch(answer)) {
          const partitions = answer.responses.flatMap((each) => each.partitions);
          // TOPIC_AUTHORIZATION_FAILED
          for (const partition of partitions) Object.assign(partition, { errorCode: 29, messages: [] });
        }
        return answer;
      };
      return link;
    };
    return { ...links, leaderOf };
  };
  return { ...real, openLinks };
});
afterEach(() => {
  access.denied = false;
});

describeWith('KAFKA_BROKERS', 'a topic that may not be read any more', (brokers) => {
  const { connection, newPrefix } = kafkaForTests(brokers);

  it('ends who follows it, and they are told why', async () => {
    const options = { kafka: connection(), prefix: newPrefix(), partitions: 1, replication: 1, newId: randomUUID };
    const log = await openKafkaLog(options);
    const { ended, until } = follow(log, 0);
    await until('log');
    access.denied = true;
    await expect(ended).rejects.toMatchObject({ code: 'KAFKA_REFUSED' });
    await log.close();
  });
});
