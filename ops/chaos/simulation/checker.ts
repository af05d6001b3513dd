import { isDeepStrictEqual } from 'node:util';
import { type Aggregate, STATE, blankAggregate, decode } from '../../../domain/catalogue.js';
import { ASSISTANT, SYSTEM } from '../../../domain/decider.js';
import { type Envelope, hashOf } from '../../../domain/event.js';
import type { RecordedOutcome } from '../../../commands/command.js';
import type { Placed } from '../../../commands/log/log.js';
import { timeOf } from '../../../commands/log/store.js';
import type { Checkpoint, Known, Snapshot } from '../../../commands/snapshots/snapshots.js';
import { forgetBefore, nameOf } from '../../../commands/worker/memory.js';
import { streamFaults } from '../streams.js';
import type { Told } from './channel.js';
import type { History } from './history.js';
import { validOf } from './log.js';

type Found = { readonly recorded: RecordedOutcome; readonly partition: number; readonly offset: number };

const outcomesOf = (records: readonly Placed[], partition: number): readonly Found[] =>
  records.flatMap(({ offset, entry }) =>
    'outcomes' in entry ? (entry.outcomes ?? []).map((recorded) => ({ recorded, partition, offset: offset + 1 })) : [],
  );

const eventsOf = (records: readonly Placed[]): readonly Envelope[] =>
  records.flatMap(({ entry }) => (entry.kind === 'event' ? [entry.event] : []));

/** Everything that is wrong with what a world has left behind; nothing, if it kept every promise. */
export function check(history: History): readonly string[] {
  const partitions = history.files.map(validOf);
  const events = partitions.flatMap(eventsOf);
  const found = partitions.flatMap(outcomesOf);
  return [
    ...history.broken.map((what) => `a worker broke: ${what}`),
    ...history.unfinished.map((what) => `it never ends: ${what}`),
    ...commandFaults(history, found, events),
    ...partitions.flatMap((records, home) => {
      const faults = streamFaults(eventsOf(records));
      // What is no history has no fold.
      return faults.length > 0 ? faults : storeFaults(history, records, home);
    }),
    ...partitions.flatMap(timeFaults),
    ...replyFaults(events),
  ];
}

/** Things by what they have in common, each group in order. */
export function grouped<T>(things: readonly T[], by: (thing: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const thing of things) {
    const group = groups.get(by(thing));
    if (group) group.push(thing);
    else groups.set(by(thing), [thing]);
  }
  return groups;
}

/** Each command has one outcome, with exactly its events; and everybody was told so. */
function commandFaults(history: History, found: readonly Found[], events: readonly Envelope[]): readonly string[] {
  const faults: string[] = [];
  const outcomes = new Map<string, Found>();
  for (const each of found) {
    const name = nameOf({ actor: each.recorded.actor, id: each.recorded.command });
    if (outcomes.has(name)) faults.push(`it has two outcomes: ${name}`);
    else outcomes.set(name, each);
    const { actor } = each.recorded;
    if (!history.wanted.has(name) && actor !== ASSISTANT && actor !== SYSTEM) faults.push(`nobody wanted it: ${name}`);
  }
  const written = grouped(events, ({ actor, cause }) => nameOf({ actor, id: cause }));
  for (const [name, { recorded }] of outcomes) {
    const own = written.get(name) ?? [];
    const { outcome } = recorded;
    const promised = outcome.status === 'accepted' ? outcome.events : 0;
    if (own.length !== promised) faults.push(`it has ${own.length} events and an outcome of ${promised}: ${name}`);
    const last = own.at(-1);
    if (last && outcome.status === 'accepted' && (last.version !== outcome.version || last.stream !== outcome.stream)) {
      faults.push(
        `its last event is ${last.stream} ${last.version}, not ${outcome.stream} ${outcome.version}: ${name}`,
      );
    }
  }
  for (const name of written.keys()) if (!outcomes.has(name)) faults.push(`it has events and no outcome: ${name}`);
  for (const told of history.told) faults.push(...answerFaults(told, outcomes, 'was told'));
  for (const told of history.known) faults.push(...answerFaults(told, outcomes, 'knows'));
  for (const name of history.unheard) if (!outcomes.has(name)) faults.push(`it was in the topic and is lost: ${name}`);
  for (const name of history.refused) if (outcomes.has(name)) faults.push(`it was refused and decided: ${name}`);
  return faults;
}

