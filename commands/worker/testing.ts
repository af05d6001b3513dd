import { randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type DomainCommand, STATE } from '../../domain/catalogue.js';
import { contentOf, personKey } from '../../domain/content.js';
import { type Envelope, sha256 } from '../../domain/event.js';
import { type Stream, type Uuid, bucketOf, membershipId, streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import { type Answer, type Command, type Incoming, type RecordedOutcome, Refused } from '../command.js';
import type { Entry, Log } from '../log/log.js';
import { memoryLog } from '../log/memory.js';
import { memorySnapshots } from '../snapshots/memory.js';
import type { Wait } from '../wait.js';
import { type Owner, type OwnerOptions, createOwner } from './owner.js';

export const PARTITIONS = 4;

/** A person whose home is partition 1, and what they command. */
export const ada = clientId(1, 0x500);
export const HOME = 1;

export const T0 = Date.parse('2026-08-24T09:00:00Z');

/** A clock that stands until it is moved. */
export type Clock = { now: number };

export const openLog = (): Log => memoryLog({ partitions: PARTITIONS, id: clientId(0) });

export const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));

/** Waits for a turn where a moment is asked for, and for the signal where it is a long time. */
export const waitTurns: Wait = async (ms, signal) => {
  if (ms < 5_000) await turn();
  else if (!signal?.aborted) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
};

let commands = 0;

/** The id of another command to something that has an id. */
export const nextId = (of: Uuid = ada): Uuid => clientId(1_000_000 + commands++, bucketOf(of));

type Named = { readonly id?: Uuid; readonly actor?: string; readonly stream: Stream } & Partial<
  Pick<Command, 'deadline' | 'expected' | 'correlation' | 'trace'>
>;

/** A command as a client would send it. */
export function commandOf(what: DomainCommand, { actor = ada, stream, id = nextId(stream), ...more }: Named): Command {
  return {
    ...what,
    id,
    actor,
    stream,
    hash: sha256({ what, stream }),
    deadline: new Date(T0 + 10_000).toISOString(),
    correlation: id,
    ...more,
  };
}

/** Marks a conversation as read: one event if `seq` is news, none if not, so that order and doublets show. */
export function markRead(conversation: number, seq: number, more: Partial<Named> = {}): Command {
  const to = clientId(10_000 + conversation, 0x500);
  const { actor = ada } = more;
  const stream = streamOf('membership', membershipId(to, actor));
  return commandOf({ type: 'MarkRead', data: { conversation: to, seq } }, { stream, ...more });
}

export const conversation = clientId(50, 0x500);

/** Starts that conversation: three events. */
export function start(more: Partial<Named> = {}): Command {
  const [message, reply] = [clientId(51, 0x500), clientId(52, 0x500)];
  const title = sealedText(personKey(ada), contentOf.title(conversation));
  const parts = [{ type: 'text' as const, text: sealedText(personKey(ada), contentOf.part(message, 0)), chars: 5 }];
  const data = { message, reply, parts, title, chars: 5, expires: null };
  return commandOf({ type: 'StartConversation', data }, { stream: streamOf('conversation', conversation), ...more });
}

/** Hands commands to an owner; the answers to them, or why they were refused, or nothing at all. */
export async function ask(
  owner: Owner,
  ...asked: readonly Command[]
): Promise<readonly (Answer | Refused | undefined)[]> {
  const answers: (Answer | Refused | undefined)[] = asked.map(() => undefined);
  const incoming = asked.map((command, at): Incoming => {
    const settle = (answer: Answer | Refused): void => {
      answers[at] ??= answer;
    };
    return { command, answer: settle, refuse: settle };
  });
  await owner.process(incoming);
  return answers;
}

/** An owner of Ada's home, with a clock of its own unless one is given. */
export const ownerOf = (log: Log, options: Partial<OwnerOptions> & { readonly clock?: Clock } = {}): Owner => {
  const { clock = { now: T0 }, ...more } = options;
  return createOwner({
    log,
    snapshots: memorySnapshots(STATE),
    partition: HOME,
    now: () => clock.now,
    random,
    wait: waitTurns,
    ...more,
  });
};

/** The valid records of a partition. */
export async function entries(log: Log, partition = HOME): Promise<readonly Entry[]> {
  const found: Entry[] = [];
  for await (const { records } of log.read(partition)) found.push(...records.map(({ entry }) => entry));
  return found;
}

export type History = { readonly events: readonly Envelope[]; readonly outcomes: readonly RecordedOutcome[] };

/** What the valid records of a partition tell. */
export async function history(log: Log, partition = HOME): Promise<History> {
  const found = await entries(log, partition);
  return {
    events: found.flatMap((entry) => (entry.kind === 'event' ? [entry.event] : [])),
    outcomes: found.flatMap((entry) => ('outcomes' in entry ? (entry.outcomes ?? []) : [])),
  };
}

/** How one append goes wrong, or right. `write` is the honest append. */
export type Fault = (write: () => Promise<number>) => Promise<number>;

export class Lost extends Error {}

/** Never written. */
export const lost: Fault = () => Promise.reject(new Lost('the request never arrived'));

/** Written, but the answer is lost. */
export const unanswered: Fault = async (write) => {
  await write();
  throw new Lost('the answer never arrived');
};

/** Written twice; the answer tells of the second. */
export const doubled: Fault = async (write) => {
  await write();
  return write();
};

/** A fault that fails now and writes when it is released. */
export function late(): { readonly fault: Fault; readonly release: () => Promise<unknown> } {
  let write: (() => Promise<number>) | undefined;
  return {
    fault: (honest) => {
      write = honest;
      return Promise.reject(new Lost('it hangs in a socket'));
    },
    release: async () => write?.(),
  };
}

/** A log whose next appends go wrong: `faults` are used up one by one, `undefined` is an honest append. */
export function faulty(log: Log, faults: (Fault | undefined)[]): Log {
  return {
    ...log,
    append: (partition, batch) => {
      const write = (): Promise<number> => log.append(partition, batch);
      return (faults.shift() ?? ((honest: typeof write) => honest()))(write);
    },
  };
}
