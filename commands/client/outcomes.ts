import { type Uuid, bucketOf, partitionOf } from '../../domain/ids.js';
import { type Answer, type RecordedOutcome, Refused } from '../command.js';
import type { Cursor, Log } from '../log/log.js';
import { startOfLog, timeOf } from '../log/store.js';
import type { Known, Snapshots } from '../snapshots/snapshots.js';
import type { Wait } from '../wait.js';
import { within } from '../wait.js';
import { answerOf, forgetBefore, nameOf } from '../worker/memory.js';
import { reused } from '../worker/sort.js';

/** A command whose outcome is asked for. Where `hash` is given, another payload under its name is COMMAND_ID_REUSED. */
export type Asked = { readonly actor: string; readonly id: Uuid; readonly hash?: string };

export type OutcomeReaderOptions = {
  readonly log: Log;
  readonly snapshots: Pick<Snapshots, 'load'>;
  readonly wait: Wait;
  /** Told of what costs time and nothing else: a store or a log that does not answer. */
  readonly onTrouble?: (error: unknown) => void;
};

/** How long a look-up may take, in ms, and how many may be under way. */
const PATIENCE = 5_000;
const MOST_ASKING = 1_000;

/** Those who ask about one home while a look is under way there share the next one: a log is read once for all of them. */
type Look = { readonly names: Set<string>; readonly found: Promise<ReadonlyMap<string, Known>> };

/**
 * Tells what came of a command, from the workers' store and the log behind its checkpoint: for processes that own nothing.
 * Resolves as `Worker.outcome` does: undefined if it is not decided by the end of the log as it is when asked, or forgotten after 8
 * days. Rejects with `Refused` where that cannot be told in time, as while no worker has stored anything of a long log.
 */
export function outcomeReader({
  log,
  snapshots,
  wait,
  onTrouble,
}: OutcomeReaderOptions): (command: Asked) => Promise<Answer | undefined> {
  const next = new Map<number, Look>();
  const under = new Map<number, Promise<unknown>>();
  /** The last cursor of each home that was found in the log: most look-ups are from the same one. */
  const sure = new Map<number, string>();

  const isOurs = async (home: number, cursor: Cursor): Promise<boolean> => {
    const text = JSON.stringify(cursor);
    if (sure.get(home) === text) return true;
    if (!(await log.holds(home, cursor))) return false;
    sure.set(home, text);
    return true;
  };

  /** The names and the checkpoint are of one moment, so what is not in the store is behind it, or nowhere. */
  const read = async (home: number, names: ReadonlySet<string>): Promise<ReadonlyMap<string, Known>> => {
    const { checkpoint, outcomes } = await snapshots.load(home, { outcomes: [...names] });
    const stored = checkpoint?.log === log.id && (await isOurs(home, checkpoint.cursor)) ? checkpoint : undefined;
    const found = new Map(stored ? outcomes : []);
    if (found.size === names.size) return found;
    let at = stored?.at ?? '';
    const note = ({ actor, command, ...rest }: RecordedOutcome, offset: number): void => {
      const name = nameOf({ actor, id: command });
      if (names.has(name)) found.set(name, { hash: rest.hash, outcome: rest.outcome, at: rest.at, offset: offset + 1 });
    };
    for await (const { records } of log.read(home, stored?.cursor ?? startOfLog)) {
      for (const { offset, entry } of records) {
        const time = timeOf(entry) ?? '';
        if (time > at) at = time;
        if (entry.kind === 'event' || entry.kind === 'outcomes')
          for (const each of entry.outcomes ?? []) note(each, offset);
      }
    }
    const oldest = forgetBefore(at);
    return new Map([...found].filter(([, known]) => known.at >= oldest));
  };

  const look = (home: number): Look => {
    const names = new Set<string>();
    const before = under.get(home) ?? Promise.resolve();
    const found = before.then(() => {
      next.delete(home);
      return read(home, names);
    });
    under.set(
      home,
      found.catch(() => undefined),
    );
    return { names, found };
  };

  let asking = 0;
  const find = async (command: Asked): Promise<Answer | undefined> => {
    const home = partitionOf(bucketOf(command.id), log.partitions);
    const name = nameOf(command);
    const joined = next.get(home) ?? look(home);
    next.set(home, joined);
    joined.names.add(name);
    const known = (await joined.found).get(name);
    if (!known) return undefined;
    return command.hash === undefined || command.hash === known.hash ? answerOf(known, home) : reused(known, home);
  };

  return async (command) => {
    if (asking >= MOST_ASKING) throw new Refused('UNAVAILABLE', 'Too many ask at once. Ask again in a moment.');
    const late = (): Refused =>
      new Refused('UNAVAILABLE', 'The server is still reading its log. Ask again in a moment.');
    asking += 1;
    const finding = find(command)
      .catch((error: unknown) => {
        onTrouble?.(error);
        throw new Refused('UNAVAILABLE', 'What came of it cannot be looked up right now. Ask again in a moment.');
      })
      .finally(() => {
        asking -= 1;
      });
    return within(PATIENCE, finding, wait, late);
  };
}
