import { expect, it } from 'vitest';
import { startHarness } from './testing.js';

it.each([
  [false, 404],
  // The page of a harness is never built.
  [true, 503],
])('the page to try GraphQL is there by switch: %s', async (explorer, status) => {
  const harness = await startHarness({ explorer });
  expect((await fetch(`${harness.publicUrl}/graphiql`)).status).toBe(status);
  await harness.stop();
});
