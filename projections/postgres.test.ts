import { afterAll, beforeAll, describe } from 'vitest';
import { describeWith } from '../ops/run/needs.js';
import { openPostgres } from './readmodel/postgres.js';
import { ownDatabase } from '../ops/run/database.js';
import { setDatabase } from './testing.js';

// The suites for which the store matters, a second time: on Postgres, each on a database of its own.

const suites = {
  exactlyOnce: () => import('./exactly-once.test.js'),
  feed: () => import('./feed.test.js'),
  generations: () => import('./generations.test.js'),
  parked: () => import('./parked.test.js'),
  rebuild: () => import('./rebuild.test.js'),
  switching: () => import('./switching.test.js'),
  leases: () => import('./leases.test.js'),
  shared: () => import('./shared.test.js'),
  reached: () => import('./reached.test.js'),
  runner: () => import('./runner.test.js'),
  core: () => import('./readmodel/core/core.test.js'),
  histories: () => import('./readmodel/core/histories.test.js'),
  inbox: () => import('./readmodel/core/inbox.test.js'),
  queries: () => import('./readmodel/core/queries.test.js'),
  obligations: () => import('./readmodel/obligations/obligations.test.js'),
};

describeWith('DATABASE_URL', 'on Postgres', (server) => {
  describe.each(Object.entries(suites))('%s', async (_, load) => {
    let drop: () => Promise<void>;
    beforeAll(async () => {
      const own = await ownDatabase(server);
      ({ drop } = own);
      setDatabase(() => openPostgres({ url: own.url, pool: 8 }));
    });
    afterAll(() => drop());
    await load();
  });
});
