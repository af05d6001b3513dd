import type { RecordedOutcome } from '../../../commands/command.js';
import type { Placed } from '../../../commands/log/log.js';
import { passAll, startOfLog } from '../../../commands/log/store.js';
import { nameOf } from '../../../commands/worker/memory.js';
import type { Envelope } from '../../../domain/event.js';
import type { Uuid } from '../../../domain/ids.js';
import { tally } from '../audit.js';
import { streamFaults } from '../streams.js';

/** What came of a command, as its sender was told: `offset` is from where on every view shows it. */
export type Told =
  | { readonly status: 'accepted'; readonly partition: number; readonly offset: number }
  | { readonly status: 'rejected'; readonly code: string };

/** A command as its sender remembers it. Those of one client were sent one after the other, in this order. */
export type CommandNote = {
  readonly client: string;
  readonly actor: Uuid;
  readonly command: Uuid;
  /** Undefined where nobody ever learnt it. */
  readonly told: Told | undefined;
};

/** Everything that one subscriber of a conversation got, in the order in which it came, through all its sockets. */
export type WatchNote = {
  readonly watcher: string;
  readonly conversation: Uuid;
  /** The version from which they began. */
  readonly asOf: number;
  readonly updates: readonly Update[];
};

export type Update = {
  readonly from: number;
  readonly to: number;
  readonly messages: readonly { readonly id: Uuid; readonly seq: number; readonly version: number }[];
};

/** What a run has left behind: every record of `events` as the brokers have it, void ones too, and people's notes. */
export type Evidence = {
  readonly files: readonly (readonly Placed[])[];
  readonly commands: readonly CommandNote[];
  readonly watchers: readonly WatchNote[];
};

type Found = { readonly recorded: RecordedOutcome; readonly partition: number; readonly offset: number };

const eventsOf = (records: readonly Placed[]): readonly Envelope[] =>
  records.flatMap(({ entry }) => (entry.kind === 'event' ? [entry.event] : []));

const outcomesOf = (records: readonly Placed[], partition: number): readonly Found[] =>
  records.flatMap(({ offset, entry }) =>
    'outcomes' in entry ? (entry.outcomes ?? []).map((recorded) => ({ recorded, partition, offset: offset + 1 })) : [],
  );

/** Everything that is wrong with what a run has left behind; nothing, if every promise was kept. */
export function check({ files, commands, watchers }: Evidence): readonly string[] {
  const valid = files.map((file) => passAll(startOfLog, file).records);
  const events = valid.flatMap(eventsOf);
  return [
    ...valid.flatMap((records) => streamFaults(eventsOf(records))),
    ...outcomeFaults(valid.flatMap(outcomesOf), events),
    ...toldFaults(commands, valid.flatMap(outcomesOf)),
    ...orderFaults(commands, valid.flatMap(outcomesOf)),
    ...watchers.flatMap((watcher) => watchFaults(watcher, events)),
  ];
}

/** Batches of deposed owners that are really in the log, and count for nothing: each told by its owner and number. */
export function zombieBatches(files: Evidence['files']): number {
  const batches = new Set<string>();
  for (const file of files) {
    const valid = new Set(passAll(startOfLog, file).records.map(({ offset }) => offset));
    for (const { offset, entry } of file) {
      const { owner, term, batch } = entry.header;
      if (!valid.has(offset) && entry.kind !== 'takeover' && entry.kind !== 'log')
        batches.add(`${owner} ${term} ${batch}`);
    }
  }
  return batches.size;
}

/** Every command has one outcome, and exactly the events that it promises. */
function outcomeFaults(found: readonly Found[], events: readonly Envelope[]): readonly string[] {
  const faults: string[] = [];
  const outcomes = new Map<string, Found>();
  for (const each of found) {
    const name = nameOf({ actor: each.recorded.actor, id: each.recorded.command });
    if (outcomes.has(name)) faults.push(`it has two outcomes: ${name}`);
    outcomes.set(name, each);
  }
  const written = tally(events, ({ actor, cause }) => nameOf({ actor, id: cause }));
  for (const [name, { recorded }] of outcomes) {
    const { outcome } = recorded;
    const [is, should] = [written.get(name) ?? 0, outcome.status === 'accepted' ? outcome.events : 0];
    if (is !== should) faults.push(`it has ${is} events and an outcome of ${should}: ${name}`);
  }
  for (const name of written.keys()) if (!outcomes.has(name)) faults.push(`it has events and no outcome: ${name}`);
  return faults;
}

