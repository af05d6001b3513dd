import { type Fence, type Fenced, type Header, openFence, type pass, sameFence } from '../../log/fence.js';
import { CODE, type Cursor } from '../../log/log.js';

/** A set of commands, one bit each. */
export type Commands = number;

export const setOf = (command: number): Commands => 1 << command;

/** The single commands of a set. */
export function each(commands: Commands): readonly number[] {
  const found: number[] = [];
  for (let command = 0; commands >= setOf(command); command++) if (commands & setOf(command)) found.push(command);
  return found;
}

/** A record: the fence sees its header; folds see the version of its event and the outcomes that it carries. */
export type Item = Fenced & { readonly version: number; readonly outcomes: Commands };

/** What is known at a cursor: the stream's version, and per command the offset behind its outcome, 0 if there is none. */
export type Known = { readonly cursor: Cursor; readonly version: number; readonly outcomes: readonly number[] };

export const sameKnown = (a: Known, b: Known): boolean =>
  a === b ||
  (a.cursor.offset === b.cursor.offset &&
    sameFence(a.cursor.fence, b.cursor.fence) &&
    a.version === b.version &&
    a.outcomes.every((offset, command) => offset === b.outcomes[command]));

/** The commands that are known. */
export const decided = ({ outcomes }: Known): Commands =>
  outcomes.reduce((set, offset, command) => (offset > 0 ? set | setOf(command) : set), 0);

/** What is known with the outcomes of some commands at an offset. */
export const withOutcomes = ({ outcomes }: Known, commands: Commands, offset: number): readonly number[] =>
  commands === 0 ? outcomes : outcomes.map((old, command) => (commands & setOf(command) ? offset : old));

/**
 * A log up to a record, and what whoever has read so far must know. Equal logs are one object. What is void changes nothing
 * for anybody, ever: all void records are one and the same.
 */
export type Written = {
  readonly number: number;
  readonly before: Written | undefined;
  readonly item: Item | undefined;
  readonly valid: boolean;
  readonly truth: Known;
  /** What must not be, and is. */
  readonly damage: string | undefined;
  readonly next: Written[];
};

/** Any record that is void. */
export const VOID: Item = {
  kind: 'outcomes',
  header: { owner: 'void', term: 0, batch: 0, index: 0, count: 1, code: CODE },
  version: 0,
  outcomes: 0,
};

/** Whether a record that is still on its way can only be void: terms never fall, and no batch comes again. */
export const doomed = ({ term, batch }: Fence, { kind, header }: Fenced): boolean =>
  header.term < term || (header.term === term && (kind === 'takeover' || header.batch < batch));

const sameItem = (a: Item, b: Item): boolean =>
  a === b ||
  (a.kind === b.kind && a.version === b.version && a.outcomes === b.outcomes && sameHeader(a.header, b.header));

const sameHeader = (a: Header, b: Header): boolean =>
  a.owner === b.owner && a.term === b.term && a.batch === b.batch && a.index === b.index && a.count === b.count;

export const keyOfItem = ({ kind, header, version, outcomes }: Item): string =>
  `${kind}${header.owner}/${header.term}.${header.batch}.${header.index}.${header.count}:${version}:${outcomes}`;

/** Every log that the model comes to, as a tree, and the ways in which owners read it. */
export function createLogs(rule: typeof pass, commands: number) {
  let count = 0;
  const empty: Written = {
    number: count++,
    before: undefined,
    item: undefined,
    valid: true,
    truth: {
      cursor: { offset: 0, fence: openFence },
      version: 0,
      outcomes: Array.from({ length: commands }, () => 0),
    },
    damage: undefined,
    next: [],
  };

  /** Passes a record through the fence, and folds it if it is valid. */
  const fold = (at: Known, item: Item): { readonly valid: boolean; readonly after: Known } => {
    const { fence, valid } = rule(at.cursor.fence, item);
    const cursor = { offset: at.cursor.offset + 1, fence };
    if (!valid) return { valid, after: { ...at, cursor } };
    const version = item.kind === 'event' ? item.version : at.version;
    return { valid, after: { cursor, version, outcomes: withOutcomes(at, item.outcomes, cursor.offset) } };
  };

  const damageOf = (truth: Known, { kind, version, outcomes }: Item): string | undefined => {
    const [twice] = each(decided(truth) & outcomes);
    if (twice !== undefined) return `command ${twice} is in the log twice`;
    if (kind === 'event' && version !== truth.version + 1) return `version ${version} comes after ${truth.version}`;
    return undefined;
  };

  return {
    empty,
    write: (log: Written, item: Item): Written => {
      const { valid, after } = fold(log.truth, item);
      const kept = valid ? item : VOID;
      const already = log.next.find((next) => next.item && sameItem(next.item, kept));
      if (already) return already;
      const damage = log.damage ?? (valid ? damageOf(log.truth, item) : undefined);
      const written = { number: count++, before: log, item: kept, valid, truth: after, damage, next: [] };
      log.next.push(written);
      return written;
    },
    /** Folds what is behind a cursor, up to the end of the log. */
    read: (from: Known, log: Written): Known => {
      const items: Item[] = [];
      for (let at = log; at.item && at.before && at.truth.cursor.offset > from.cursor.offset; at = at.before) {
        items.unshift(at.item);
      }
      return items.reduce((known, item) => fold(known, item).after, from);
    },
    /** What whoever has read from the start up to an offset knows. */
    truthAt: (log: Written, offset: number): Known => {
      let at = log;
      while (at.before && at.truth.cursor.offset > offset) at = at.before;
      return at.truth;
    },
  };
}
