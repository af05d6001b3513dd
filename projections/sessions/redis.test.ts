import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../../ops/run/needs.js';
import { sessionsContract } from './contract.js';
import { openAdmin, ownPrefix } from './redis-testing.js';
import { redisSessions } from './redis.js';

for (const [variable, kind] of [
  ['REDIS_URL', 'one Redis'],
  ['REDIS_CLUSTER_URL', 'a Redis Cluster'],
] as const) {
  describeWith(variable, `sessions in ${kind}`, (url) => {
    const prefix = ownPrefix();
    let opened = 0;
    let admin: Awaited<ReturnType<typeof openAdmin>>;
    beforeAll(async () => {
      admin = await openAdmin(url, prefix);
    });
    afterAll(async () => {
      await admin.flush();
      admin.close();
    });
    const troubles: unknown[] = [];
    sessionsContract(kind, (now) =>
      redisSessions({ url, now, prefix: `${prefix}${(opened += 1)}:`, onTrouble: (error) => troubles.push(error) }),
    );

    it('gives every key a time to live', async () => {
      const ttls = await admin.ttls();
      expect(ttls.size).toBeGreaterThan(30);
      expect([...ttls].filter(([, ttl]) => ttl < 0)).toEqual([]);
      expect(troubles).toEqual([]);
    });
  });
}
