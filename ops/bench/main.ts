import { parseArgs } from 'node:util';
import { benches } from './benches.js';
import { type Figure, reaches } from './figure.js';

// As `verbatim` runs: for the processes that a bench starts.
process.env['NODE_ENV'] ??= 'production';

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, scale: { type: 'string', default: '1' } },
  allowPositionals: true,
});
const { json } = values;
const scale = Number(values.scale);
const [wanted] = positionals;
const chosen = Object.entries(benches).filter(([name]) => wanted === 'all' || wanted === name);

if (!(scale > 0 && scale <= 1)) {
  console.error(`The scale is the share of the work to do, above 0 and up to 1, and not ${values.scale}.`);
  process.exit(2);
} else if (wanted === undefined) {
  console.log('npm run bench -- NAME [--json] [--scale SHARE]   one of these, or all:\n');
  for (const [name, { about }] of Object.entries(benches)) console.log(`  ${name.padEnd(10)} ${about}`);
} else if (chosen.length === 0) {
  console.error(`There is no bench "${wanted}". There are ${Object.keys(benches).join(', ')}, and all.`);
  process.exit(2);
}

for (const [name, { about, run }] of chosen) {
  if (!json) console.log(`\n${name}: ${about}\n`);
  for (const figure of await run(scale)) console.log(json ? toJson(name, figure) : toRow(figure));
}

function toJson(bench: string, figure: Figure): string {
  const { metric, value, goal = null } = figure;
  return JSON.stringify({ bench, metric, value, goal, ok: reaches(figure) ?? null, scale });
}

function toRow(figure: Figure): string {
  const { metric, value, unit, goal, better } = figure;
  const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
  const verdict = `goal ${better === 'lower' ? '≤' : '≥'} ${goal} ${reaches(figure) ? '✓' : '✗ missed'}`;
  return `  ${metric.padEnd(56)} ${shown.padStart(9)} ${unit.padEnd(5)} ${goal === undefined ? '' : verdict}`.trimEnd();
}
