import { describe, it } from 'vitest';

/**
 * A suite that needs a real system, named by an environment variable, as a browser or a server. Without it the suite is
 * skipped, and its name says why; with VERBATIM_REQUIRE_ALL=1, as in CI, that counts as a failure.
 */
export function describeWith(variable: string, what: string, suite: (value: string) => void): void {
  const value = process.env[variable];
  if (value) {
    describe(what, () => suite(value));
  } else if (process.env['VERBATIM_REQUIRE_ALL'] === '1') {
    describe(what, () => {
      it(`finds what it needs: ${variable}`, () => {
        throw new Error(`${variable} is not set, and VERBATIM_REQUIRE_ALL=1 forbids to leave out: ${what}`);
      });
    });
  } else {
    describe.skip(`${what} (needs ${variable})`, () => suite(''));
  }
}
