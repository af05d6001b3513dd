import { join } from 'node:path';
import type { Command } from '../../commands/command.js';
import { type Entry, CODE } from '../../commands/log/log.js';
import { PARTITIONS } from '../run/folder.js';
import { bareCommits, takingDown } from './bare.js';
import { type Figure, median, quantile, scaled } from './figure.js';
import { accepted, openLog, openWriteSide, startConversation, startedConversation, withFolder } from './writeside.js';

const ROUNDS = 5;

/** What is measured: `work` appends `each` things, and is done `count` times, `together` of them at once. */
type Case = {
  readonly name: string;
  readonly what: 'records' | 'commands';
  readonly each: number;
  readonly count: number;
  readonly together: number;
  /** Makes ready what the next `count` works are done with. */
  readonly prepare?: () => void;
  readonly work: (n: number) => Promise<unknown>;
  readonly goal?: number;
};

type Round = {
  readonly perSecond: number;
  readonly latencies: readonly number[];
  readonly ratio: number;
  /** In µs for each thing: of this process, and of the bare commits. */
  readonly cpu: number;
  readonly bareCpu: number;
};

/**
 * The log alone; one worker that is handed sealed commands, as in a fleet; and client and worker in one process, sealing
 * included. Each against bare commits of the very bytes that it wrote, in the same number of commits, in interleaved rounds
 * of one run: many at once, where commits are shared, and one at a time. CPU time is shown for both sides: that is what the
 * difference is made of.
 */
export const commands = (scale: number): Promise<readonly Figure[]> =>
  withFolder((folder) => measureAll(folder, scale));

async function measureAll(folder: string, scale: number): Promise<readonly Figure[]> {
  const file = (name: string): string => join(folder, name);
  const [alone, log] = [takingDown(openLog(file('alone.db'))), takingDown(openLog(file('log.db')))];
  const side = await openWriteSide(folder, log);
  const many = scaled(2_000, scale);
  const few = scaled(100, scale);

  let sealed: readonly Command[] = [];
  const prepare = (count: number) => () => {
    sealed = Array.from({ length: count }, (_, n) => startedConversation(n));
  };
  const hand = async (n: number): Promise<unknown> => {
    const command = sealed[n];
    return command && side.hand(command);
  };
  const send = async (n: number): Promise<unknown> => accepted(await side.client.send(startConversation(n)));
  const write = (records: number) => (n: number) => alone.append(n % PARTITIONS, outcomes(records));

  const log1 = { what: 'records', each: 1, count: few, together: 1 } as const;
  const all = { what: 'commands', each: 1, count: many, together: 400 } as const;
  const one = { what: 'commands', each: 1, count: few, together: 1 } as const;
  const cases: readonly Case[] = [
    { ...log1, name: 'log, batches of 100', each: 100, together: 8, work: write(100), goal: 0.6 },
    { ...log1, name: 'log, one at a time', work: write(1) },
    { ...all, name: 'worker, 400 at once', prepare: prepare(many), work: hand, goal: 0.6 },
    { ...one, name: 'worker, one at a time', prepare: prepare(few), work: hand },
    { ...all, name: 'client and worker, 400 at once', work: send, goal: 0.6 },
    { ...one, name: 'client and worker, one at a time', work: send },
  ];
  const round = async (subject: Case): Promise<Round> => {
    subject.prepare?.();
    for (const each of [alone, log]) each.taken();
    const { took, latencies, cpu } = await measure(subject);
    const commits = [alone, log].flatMap((each) => each.taken());
    const bare = bareCommits(file(`bare-${subject.what}.db`), commits);
    const things = subject.count * subject.each;
    return {
      perSecond: (things * 1_000) / took,
      latencies,
      ratio: bare.took / took,
      cpu: cpu / things,
      bareCpu: bare.cpu / things,
    };
  };

  const rounds = cases.map((): Round[] => []);
  for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
    for (const [at, subject] of cases.entries()) {
      const measured = await round(subject);
      // The first is a warm-up.
      if (n > 0) rounds[at]?.push(measured);
    }
  }
  await side.close();
  for (const each of [alone, log]) await each.close();
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

/** Does the work of a case and times every piece of it, in ms; `cpu` is in µs. */
async function measure({ count, together, work }: Case) {
  const latencies: number[] = [];
  const [begun, idle] = [performance.now(), process.cpuUsage()];
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < count) {
      const at = performance.now();
      await work(next++);
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: together }, line));
  const { user, system } = process.cpuUsage(idle);
  return { took: performance.now() - begun, latencies, cpu: user + system };
}

function figures({ name, what, goal }: Case, rounds: readonly Round[]): readonly Figure[] {
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const latencies = rounds.flatMap((each) => each.latencies);
  return [
    { metric: `${name}: ${what}`, value: of(({ perSecond }) => perSecond), unit: '/s' },
    { metric: `${name}: latency p50`, value: quantile(latencies, 0.5), unit: 'ms' },
    { metric: `${name}: latency p99`, value: quantile(latencies, 0.99), unit: 'ms' },
    { metric: `${name}: CPU time of each`, value: of(({ cpu }) => cpu), unit: 'µs' },
    { metric: `${name}: CPU time of each in bare commits`, value: of(({ bareCpu }) => bareCpu), unit: 'µs' },
    {
      metric: `${name}: rate, against bare commits`,
      value: of(({ ratio }) => ratio),
      unit: '×',
      ...(goal === undefined ? {} : { goal, better: 'higher' }),
    },
  ];
}
