import { parseArgs } from 'node:util';
import { isMistake, mistakeOf, mistakes } from './mistakes.js';
import { type Counts } from './scene.js';
import { type Result, simulate } from './simulate.js';

// `npm run simulate`: lives through the worlds of some seeds and tells what it found. The same seed is the same world.

const usage = `npm run simulate -- [--seeds N] [--seed S] [--mistake NAME] [--trace]

  --seeds N       how many worlds (500; 1 where --seed is given)
  --seed S        the first of them (1); a finding is repeated by its seed alone
  --mistake NAME  plants a mistake, to see that it is found: the run ends with the first finding
  --trace         prints what happens, event by event

Mistakes:
${Object.keys(mistakes)
  .map((name) => `  '${name}'`)
  .join('\n')}`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    mistake: { type: 'string' },
    trace: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const { seed, seeds, mistake, trace, help } = values;
const first = Number(seed ?? 1);
const count = Number(seeds ?? (seed === undefined ? 500 : 1));
if (help || !Number.isSafeInteger(first) || !(Number.isSafeInteger(count) && count > 0) || !isKnown(mistake)) {
  console.log(usage);
  process.exit(help ? 0 : 2);
}

function isKnown(name: string | undefined): boolean {
  return name === undefined || isMistake(name);
}

/** A finding, and how to see it again. */
function tell({ seed: failed, findings }: Result): void {
  const [finding, ...more] = findings;
  const rest = more.length > 0 ? ` (and ${more.length} more)` : '';
  const planted = mistake === undefined ? '' : ` --mistake '${mistake}'`;
  console.log(`${finding}${rest}: npm run simulate -- --seed ${failed}${planted} --trace`);
}

const begun = performance.now();
const total: Record<string, number> = {};
let lived = 0;
let failures = 0;
for (let at = first; at < first + count; at++) {
  const result = await simulate(at, mistake !== undefined && isMistake(mistake) ? mistakeOf(mistake) : undefined);
  lived++;
  if (trace) for (const line of result.trace) console.log(line);
  for (const [name, n] of Object.entries(result.counts)) total[name] = (total[name] ?? 0) + n;
  if (result.findings.length === 0) continue;
  failures++;
  tell(result);
  if (mistake !== undefined) break;
}

const seconds = (performance.now() - begun) / 1_000;
console.log(`${lived} seeds, ${failures} with findings, ${(lived / seconds).toFixed(1)} seeds/s; ${summary(total)}`);
process.exit(failures > 0 ? 1 : 0);

function summary(counts: Partial<Record<keyof Counts | 'voids' | 'ms', number>>): string {
  const { commands = 0, crashes = 0, takeovers = 0, voids = 0, lost = 0, late = 0, doubled = 0, ms = 0 } = counts;
  const { redelivered = 0, rolledBack = 0 } = counts;
  return [
    `${commands} commands sent`,
    `${redelivered} delivered again`,
    `${crashes} crashes`,
    `${takeovers} takeovers`,
    `${voids} void records`,
    `appends ${lost} lost, ${late} late, ${doubled} doubled`,
    `${rolledBack} times the snapshots went back`,
    `${Math.round(ms / 86_400_000)} days of virtual time`,
  ].join(', ');
}
