import { append } from './append.js';
import type { Bench, Figure } from './bench.js';
import { start } from './start.js';

const benches: readonly Bench[] = [append, start];

const words = process.argv.slice(2);
const json = words.includes('--json');
const wanted = words.find((word) => !word.startsWith('--'));
const chosen = benches.filter(({ name }) => wanted === 'all' || wanted === name);

if (wanted === undefined) {
  console.log('npm run bench -- NAME [--json]   one of these, or all:\n');
  for (const { name, about } of benches) console.log(`  ${name.padEnd(10)} ${about}`);
} else if (chosen.length === 0) {
  console.error(`There is no bench "${wanted}". There are ${benches.map(({ name }) => name).join(', ')}, and all.`);
  process.exitCode = 2;
}

for (const bench of chosen) {
  if (!json) console.log(`\n${bench.name}: ${bench.about}\n`);
  await bench.run((figure) => console.log(json ? toJson(bench.name, figure) : toRow(figure)));
}

function toJson(bench: string, { metric, value, goal, ok }: Figure): string {
  return JSON.stringify({ bench, metric, value, goal: goal ?? null, ok: ok ?? null });
}

function toRow({ metric, value, unit, goal, ok }: Figure): string {
  const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
  const verdict = goal === undefined ? '' : `goal ${goal} ${ok ? '✓' : '✗ missed'}`;
  return `  ${metric.padEnd(52)} ${shown.padStart(9)} ${unit.padEnd(5)} ${verdict}`.trimEnd();
}
