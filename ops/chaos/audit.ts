import { join } from 'node:path';
import type { Log, Placed } from '../../commands/log/log.js';
import type { RecordedOutcome } from '../../commands/command.js';
import { type Recorded, decode } from '../../domain/catalogue.js';
import { core } from '../../projections/readmodel/core/core.js';
import type { Db } from '../../projections/readmodel/db.js';
import { obligations } from '../../projections/readmodel/obligations/obligations.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { startRunner } from '../../projections/runner.js';

export { PARTITIONS } from '../run/folder.js';
export { openLogIn } from '../run/log.js';

export type History = { readonly events: readonly Recorded[]; readonly outcomes: readonly RecordedOutcome[] };

/** All valid records of a log. */
export async function readHistory(log: Log): Promise<History> {
  const events: Recorded[] = [];
  const outcomes: RecordedOutcome[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const { records } of log.read(partition)) {
      for (const { entry } of records) {
        if (entry.kind === 'event') events.push(decode(entry.event));
        if ('outcomes' in entry) outcomes.push(...(entry.outcomes ?? []));
      }
    }
  }
  return { events, outcomes };
}

/** How often each value of a field occurs. */
export function tally<T>(items: readonly T[], key: (item: T) => string | undefined): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const value = key(item);
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

const ends: ReadonlySet<string> = new Set(['ReplyCompleted', 'ReplyFailed', 'ReplyStopped']);

/** Every reply that was asked for, with how often it ended. */
export function replyEnds(events: readonly Recorded[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { type, data } of events) {
    if (!('reply' in data)) continue;
    if (type === 'ReplyRequested') counts.set(data.reply, 0);
    else if (ends.has(type)) counts.set(data.reply, (counts.get(data.reply) ?? 0) + 1);
  }
  return counts;
}

/** The replies that end in some records. */
export function endsIn(records: readonly Placed[]): readonly string[] {
  const events = records.flatMap(({ entry }) => (entry.kind === 'event' ? [decode(entry.event)] : []));
  return [...replyEnds(events)].flatMap(([reply, times]) => (times > 0 ? [reply] : []));
}

export type Rows = Readonly<Record<string, readonly object[]>>;

/** The rows of every view, in order of their keys. */
export async function rowsOf(db: Db): Promise<Rows> {
  const views = [core, obligations].flatMap(({ name, tables }) =>
    tables.map((table) => ({ name: `${name}.${table.name}`, keys: ['home', ...table.key].join(', ') })),
  );
  const rows: Record<string, readonly object[]> = {};
  for (const { name, keys } of views) {
    rows[name] = (await db.query<object>(`SELECT * FROM ${name} ORDER BY ${keys}`)).rows;
  }
  return rows;
}

/** The rows that a fold of the log from its first record gives. */
export async function foldOf(log: Log): Promise<Rows> {
  const db = await openPglite();
  let failure: unknown;
  const onFailure = (error: unknown): void => {
    failure = error;
  };
  const runners = [
    startRunner({ log, db, projection: core, onFailure }),
    startRunner({ log, db, projection: obligations, onFailure }),
  ];
  await Promise.all(runners.map(({ caughtUp }) => caughtUp));
  const fold = await rowsOf(db);
  await Promise.all(runners.map((runner) => runner.stop()));
  await db.close();
  if (failure !== undefined) throw failure;
  return fold;
}

/** The views as the server left them in its data folder, and a fold of the log. */
export async function viewsAndFold(data: string, log: Log): Promise<{ views: Rows; fold: Rows }> {
  const left = await openPglite(join(data, 'readmodels'));
  const views = await rowsOf(left);
  await left.close();
  return { views, fold: await foldOf(log) };
}
