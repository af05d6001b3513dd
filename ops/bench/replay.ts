import { join } from 'node:path';
import Database from 'libsql';
import type { Log } from '../../commands/log/log.js';
import { decode } from '../../domain/catalogue.js';
import { PARTITIONS } from '../run/folder.js';
import { type Figure, median, scaled } from './figure.js';
import { openLog, openWriteSide, startedConversation, withFolder } from './writeside.js';

const ROUNDS = 7;
const CONVERSATIONS = 20_000;
const PAGE = 1_000;
/** As the fold of an owner asks for them; and so many records come over as one value, here as in the log. */
const CHUNK = 100;

/**
 * How fast the log is read, from the first record to the last, in chunks of 100 as the fold of an owner asks for them:
 * through the port, which checks sums, offsets, the code's version and the fence, and decoded into the events of the domain.
 * Beside it the fastest way that we know to the same values: the same rows of the same file, put together by SQLite into one
 * array for each hundred and parsed at once, with nothing checked. In interleaved rounds.
 */
export const replay = (scale: number): Promise<readonly Figure[]> =>
  withFolder(async (folder) => {
    const file = join(folder, 'log.db');
    const log = openLog(file);
    await fill(folder, log, scaled(CONVERSATIONS, scale));
    const bare = new Database(file);
    const [ours, theirs]: [number[], number[]] = [[], []];
    let records = 0;
    for (let n = 0; n <= scaled(ROUNDS, scale); n++) {
      const [bareTook, scanned] = await timed(async () => scanAll(bare));
      const [took, events] = await timed(() => readAll(log));
      if (events === 0 || events > scanned) throw new Error(`${events} events in ${scanned} records`);
      records = scanned;
      // The first is a warm-up.
      if (n === 0) continue;
      ours.push(took);
      theirs.push(bareTook);
    }
    bare.close();
    await log.close();
    const ratio = median(theirs.map((each, at) => each / (ours[at] ?? NaN)));
    return [
      { metric: 'records', value: records, unit: '' },
      { metric: 'read through the fence and decoded', value: (records * 1_000) / median(ours), unit: '/s' },
      { metric: 'scanned and parsed', value: (records * 1_000) / median(theirs), unit: '/s' },
      { metric: 'rate, against the bare scan', value: ratio, unit: '×', goal: 0.8, better: 'higher' },
    ];
  });

async function fill(folder: string, log: Log, conversations: number): Promise<void> {
  const side = await openWriteSide(folder, log);
  for (let begun = 0; begun < conversations; begun += PAGE) {
    const count = Math.min(PAGE, conversations - begun);
    await Promise.all(Array.from({ length: count }, (_, n) => side.hand(startedConversation(begun + n))));
  }
  await side.close();
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [number, T]> {
  const begun = performance.now();
  const result = await work();
  return [performance.now() - begun, result];
}

async function readAll(log: Log): Promise<number> {
  let events = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for await (const { records } of log.read(partition, undefined, { limit: CHUNK })) {
      for (const { entry } of records) if (entry.kind === 'event' && decode(entry.event).version > 0) events += 1;
    }
  }
  return events;
}

function scanAll(db: Database.Database): number {
  let records = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const page = db.prepare(
      `SELECT '[' || group_concat(entry) || ']' AS entries FROM (
         SELECT entry FROM records_${partition} WHERE "offset" >= ? ORDER BY "offset" LIMIT ${CHUNK})`,
    );
    for (let from = 0; ; from += CHUNK) {
      const row: unknown = page.get(from);
      const entries: readonly unknown[] = isRow(row) ? JSON.parse(row.entries) : [];
      for (const entry of entries) if (entry !== null) records += 1;
      if (entries.length < CHUNK) break;
    }
  }
  return records;
}

const isRow = (row: unknown): row is { readonly entries: string } =>
  typeof row === 'object' && row !== null && 'entries' in row && typeof row.entries === 'string';
