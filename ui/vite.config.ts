import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import solid from 'vite-plugin-solid';

const gateway = 'http://localhost:8080';

export default defineConfig({
  root: import.meta.dirname,
  plugins: [solid(), tailwindcss()],
  build: { outDir: 'dist', manifest: true, target: 'es2022', modulePreload: { polyfill: false } },
  // For work on the page alone: a running `npm start` serves all the rest.
  server: { proxy: { '/graphql': { target: gateway, ws: true }, '/oidc': gateway, '/config.json': gateway } },
});
