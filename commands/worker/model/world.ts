import { pass } from '../../log/fence.js';
import { isOwner, verdict } from '../protocol.js';
import { type Commands, type Item, type Known, type Written, doomed, keyOfItem } from './log.js';

/** What owners live by. Mistakes made on purpose replace one of these. */
export type Rules = {
  readonly pass: typeof pass;
  readonly verdict: typeof verdict;
  /** Whether its takeover came first. */
  readonly won: typeof isOwner;
  /** Whether the partition is still its own, asked before each batch. */
  readonly owns: typeof isOwner;
  /** Whether it may take over, having been `me` when it last owned the partition. */
  readonly mayTakeOver: (me: string) => boolean;
  /** Whether it reads what was written before its batch. */
  readonly reads: boolean;
  /** Whether the model may take a record on its way for void, since it can be nothing else. */
  readonly doomed: typeof doomed;
};

export const honest: Rules = {
  pass,
  verdict,
  won: isOwner,
  owns: isOwner,
  mayTakeOver: () => true,
  reads: true,
  doomed,
};

/** How much may happen. Whatever these numbers allow does happen, in every order. */
export type Bounds = {
  readonly owners: number;
  readonly commands: number;
  /** Requests sent by each owner, and by all together. */
  readonly sends: number;
  readonly allSends: number;
  /** Requests that land twice, answers that are errors whatever became of the request, owners that die and begin anew: together. */
  readonly faults: number;
  /** How many of the commands have a deadline, which passes at some time. */
  readonly deadlines: number;
};

/** What was sent and is not answered: a takeover, or a batch of so many records. `base` is where it landed last. */
export type Waiting = {
  readonly request: number;
  readonly base: number | undefined;
  readonly sent: { readonly owner: string } | { readonly commands: Commands; readonly count: number };
};

export type Owner = {
  readonly me: string;
  readonly memory: Known;
  /** What it is about, what it has acknowledged, what it has refused. */
  readonly todo: Commands;
  readonly acknowledged: Commands;
  readonly refused: Commands;
  readonly waiting: Waiting | undefined;
  readonly sends: number;
};

/** A request that may still land. */
export type Flight = { readonly owner: number; readonly request: number; readonly items: readonly Item[] };

/** Equal parts of worlds have equal numbers, so that a few numbers tell a world. */
export type Numbered<T> = T & { readonly number: number };

export type World = {
  readonly log: Written;
  readonly owners: readonly Numbered<Owner>[];
  readonly flights: readonly Numbered<Flight>[];
  readonly expired: boolean;
  readonly faults: number;
  /** No bounds hold any more. */
  readonly free: boolean;
  readonly wrong: string | undefined;
};

export type Action =
  | { readonly do: 'take'; readonly owner: number; readonly commands: Commands }
  | { readonly do: 'hear' | 'fail'; readonly owner: number }
  /** Begins anew from what was stored up to an offset. */
  | { readonly do: 'crash'; readonly owner: number; readonly stored: number }
  | { readonly do: 'land' | 'land twice'; readonly flight: number }
  | { readonly do: 'expire' };

/** The name of an owner, or of one of its requests: an owner id, if that is a takeover. */
export const nameOf = (owner: number, request?: number): string => `${'ABCDEFGH'.charAt(owner)}${request ?? ''}`;

/** Gives equal parts the same number and makes them one object. */
export const numbering = <T extends object>(keyOf: (part: T) => string) => {
  const found = new Map<string, Numbered<T>>();
  return (part: T): Numbered<T> => {
    const key = keyOf(part);
    const already = found.get(key);
    if (already) return already;
    const one = { ...part, number: found.size };
    found.set(key, one);
    return one;
  };
};

/** The same object is asked for again and again: its key is made once. */
const keysOfKnown = new WeakMap<Known, string>();

function keyOfKnown(known: Known): string {
  const already = keysOfKnown.get(known);
  if (already !== undefined) return already;
  const { cursor, version, outcomes } = known;
  const { term, owner, batch, index } = cursor.fence;
  const key = `${cursor.offset},${term},${owner},${batch},${index},${version},${outcomes.join()}`;
  keysOfKnown.set(known, key);
  return key;
}

export const keyOfOwner = ({ me, memory, todo, acknowledged, refused, waiting, sends }: Owner): string => {
  const rest = `${me}|${keyOfKnown(memory)}|${todo},${acknowledged},${refused},${sends}`;
  if (!waiting) return rest;
  const { request, base, sent } = waiting;
  return `${rest}|${request},${base},${'owner' in sent ? sent.owner : `${sent.commands},${sent.count}`}`;
};

export const keyOfFlight = ({ owner, request, items }: Flight): string =>
  `${nameOf(owner, request)}:${items.map(keyOfItem).join()}`;

/** Two characters for a number below 2³⁰. */
const short = (number: number): string => String.fromCharCode(number & 0x7fff, number >> 15);

export function keyOfWorld({ log, owners, flights, faults, expired }: World): string {
  let key = short(log.number) + short(2 * faults + (expired ? 1 : 0));
  for (const { number } of owners) key += short(number);
  for (const { number } of flights) key += short(number);
  return key;
}
