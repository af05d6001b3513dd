import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Tests that start whole servers, with more patience, after all others: those of one server, and those of many or a browser. */
const flows = ['{ops/cli/flows,ops/run/folders}/**/*.test.ts', 'ops/chaos/*.test.ts'];
const system = ['{ui/e2e,ops/chaos/*,ops/stack}/**/*.test.ts'];

/** Much of the time is spent waiting, so that two cores are worth two at once. */
const atOnce = Math.max(2, availableParallelism() - 1);

/** graphql ships two copies of itself; under Vite our modules would get one and their libraries the other. */
const oneGraphql = [{ find: /^graphql$/, replacement: 'graphql/index.js' }];

export default defineConfig({
  test: {
    projects: [
      {
        resolve: { alias: oneGraphql },
        test: {
          name: 'node',
          include: ['{domain,commands,projections,gateway,ops}/**/*.test.ts'],
          exclude: [...flows, ...system],
          maxWorkers: atOnce,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // A machine that is busy with all the others is slow.
          expect: { poll: { timeout: 10_000 } },
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve: { alias: oneGraphql },
        test: {
          name: 'flows',
          include: flows,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          maxWorkers: 2,
          expect: { poll: { timeout: 30_000 } },
          sequence: { groupOrder: 2 },
        },
      },
      {
        resolve: { alias: oneGraphql },
        test: {
          name: 'system',
          include: system,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          expect: { poll: { timeout: 30_000 } },
          sequence: { groupOrder: 3 },
        },
      },
      './ui/vitest.config.ts',
    ],
  },
});
