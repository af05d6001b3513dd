import { defineConfig } from 'vitest/config';

/** Tests that start whole servers: one file at a time, after all others, with more patience. */
const system = ['ui/e2e/**/*.test.ts', 'ops/chaos/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          include: ['{domain,commands,projections,gateway,ops}/**/*.test.ts'],
          exclude: system,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: system,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      'ui*/vitest.config.ts',
    ],
  },
});
