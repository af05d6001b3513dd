import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'safe-stable-stringify';
import { openReader } from '../../../commands/kafka/fetch.js';
import { eventsTopic } from '../../../commands/kafka/topics.js';
import { placedIn } from '../../../commands/log/kafka-records.js';
import type { Log, Placed } from '../../../commands/log/log.js';
import { readLag } from '../../../projections/lag.js';
import { readParked } from '../../../projections/parked.js';
import { readGenerations } from '../../../projections/generations.js';
import type { Db } from '../../../projections/readmodel/db.js';
import { openPostgres } from '../../../projections/readmodel/postgres.js';
import { type Rows, foldOf, readHistory, replyEnds, rowsOf } from '../audit.js';
import { type Evidence, check, zombieBatches } from './checker.js';
import type { Client } from './client.js';
import { type Done, unleash } from './nemesis.js';
import { type People, gather } from './people.js';
import { PARTITIONS, type World, type WorldLog, openWorld, openWorldLog } from './world.js';

export type RunOptions = {
  readonly folder: string;
  readonly seed: number;
  /** For how long things are broken, in ms. */
  readonly lasts: number;
  readonly workers: number;
  readonly clients: number;
  readonly say: (line: string) => void;
};

export type Report = {
  readonly done: readonly Done[];
  readonly commands: number;
  readonly rejected: number;
  readonly records: number;
  /** Batches of deposed workers that were really written, and count for nothing. */
  readonly zombies: number;
  readonly updates: number;
  /** Everything that is wrong. */
  readonly findings: readonly string[];
};

/** What may pass until everybody has seen everything, after all is mended, in ms. */
const SETTLING = 180_000;

/** Starts a fleet, breaks it for a while as the seed says, lets it come to rest, and checks what it has left behind. */
export async function run(options: RunOptions): Promise<Report> {
  const { folder, seed, lasts, workers, clients, say } = options;
  const counts = { gateway: 2, commands: workers, projections: 2, assistant: 2 };
  const world = await openWorld({ folder, counts, people: clients, say });
  try {
    const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
    const people = await gather({ world, seed, random, wait: (ms) => sleep(ms) });
    say('all conversations are there; things begin to break');
    const done = await unleash({ world, seed, lasts, people, say });
    say('everything is mended');
    // Who still waits then says so in their notes.
    const decided = await Promise.race([people.end().then(() => true), sleep(SETTLING, false, { ref: false })]);
    say(decided ? 'every command is decided' : 'not every command is decided');
    return { done, ...(await audit(world, people, say)) };
  } finally {
    await world.close();
  }
}

async function audit(world: World, { clients }: People, say: RunOptions['say']): Promise<Omit<Report, 'done'>> {
  const { log, options, close } = await openWorldLog(world);
  const db = await openPostgres({ url: world.postgres.url, pool: 4 });
  try {
    const restless = await settled(log, db, clients);
    say('everything has come to rest');
    await Promise.all(clients.map((client) => client.leave()));
    await world.fleet.stop();
    say('the fleet has stopped');
    const files = await rawFiles(options);
    const commands = clients.flatMap((client) => client.commands);
    const watchers = clients.flatMap((client) => client.watching);
    const views = await rowsOf(db);
    const findings = [
      ...restless,
      ...check({ files, commands, watchers }),
      ...(await replyFaults(log)),
      ...(await parkedFaults(db)),
      ...viewFaults(views, await foldOf(log)),
    ];
    return {
      commands: commands.length,
      rejected: commands.filter(({ told }) => told?.status === 'rejected').length,
      records: files.reduce((sum, file) => sum + file.length, 0),
      zombies: zombieBatches(files),
      updates: watchers.reduce((sum, watcher) => sum + watcher.updates.length, 0),
      findings,
    };
  } finally {
    await db.close();
    await close();
  }
}

/** Every record of `events` as the brokers have it, void ones too. */
async function rawFiles(o: WorldLog['options']): Promise<Evidence['files']> {
  const reader = openReader(o.kafka, eventsTopic(o.prefix, o.partitions, o.replication).name);
  try {
    return await Promise.all(
      Array.from({ length: o.partitions }, async (_, partition): Promise<readonly Placed[]> => {
        const [file, end]: [Placed[], number] = [[], await reader.end(partition)];
        for (let at = 0; at < end;) {
          const page = await reader.page(partition, at);
          if (!page) break;
          file.push(...placedIn(partition, page.records));
          at = page.next;
        }
        return file;
      }),
    );
  } finally {
    reader.close();
  }
}

/** Waits until nothing is written, projected or shown any more. What does not come to rest is told. */
async function settled(log: Log, db: Db, clients: readonly Client[]): Promise<readonly string[]> {
  const end = performance.now() + SETTLING;
  let before: unknown;
  for (;;) {
    const now = await state(log, db, clients).catch(String);
    if (typeof now === 'object' && now.waits.length === 0 && isDeepStrictEqual(now, before)) return [];
    if (performance.now() > end) {
      return [
        `it has not come to rest in ${SETTLING / 1_000} s: ${typeof now === 'string' ? now : now.waits.join('; ')}`,
      ];
    }
    before = now;
    await sleep(2_000);
  }
}

async function state(log: Log, db: Db, clients: readonly Client[]) {
  const ends = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => log.end(partition)));
  const lags = (await Promise.all(['core', 'obligations'].map((view) => readLag(db, log, view)))).flat();
  const { rows } = await db.query<{ kind: string; open: number }>(
    'SELECT kind, count(*) AS open FROM obligations.owed GROUP BY kind',
  );
  const seen = clients.map(({ watching }) => watching.map(({ updates }) => updates.at(-1)?.to ?? 0));
  const waits = [
    ...lags
      .filter(({ behind }) => behind > 0)
      .map(({ view, home, behind }) => `${view} is ${behind} behind at ${home}`),
    ...rows.filter(({ kind }) => kind !== 'expiry').map(({ kind, open }) => `${open} are owed: ${kind}`),
  ];
  return { ends, seen, waits };
}

async function replyFaults(log: Log): Promise<readonly string[]> {
  const { events } = await readHistory(log);
  return [...replyEnds(events)].flatMap(([reply, times]) =>
    times === 1 ? [] : [`the reply ${reply} has ended ${times} times`],
  );
}

async function parkedFaults(db: Db): Promise<readonly string[]> {
  const all = await Promise.all(
    ['core', 'obligations'].map(async (view) => {
      const { live } = await readGenerations(db, view);
      const rows = live ? await readParked(db, live.schema) : [];
      return rows.map(({ stream, errorMessage }) => `${view} has parked ${stream}: ${errorMessage}`);
    }),
  );
  return all.flat();
}

/** In what the views differ from a fold of the log. */
function viewFaults(views: Rows, fold: Rows): readonly string[] {
  return Object.entries(fold).flatMap(([table, rows]) => {
    const [expected, got] = [rows, views[table] ?? []].map((some) => new Set(some.map((row) => stringify(row))));
    if (!expected || !got) return [];
    const missing = [...expected].filter((row) => !got.has(row));
    const odd = [...got].filter((row) => !expected.has(row));
    if (missing.length + odd.length === 0) return [];
    return [
      `${table} is not a fold of the log: ${missing.length} rows are missing and ${odd.length} are odd: ${missing[0] ?? ''} ${odd[0] ?? ''}`,
    ];
  });
}
