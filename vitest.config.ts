import { defineConfig } from 'vitest/config';

/** Tests that start whole servers: one file at a time, after all others, with more patience. */
const system = ['{ui/e2e,ops/chaos,ops/cli/flows,ops/run/folders,ops/stack}/**/*.test.ts'];

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
          exclude: system,
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
          name: 'system',
          include: system,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          expect: { poll: { timeout: 30_000 } },
          sequence: { groupOrder: 1 },
        },
      },
      './ui/vitest.config.ts',
    ],
  },
});
