import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Entry, CODE } from '../../commands/log/log.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { randomUuid } from '../../domain/ids.js';
import { bareCommits, takingDown } from './bare.js';
import { type Figure, median, quantile } from './figure.js';
import { openWriteSide, random, startConversation } from './writeside.js';

const ROUNDS = 5;
const PARTITIONS = 4;

/** What is measured: `work` appends `each` things, and is done `count` times, `together` of them at once. */
type Case = {
  readonly name: string;
  readonly what: 'records' | 'commands';
  readonly each: number;
  readonly count: number;
  readonly together: number;
  readonly work: (n: number) => Promise<unknown>;
  readonly goal?: number;
};

type Round = { readonly perSecond: number; readonly latencies: readonly number[]; readonly ratio: number };

/**
 * The log alone, and commands through client, owner and log, both against bare commits of the same bytes, in interleaved
 * rounds of one run: many at once, where commits are shared, and one at a time.
 */
export async function append(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-bench-'));
  const file = (name: string): string => join(folder, name);
  const open = (name: string) =>
    takingDown(openSqliteLog({ file: file(name), partitions: PARTITIONS, newId: () => randomUuid(random(16)) }));
  const [alone, log] = [open('alone.db'), open('log.db')];
  const side = await openWriteSide(folder, log);
  const send = async (n: number): Promise<void> => {
    const { status } = await side.client.send(startConversation(n));
    if (status !== 'accepted') throw new Error(`a command was answered ${status}`);
  };
  const write = (records: number) => (n: number) => alone.append(n % PARTITIONS, outcomes(records));

  const cases: readonly Case[] = [
    { name: 'log, batches of 100', what: 'records', each: 100, count: 80, together: 8, work: write(100), goal: 0.6 },
    { name: 'log, one at a time', what: 'records', each: 1, count: 200, together: 1, work: write(1) },
    { name: 'commands, 200 at once', what: 'commands', each: 1, count: 600, together: 200, work: send, goal: 0.6 },
    { name: 'commands, one at a time', what: 'commands', each: 1, count: 150, together: 1, work: send },
  ];
  const round = async (subject: Case): Promise<Round> => {
    for (const each of [alone, log]) each.taken();
    const { took, latencies } = await measure(subject);
    const commits = [alone, log].flatMap((each) => each.taken());
    const bare = bareCommits(file(`bare-${subject.what}.db`), commits);
    return { perSecond: (subject.count * subject.each * 1_000) / took, latencies, ratio: bare / took };
  };

  const rounds = cases.map((): Round[] => []);
  for (let n = 0; n <= ROUNDS; n++) {
    for (const [at, subject] of cases.entries()) {
      const measured = await round(subject);
      // The first is a warm-up.
      if (n > 0) rounds[at]?.push(measured);
    }
  }
  await side.close();
  for (const each of [alone, log]) await each.close();
  rmSync(folder, { recursive: true, force: true });
  return cases.flatMap((subject, at) => figures(subject, rounds[at] ?? []));
}

/** A batch of records of about 600 bytes. Nobody owns the partition; what a fence makes of them costs the same. */
function outcomes(count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    kind: 'outcomes',
    header: { owner: 'bench', term: 1, batch: 0, index, count, code: CODE },
    outcomes: [
      {
        actor: 'bench',
        command: 'bench',
        hash: 'x'.repeat(400),
        at: '2026-01-01T00:00:00.000Z',
        outcome: { status: 'rejected', code: 'INVALID', message: 'A record for a bench.' },
      },
    ],
  }));
}

/** Does the work of a case and times every piece of it, in ms. */
async function measure({ count, together, work }: Case): Promise<{ took: number; latencies: readonly number[] }> {
  const latencies: number[] = [];
  const begun = performance.now();
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const at = performance.now();
      await work(next++);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: together }, line));
  return { took: performance.now() - begun, latencies };
}

function figures({ name, what, goal }: Case, rounds: readonly Round[]): readonly Figure[] {
  const latencies = rounds.flatMap((each) => each.latencies);
  const ratio = median(rounds.map((each) => each.ratio));
  return [
    { metric: `${name}: ${what}`, value: median(rounds.map(({ perSecond }) => perSecond)), unit: '/s' },
    { metric: `${name}: latency p50`, value: quantile(latencies, 0.5), unit: 'ms' },
    { metric: `${name}: latency p99`, value: quantile(latencies, 0.99), unit: 'ms' },
    {
      metric: `${name}: rate, against bare commits`,
      value: ratio,
      unit: '×',
      ...(goal === undefined ? {} : { goal, better: 'higher' }),
    },
  ];
}
