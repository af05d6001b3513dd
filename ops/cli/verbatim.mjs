#!/usr/bin/env node
// The command `verbatim`, from a clean clone on: sees to what must be installed, then hands over to TypeScript. In
// plain JavaScript, for nothing that reads TypeScript may be there yet.
import '../run/ensure.mjs';

// Else packages check each other at run time, as graphql does each type: a twentieth of an operation.
process.env.NODE_ENV ??= 'production';

const { register } = await import('tsx/esm/api');
register();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
