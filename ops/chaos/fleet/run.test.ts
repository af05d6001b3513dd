import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeWith } from '../../run/needs.js';
import { kinds, lanes } from './plan.js';
import { run } from './run.js';

// The chaos run, shortened: each kind of fault at least once. `npm run chaos` is the long one. Where Kafka is, the programs
// of the stack are installed.

const SHORT = 75_000;

describeWith('KAFKA_BROKERS', 'a fleet of which everything is broken once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-chaos-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps every promise', async () => {
    const said: string[] = [];
    const say = (line: string): number => said.push(line);
    const report = await run({ folder, seed: 1, workers: 2, clients: 20, lasts: SHORT, say });
    console.log([...said, `${report.zombies} batches of zombies, ${report.commands} commands`].join('\n'));
    expect(report.findings).toEqual([]);
    const hits = new Set(report.done.filter(({ hit }) => hit).map(({ kind }) => kind));
    expect(hits).toEqual(new Set(lanes.flatMap((lane) => kinds[lane])));
    // Each person has at least started a conversation, and added those who share it.
    expect(report.commands).toBeGreaterThan(4 * 20);
    expect(report.updates).toBeGreaterThan(report.commands - report.rejected);
  }, 600_000);
});
