import { NOBODY, batchHeader, behind, takeoverHeader } from '../protocol.js';
import type { Machine } from './explore.js';
import {
  type Commands,
  type Item,
  type Known,
  type Written,
  VOID,
  createLogs,
  decided,
  each,
  sameKnown,
  setOf,
  withOutcomes,
} from './log.js';
import {
  type Action,
  type Bounds,
  type Flight,
  type Numbered,
  type Owner,
  type Rules,
  type Waiting,
  type World,
  honest,
  keyOfFlight,
  keyOfOwner,
  keyOfWorld,
  nameOf,
  numbering,
} from './world.js';

/**
 * A partition and its owners as a machine: one log, requests on their way to it, owners who wait for answers, and a few
 * commands of one stream that clients send to every owner. What an owner decides is decided by the worker's own functions
 * (protocol.ts) and by the fence; here stands only how owners and requests can meet.
 *
 * An owner rests where it waits for an answer, or for commands. What it does in between is one step, and no order is left
 * out by that: an owner that is stopped before it sends is one whose request lands late, one that is stopped before it
 * reads is one that is answered late, and one that dies on the way is one whose request is lost and that dies later.
 */

const byNumber = (a: { number: number }, b: { number: number }): number => a.number - b.number;

const without = <T>(items: readonly T[], item: T): readonly T[] => items.toSpliced(items.indexOf(item), 1);

/** Steps within which an owner must be done that nothing hinders. */
const PATIENCE = 20;