/** An answer is the outcome in the log and its place; or that the id was used for something else. */
function answerFaults({ name, hash, answer }: Told, outcomes: ReadonlyMap<string, Found>, who: string): string[] {
  const found = outcomes.get(name);
  if (!found) return [`its sender ${who} ${answer.status} and it is not in the log: ${name}`];
  const { recorded, partition, offset } = found;
  const position = { partition, offset };
  if (recorded.hash === hash) {
    if (isDeepStrictEqual(answer, { ...recorded.outcome, position })) return [];
  } else if (answer.status === 'rejected' && answer.code === 'COMMAND_ID_REUSED') {
    if (isDeepStrictEqual(answer.position, position)) return [];
  }
  const outcome = JSON.stringify({ ...recorded.outcome, position });
  return [`its sender ${who} ${JSON.stringify(answer)} and the log says ${outcome}: ${name}`];
}

function timeFaults(records: readonly Placed[]): readonly string[] {
  let latest = '';
  return records.flatMap(({ offset, entry }) => {
    // A takeover counts by its term: a slow one may land behind what was written after it was sent.
    const at = entry.kind === 'takeover' ? latest : (timeOf(entry) ?? latest);
    if (at < latest) return [`time runs backwards at record ${offset}: ${at} after ${latest}`];
    latest = at;
    return [];
  });
}

/** Each attempt of a reply is claimed once, in order, and each reply ends once. */
function replyFaults(events: readonly Envelope[]): readonly string[] {
  const replies = new Map<string, { attempts: number; ends: number }>();
  const faults: string[] = [];
  for (const stored of events) {
    const event = decode(stored);
    if (event.type === 'ReplyRequested') replies.set(event.data.reply, { attempts: 0, ends: 0 });
    const reply = 'reply' in event.data ? replies.get(event.data.reply) : undefined;
    if (!reply || !('attempt' in event.data)) continue;
    if (event.type === 'ReplyStarted') {
      if (event.data.attempt !== ++reply.attempts) {
        faults.push(`attempt ${event.data.attempt} of ${event.data.reply} is claimed as its ${reply.attempts}.`);
      }
    } else reply.ends++;
  }
  for (const [id, { ends }] of replies) if (ends !== 1) faults.push(`reply ${id} has ended ${ends} times`);
  return faults;
}

/** What the store holds is a fold of the log up to its checkpoint: every stream, every chunk, every outcome. */
function storeFaults({ shelf }: History, records: readonly Placed[], home: number): readonly string[] {
  const stored = shelf.get(`${STATE}/${home}`);
  const checkpoint: Checkpoint | undefined = stored && JSON.parse(stored.checkpoint);
  const end = checkpoint?.cursor.offset ?? 0;
  const faults: string[] = [];
  const lacking = records.find(({ offset, entry }) => offset >= end && (entry.kind === 'event' || 'outcomes' in entry));
  if (lacking) faults.push(`the store of home ${home} lacks what came from record ${lacking.offset} on`);
  if (!stored || !checkpoint) return faults;

  const before = records.filter(({ offset }) => offset < end);
  const covered = Math.max(-1, ...before.map(({ entry }) => entry.covered ?? -1));
  if (checkpoint.covered !== covered)
    faults.push(`the store of home ${home} is wrong about which commands are covered`);
  const expect = (what: string, is: string | undefined, should: unknown): void => {
    const same = is !== undefined && isDeepStrictEqual(JSON.parse(is), JSON.parse(JSON.stringify(should)));
    if (!same) faults.push(`the store of home ${home} is wrong about ${what}`);
  };
  const folded = new Map<string, { readonly aggregate: Aggregate; readonly last: Envelope }>();
  for (const event of eventsOf(before)) {
    const aggregate = folded.get(event.stream)?.aggregate ?? blankAggregate(event.stream);
    folded.set(event.stream, { aggregate: aggregate.evolve(decode(event)), last: event });
  }
  for (const [stream, { aggregate, last }] of folded) {
    const snapshot: Snapshot = { version: last.version, hash: hashOf(last), bare: aggregate.bare() };
    expect(stream, stored.streams.get(stream), snapshot);
    for (const [number, chunk] of aggregate.chunks()) {
      expect(`chunk ${number} of ${stream}`, stored.chunks.get(`${stream}/${number}`), chunk);
    }
  }
  for (const [stream, row] of stored.streams) {
    if (!folded.has(stream)) faults.push(`the store of home ${home} has made up ${stream}: ${row}`);
  }
  for (const { recorded, offset } of outcomesOf(before, home)) {
    const { actor, command, hash, outcome, at } = recorded;
    const known: Known = { hash, outcome, offset, at };
    const name = nameOf({ actor, id: command });
    if (at >= forgetBefore(checkpoint.at)) expect(`what came of ${name}`, stored.outcomes.get(name), known);
  }
  return faults;
}
