import { simulate } from './simulate.js';
const seed = Number(process.argv[2] ?? 1),
  n = Number(process.argv[3] ?? 1);
const t = Date.now();
for (let s = seed; s < seed + n; s++) {
  const r = await simulate(s);
  if (n === 1) for (const l of r.trace) console.log(l);
  if (r.findings.length || n === 1) console.log(s, r.hash, r.findings.slice(0, 3), JSON.stringify(r.counts));
}
console.log((Date.now() - t) / n, 'ms/seed');