export function createModel(bounds: Bounds, rules: Rules = honest): Machine<World, Action> {
  const all = setOf(bounds.commands) - 1;
  const mortal = setOf(bounds.deadlines) - 1;
  const { empty, write, read, truthAt } = createLogs(rules.pass, bounds.commands);
  const ownerOf = numbering(keyOfOwner);
  const flightOf = numbering(keyOfFlight);

  const blank = { me: NOBODY, memory: empty.truth, todo: 0, waiting: undefined };
  const start: World = {
    log: empty,
    owners: Array.from({ length: bounds.owners }, () => ownerOf({ ...blank, acknowledged: 0, refused: 0, sends: 0 })),
    flights: [],
    expired: false,
    faults: 0,
    free: false,
    wrong: undefined,
  };

  const blame = (world: World, wrong: string): World => ({ ...world, wrong: world.wrong ?? wrong });

  const put = (world: World, which: number, owner: Owner): World => {
    const truth = truthAt(world.log, owner.memory.cursor.offset);
    const right = sameKnown(truth, owner.memory);
    const known = ownerOf(right && truth !== owner.memory ? { ...owner, memory: truth } : owner);
    const after = { ...world, owners: world.owners.with(which, known) };
    return right
      ? after
      : blame(after, `${nameOf(which)} knows something else than whoever reads the log from its start`);
  };

  /** Sends a request. Where the bounds do not allow it, the owner is stopped for ever. */
  const send = (world: World, which: number, owner: Owner, items: readonly Item[], sent: Waiting['sent']): World => {
    const sends = world.owners.reduce((sum, other) => sum + other.sends, 0);
    const full = owner.sends >= bounds.sends || sends >= bounds.allSends;
    if (full && !world.free) return put(world, which, owner);
    const request = owner.sends + 1;
    const flights = [...world.flights, flightOf({ owner: which, request, items })];
    const waiting = { request, base: undefined, sent };
    return put({ ...world, flights: flights.toSorted(byNumber) }, which, {
      ...owner,
      sends: request,
      waiting,
    });
  };

  const takeOver = (world: World, which: number, owner: Owner): World => {
    const memory = read(owner.memory, world.log);
    const fresh = nameOf(which, owner.sends + 1);
    const header = takeoverHeader(memory.cursor.fence, fresh);
    const takeover: Item = { kind: 'takeover', header, version: 0, outcomes: 0 };
    return send(world, which, { ...owner, memory }, [takeover], { owner: fresh });
  };

  /** One round of an owner, as the worker goes it: until it waits for an answer, or has nothing to do. */
  const proceed = (world: World, which: number, owner: Owner): World => {
    const { memory, me, todo } = owner;
    const { fence } = memory.cursor;
    if (!rules.owns(fence, me)) {
      return rules.mayTakeOver(me) ? takeOver(world, which, owner) : put(world, which, { ...owner, todo: 0 });
    }
    const found = todo & decided(memory);
    const late = world.expired ? todo & mortal & ~found : 0;
    const commands = todo & ~found & ~late;
    const after = {
      ...owner,
      todo: commands,
      acknowledged: owner.acknowledged | found,
      refused: owner.refused | late,
    };
    const told = acknowledge(world, which, memory, found);
    if (commands === 0) return put(told, which, after);
    const count = each(commands).length;
    const items = each(commands).map((_, index): Item => ({
      kind: 'event',
      header: batchHeader(fence, me, index, count),
      version: memory.version + 1 + index,
      outcomes: index === count - 1 ? commands : 0,
    }));
    return send(told, which, after, items, { commands, count });
  };

  /** What is acknowledged must be in the log, at the place that is told. */
  const acknowledge = (world: World, which: number, { outcomes }: Known, commands: Commands): World => {
    const { truth } = world.log;
    const untrue = each(commands).find((command) => outcomes[command] !== truth.outcomes[command]);
    if (untrue === undefined) return world;
    const there = truth.outcomes[untrue];
    const place = there ? `at ${there}` : 'not in the log';
    return blame(world, `${nameOf(which)} acknowledges command ${untrue} at ${outcomes[untrue]}, and it is ${place}`);
  };

  /** An owner gets the result of what it sent. */
  const hear = (world: World, which: number, owner: Owner, base: number | undefined): World => {
    const { memory, waiting } = owner;
    if (!waiting) return world;
    const { sent } = waiting;
    const on = (change: Partial<Owner>): World => proceed(world, which, { ...owner, waiting: undefined, ...change });
    if ('owner' in sent) {
      if (base === undefined) return takeOver(world, which, { ...owner, waiting: undefined });
      const now = read(memory, world.log);
      if (rules.won(now.cursor.fence, sent.owner)) return on({ memory: now, me: sent.owner });
      return takeOver(world, which, { ...owner, waiting: undefined, memory: now });
    }
    switch (rules.verdict(memory.cursor, base)) {
      case 'take over':
        return on({ me: NOBODY });
      case 'read on':
        return on(rules.reads ? { memory: read(memory, world.log) } : {});
      case 'lost data':
        return blame(world, `${nameOf(which)} believes that the log has lost data`);
      case 'landed': {
        const cursor = behind(memory.cursor, sent.count);
        const outcomes = withOutcomes(memory, sent.commands, cursor.offset);
        return on({ memory: { cursor, outcomes, version: memory.version + sent.count } });
      }
    }
  };

  const land = (world: World, flight: Numbered<Flight>, again: boolean): World => {
    const log = flight.items.reduce(write, world.log);
    const owner = world.owners[flight.owner];
    const flights = again ? world.flights : without(world.flights, flight);
    const landed = { ...world, log, flights, faults: world.faults + (again ? 1 : 0) };
    if (log.damage !== undefined) return blame(landed, log.damage);
    if (!owner) return landed;
    const news = log.valid ? (flight.items.at(-1)?.outcomes ?? 0) : 0;
    const [refused] = each(news & owner.refused);
    if (refused !== undefined) {
      return blame(landed, `${nameOf(flight.owner)} has refused command ${refused}, and now it is done`);
    }
    if (owner.waiting?.request !== flight.request) return landed;
    const waiting = { ...owner.waiting, base: world.log.truth.cursor.offset };
    return put(landed, flight.owner, { ...owner, waiting });
  };

  const actions = (world: World): readonly Action[] => {
    const mayFail = world.faults < bounds.faults;
    const found: Action[] = [];
    for (const [owner, { memory, todo, acknowledged, refused, waiting, sends }] of world.owners.entries()) {
      if (waiting?.base !== undefined) found.push({ do: 'hear', owner });
      if (waiting && mayFail) found.push({ do: 'fail', owner });
      // Owners are alike: the next one comes into play when the one before it has.
      const next = owner === 0 || (world.owners[owner - 1]?.sends ?? 0) > 0;
      if (next && !waiting && todo === 0 && sends < bounds.sends) {
        const open = all & ~acknowledged & ~refused;
        for (let commands = open; commands > 0; commands = (commands - 1) & open) {
          found.push({ do: 'take', owner, commands });
        }
      }
      // Of what it knew, any part may have been stored.
      for (let stored = memory.cursor.offset; stored >= 0 && mayFail && sends > 0; stored--) {
        found.push({ do: 'crash', owner, stored });
      }
    }
    for (const flight of world.flights.keys()) {
      found.push({ do: 'land', flight });
      if (mayFail) found.push({ do: 'land twice', flight });
    }
    if (mortal !== 0 && !world.expired) found.push({ do: 'expire' });
    return found;
  };

  const isDoomed = ({ log }: World, { items }: Flight): boolean =>
    items.every((item) => rules.doomed(log.truth.cursor.fence, item));

  /** Forgets whose request it was that can only be void and that nobody waits for: all of them are one and the same. */
  const simplified = (world: World): World => {
    if (!world.flights.some((flight) => flight.owner >= 0 && isDoomed(world, flight))) return world;
    const flights = world.flights.map((flight) => {
      if (!isDoomed(world, flight)) return flight;
      const items = flight.items.map(() => VOID);
      const awaited = world.owners[flight.owner]?.waiting?.request === flight.request;
      return flightOf(awaited ? { ...flight, items } : { owner: -1, request: 0, items });
    });
    const after = { ...world, flights: flights.toSorted(byNumber) };
    // What is given up here must be what the fence rejects.
    const { fence, offset } = world.log.truth.cursor;
    const passed = world.flights.find(
      (flight) => isDoomed(world, flight) && flight.items.some((item) => rules.pass(fence, item).valid),
    );
    if (!passed) return after;
    return blame(after, `${nameOf(passed.owner, passed.request)} would count at ${offset}, where it can only be void`);
  };

  const apply = (world: World, action: Action): World => simplified(step(world, action));

  const step = (world: World, action: Action): World => {
    if (action.do === 'expire') return { ...world, expired: true };
    if ('flight' in action) {
      const flight = world.flights[action.flight];
      return flight ? land(world, flight, action.do === 'land twice') : world;
    }
    const { owner: which } = action;
    const owner = world.owners[which];
    if (!owner) return world;
    switch (action.do) {
      case 'take':
        return proceed(world, which, { ...owner, todo: action.commands });
      case 'hear':
        return hear(world, which, owner, owner.waiting?.base);
      case 'fail':
        return hear({ ...world, faults: world.faults + 1 }, which, owner, undefined);
      case 'crash':
        return put({ ...world, faults: world.faults + 1 }, which, {
          ...owner,
          ...blank,
          memory: truthAt(world.log, action.stored),
        });
    }
  };

  /** An owner that is left alone, and whom nothing fails any more, comes to an end with every command. Why not, if not. */
  const stuck = (world: World, which: number): string | undefined => {
    let now: World = { ...world, free: true };
    for (let steps = 0; steps < PATIENCE; steps++) {
      const owner = now.owners[which];
      if (!owner || now.wrong !== undefined) return now.wrong;
      const { waiting, todo, acknowledged, refused } = owner;
      const open = all & ~acknowledged & ~refused;
      if (!waiting && open === 0) return undefined;
      const flight = now.flights.find((other) => other.owner === which && other.request === waiting?.request);
      if (!waiting) now = proceed(now, which, { ...owner, todo: todo === 0 ? open : todo });
      else if (waiting.base === undefined && flight) now = land(now, flight, false);
      else now = hear(now, which, owner, waiting.base);
    }
    return `${nameOf(which)} comes to no end with what it is asked for`;
  };

  const checked = new Map<Written, Set<number>>();
  const wrong = (world: World): string | undefined => {
    if (world.wrong !== undefined) return world.wrong;
    const done = checked.get(world.log) ?? new Set();
    checked.set(world.log, done);
    for (const [which, owner] of world.owners.entries()) {
      const place = 2 * owner.number + (world.expired ? 1 : 0);
      if (done.has(place)) continue;
      done.add(place);
      const why = stuck(world, which);
      if (why !== undefined) return `with nothing that fails any more, and nobody else, ${why}`;
    }
    return undefined;
  };

  return { start, key: keyOfWorld, actions, apply, wrong };
}
