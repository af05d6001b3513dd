import { type TestCase, type TestModule, type TestSuite, type Vitest, parseCLI, startVitest } from 'vitest/node';

// `npm test`: one run of everything, or of what the arguments name (they are Vitest's). Says by name what was not run
// and why; the last line has the counts, alone.

const requireAll = process.env['VERBATIM_REQUIRE_ALL'] === '1';

type Counts = { passed: number; failed: number; skipped: number };

/** Counts every test, and as failed whatever broke outside of one: a file that does not load, a hook, a stray error. */
function count(vitest: Vitest): Counts & { readonly left: ReadonlySet<string> } {
  const counts = { passed: 0, failed: 0, skipped: 0, left: new Set<string>() };
  for (const { errors, children } of vitest.state.getTestModules().map(parts)) {
    counts.failed += errors;
    for (const test of children) {
      const { state } = test.result();
      const left = outermostSkipped(test);
      if (state === 'passed') counts.passed += 1;
      // In a skipped suite within a skipped suite they are left pending.
      else if (state === 'skipped' || left !== test) {
        counts.skipped += 1;
        counts.left.add(`${test.module.relativeModuleId}: ${left.name}`);
      } else counts.failed += 1;
    }
  }
  counts.failed += vitest.state.getUnhandledErrors().length;
  return counts;
}

/** The tests of a file, and how many of its suites, or itself, broke outside of a test. */
function parts(module: TestModule): { readonly errors: number; readonly children: Iterable<TestCase> } {
  const broken = [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0);
  return { errors: broken.length, children: module.children.allTests() };
}

/** What to name: the whole suite where the whole suite was left out. */
function outermostSkipped(test: TestCase): TestCase | TestSuite {
  let found: TestCase | TestSuite = test;
  for (let at = test.parent; at.type === 'suite'; at = at.parent) {
    if (at.options.mode === 'skip') found = at;
  }
  return found;
}

async function run(args: readonly string[]): Promise<Counts> {
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const vitest = await startVitest('test', filter, { ...options, watch: false });
  const { left, ...counts } = count(vitest);
  await vitest.close();
  // Who names single tests knows that the others are left out.
  if (left.size > 0 && options.testNamePattern === undefined) {
    console.log(requireAll ? 'Not run, which VERBATIM_REQUIRE_ALL=1 forbids:' : 'Not run:');
    for (const name of left) console.log(`  ${name}`);
    console.log();
  }
  return counts;
}

const counts = await run(process.argv.slice(2)).catch((error: unknown): Counts => {
  console.error(error);
  return { passed: 0, failed: 1, skipped: 0 };
});
const { passed } = counts;
const skipped = requireAll ? 0 : counts.skipped;
const nothing = passed + counts.failed + counts.skipped === 0;
const failed = counts.failed + (requireAll ? counts.skipped : 0) + (nothing ? 1 : 0);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed > 0 ? 1 : 0);
