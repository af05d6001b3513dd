import { fileURLToPath } from 'node:url';
import solid from 'vite-plugin-solid';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [solid()],
  // The build of ws for browsers is a refusal; tests run a server of it beside the page.
  resolve: { alias: [{ find: /^ws$/, replacement: fileURLToPath(import.meta.resolve('ws')) }] },
  test: {
    name: 'ui',
    root: import.meta.dirname,
    environment: 'jsdom',
    exclude: ['e2e/**', 'dist/**'],
    // A machine that is busy with all the others is slow.
    testTimeout: 30_000,
    sequence: { groupOrder: 1 },
  },
});
