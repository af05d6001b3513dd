import { openAdmin, ownPrefix } from '../../projections/sessions/redis-testing.js';
import { redisSessions } from '../../projections/sessions/redis.js';
import { describeWith } from '../../ops/run/needs.js';
import { resumeContract } from './resume-contract.js';

resumeContract('memory', { messages: 3_000, reserve: 250 });

for (const [variable, kind] of [
  ['REDIS_URL', 'one Redis'],
  ['REDIS_CLUSTER_URL', 'a Redis Cluster'],
] as const) {
  describeWith(variable, `the live stream of ${kind}`, (url) => {
    const prefix = ownPrefix();
    resumeContract(kind, {
      messages: 600,
      reserve: 50,
      open: async () => {
        const admin = await openAdmin(url, prefix);
        const real = await redisSessions({ url, now: Date.now, prefix });
        const close = (): void => {
          real.close();
          void admin.flush().finally(admin.close);
        };
        return { store: { ...real, close }, cut: () => admin.cut() };
      },
    });
  });
}
