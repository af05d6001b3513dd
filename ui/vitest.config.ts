import solid from 'vite-plugin-solid';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [solid()],
  test: {
    name: 'ui',
    root: import.meta.dirname,
    environment: 'jsdom',
    exclude: ['e2e/**', 'dist/**'],
  },
});
