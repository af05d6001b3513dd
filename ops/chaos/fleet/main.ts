import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tableOf } from '../../cli/views.js';
import { kinds, lanes } from './plan.js';
import { type Report, run } from './run.js';

// `npm run chaos`: a fleet on real systems of its own, broken for some minutes, and proved to have kept every promise.

const usage = `npm run chaos -- [--minutes M] [--seed S] [--workers N] [--keep]

  Starts three brokers, Postgres, Redis, Keycloak and a fleet on free ports; twenty clients send and watch while
  processes, brokers and databases are killed, stopped and emptied. Then everything is checked: the clients' notes
  against the records of the brokers, and the views against a fold of the log.

  --minutes M   for how long things are broken (2), and until each kind of fault has hit once
  --seed S      what befalls whom, in which order; the same seed is the same plan (by the clock)
  --workers N   how many processes decide (3)
  --keep        keeps the folder with all data and logs, and says where it is

  With KEYCLOAK_URL and KEYCLOAK_ADMIN that Keycloak is used, with a realm of its own.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '3' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, seed, workers] = [Number(values.minutes), Number(values.seed), Number(values.workers)];
if (values.help || !(minutes > 0) || !Number.isSafeInteger(seed) || !(workers >= 1 && workers <= 9)) {
  console.log(usage);
  process.exit(values.help ? 0 : 2);
}

const folder = mkdtempSync(join(tmpdir(), 'verbatim-chaos-'));
process.on('exit', () => {
  if (values.keep) console.log(`Everything is kept in ${folder}.`);
  else rmSync(folder, { recursive: true, force: true });
});
// An exit takes all that was started along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const begun = performance.now();
const say = (line: string): void => console.log(`[${((performance.now() - begun) / 1_000).toFixed(1)} s] ${line}`);
console.log(`Seed ${seed}, ${minutes} minutes.`);
const report = await run({ folder, seed, workers, clients: 20, lasts: minutes * 60_000, say });
tell(report);
// Zombies are a matter of time; in some minutes there is one.
const toofew = minutes >= 2 && report.zombies === 0;
if (toofew) console.log('No zombie has written anything: this run does not prove that such batches are void.');
// A fault that never hit proves nothing of what it is for.
const missed = lanes
  .flatMap((lane) => kinds[lane])
  .filter((kind) => !report.done.some((each) => each.kind === kind && each.hit));
for (const kind of missed) console.log(`It never came to this: ${kind}. This run does not prove what that would show.`);
process.exit(report.findings.length > 0 || toofew || missed.length > 0 ? 1 : 0);

function tell({ done, commands, rejected, records, zombies, updates, findings }: Report): void {
  const rows = lanes
    .flatMap((lane) => kinds[lane])
    .map((kind) => {
      const those = done.filter((each) => each.kind === kind);
      const hits = those.filter(({ hit }) => hit);
      const longest = Math.max(0, ...hits.map(({ from, to }) => to - from)) / 1_000;
      return [kind, hits.length, those.length - hits.length, `${longest.toFixed(1)} s`] as const;
    });
  console.log(`\n${tableOf(['fault', 'hit', 'missed', 'longest'], rows).join('\n')}\n`);
  console.log(
    `${commands} commands decided, ${rejected} of them rejected; ${records} records; ${updates} updates seen.`,
  );
  console.log(`${zombies} batches of zombies were written, and are void.`);
  console.log(findings.length === 0 ? 'No findings.' : `${findings.length} findings:`);
  for (const finding of findings.slice(0, 50)) console.log(`  ${finding}`);
  if (findings.length > 0) console.log(`The same plan again: npm run chaos -- --minutes ${minutes} --seed ${seed}`);
}