/** What somebody was told is what the log says, and where it says so. */
function toldFaults(commands: readonly CommandNote[], found: readonly Found[]): readonly string[] {
  const outcomes = new Map(
    found.map((each) => [nameOf({ actor: each.recorded.actor, id: each.recorded.command }), each]),
  );
  return commands.flatMap(({ client, actor, command, told }) => {
    const name = nameOf({ actor, id: command });
    if (!told) return [`${client} never learnt what came of it: ${name}`];
    const there = outcomes.get(name);
    if (!there) return [`${client} was told ${JSON.stringify(told)}, and it is not in the log: ${name}`];
    const { outcome } = there.recorded;
    if (told.status === 'rejected') {
      if (outcome.status === 'rejected' && outcome.code === told.code) return [];
    } else if (outcome.status === 'accepted' && told.partition === there.partition && told.offset === there.offset) {
      return [];
    }
    const said = JSON.stringify({ ...outcome, partition: there.partition, offset: there.offset });
    return [`${client} was told ${JSON.stringify(told)}, and the log says ${said}: ${name}`];
  });
}

/** Who waited for each answer before they sent the next finds their commands to a stream in that order. */
function orderFaults(commands: readonly CommandNote[], found: readonly Found[]): readonly string[] {
  const outcomes = new Map(found.map(({ recorded }) => [`${recorded.actor} ${recorded.command}`, recorded.outcome]));
  const last = new Map<string, number>();
  return commands.flatMap(({ client, actor, command }) => {
    const outcome = outcomes.get(nameOf({ actor, id: command }));
    if (outcome?.status !== 'accepted' || outcome.events === 0) return [];
    const key = `${client} ${outcome.stream}`;
    const before = last.get(key) ?? 0;
    last.set(key, outcome.version);
    const what = `${client} sent what became version ${outcome.version} of ${outcome.stream} after version ${before}`;
    return outcome.version > before ? [] : [what];
  });
}

/** A subscriber got every message of the conversation once and in order, up to its end, in updates without a gap. */
function watchFaults(
  { watcher, conversation, asOf, updates }: WatchNote,
  events: readonly Envelope[],
): readonly string[] {
  const faults: string[] = [];
  const [seen, order] = [new Set<string>(), new Set<Uuid>()];
  let at = asOf;
  for (const { from, to, messages } of updates) {
    if (from !== at) faults.push(`got what comes after ${from} when they were at ${at}`);
    at = to;
    for (const { id, version } of messages.toSorted((a, b) => a.seq - b.seq)) {
      const what = `message ${id} of version ${version}`;
      if (seen.has(`${id} ${version}`)) faults.push(`got ${what} twice`);
      seen.add(`${id} ${version}`);
      order.add(id);
    }
  }
  const own = events.filter(({ stream }) => stream === `conversation-${conversation}`);
  const end = own.at(-1)?.version ?? 0;
  if (at !== end) faults.push(`is at version ${at} of ${end}`);
  const expected = own.filter(({ version }) => version > asOf).flatMap(messageIn);
  const got = [...order].filter((id) => expected.includes(id));
  const odd = expected.findIndex((id, n) => got[n] !== id);
  if (odd >= 0)
    faults.push(`got message ${got[odd] ?? 'none'} where ${expected[odd] ?? 'none'} comes, as number ${odd + 1}`);
  return faults.map((fault) => `${watcher} of ${conversation} ${fault}`);
}

/** The id of the message that an event brings. */
function messageIn({ type, data }: Envelope): readonly Uuid[] {
  if (type === 'MessagePosted' && 'message' in data && typeof data.message === 'string') return [data.message];
  if (type === 'ReplyRequested' && 'reply' in data && typeof data.reply === 'string') return [data.reply];
  return [];
}
