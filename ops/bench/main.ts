import { append } from './append.js';
import { type Bench, type Figure, reaches } from './figure.js';
import { start } from './start.js';

const benches: Readonly<Record<string, Bench>> = {
  append: { about: 'commands, sealed, decided and synced, against bare libsql commits of the same bytes', run: append },
  start: { about: 'first and second start to the first page and to ready, beside a bare Node server', run: start },
};

const words = process.argv.slice(2);
const json = words.includes('--json');
const wanted = words.find((word) => !word.startsWith('--'));
const chosen = Object.entries(benches).filter(([name]) => wanted === 'all' || wanted === name);

if (wanted === undefined) {
  console.log('npm run bench -- NAME [--json]   one of these, or all:\n');
  for (const [name, { about }] of Object.entries(benches)) console.log(`  ${name.padEnd(10)} ${about}`);
} else if (chosen.length === 0) {
  console.error(`There is no bench "${wanted}". There are ${Object.keys(benches).join(', ')}, and all.`);
  process.exitCode = 2;
}

for (const [name, { about, run }] of chosen) {
  if (!json) console.log(`\n${name}: ${about}\n`);
  for (const figure of await run()) console.log(json ? toJson(name, figure) : toRow(figure));
}

function toJson(bench: string, figure: Figure): string {
  const { metric, value, goal = null } = figure;
  return JSON.stringify({ bench, metric, value, goal, ok: reaches(figure) ?? null });
}

function toRow(figure: Figure): string {
  const { metric, value, unit, goal, better } = figure;
  const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
  const verdict = `goal ${better === 'lower' ? '≤' : '≥'} ${goal} ${reaches(figure) ? '✓' : '✗ missed'}`;
  return `  ${metric.padEnd(56)} ${shown.padStart(9)} ${unit.padEnd(5)} ${goal === undefined ? '' : verdict}`.trimEnd();
}
