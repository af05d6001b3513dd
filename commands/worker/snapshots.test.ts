import { beforeEach, describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { contentOf, personKey } from '../../domain/content.js';
import { type Stream, streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import { CHUNK } from '../../domain/tree.js';
import { type Answer, type Command, Refused } from '../command.js';
import type { Log } from '../log/log.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import type { Changes, Snapshots, Wanted } from '../snapshots/snapshots.js';
import type { Limits } from './owner.js';
import {
  type Clock,
  HOME,
  T0,
  ada,
  ask,
  commandOf,
  conversation,
  entries,
  history,
  markRead,
  openLog,
  ownerOf,
  start,
} from './testing.js';

let clock: Clock;
let log: Log;
let shelf: Shelf;

beforeEach(() => {
  clock = { now: T0 };
  log = openLog();
  shelf = new Map();
});

/** No room for anything that may be evicted, and never a flush but when the test says so. */
const tight: Limits = { room: 0, flush: Infinity, full: Infinity };

type Watched = { readonly loads: Wanted[]; readonly flushes: Changes[] };

/** An owner over the shelf, and what it asks of its store. `more` changes how that store answers. */
function owning(limits: Limits = tight, more: (real: Snapshots) => Partial<Snapshots> = () => ({}), state = STATE) {
  const watched: Watched = { loads: [], flushes: [] };
  const real = memorySnapshots(state, shelf);
  const store: Snapshots = {
    ...real,
    load: (home, wanted) => (watched.loads.push(wanted), real.load(home, wanted)),
    flush: (home, from, to, changes) => (watched.flushes.push(changes), real.flush(home, from, to, changes)),
    ...more(real),
  };
  const troubles: unknown[] = [];
  const owner = ownerOf(log, { clock, snapshots: store, limits, onTrouble: (error) => troubles.push(error) });
  return { owner, ...watched, troubles };
}

const takeovers = async (): Promise<number> => (await entries(log)).filter(({ kind }) => kind === 'takeover').length;

const copy = (): Shelf => structuredClone(shelf);

function putBack(earlier: Shelf): void {
  shelf.clear();
  for (const [key, home] of structuredClone(earlier)) shelf.set(key, home);
}

/** The n-th message of the conversation below the one before it, as a sibling where that has an answer. */
function post(n: number, parent: string | null): Command {
  const message = clientId(1_000 + 2 * n, 0x500);
  const text = sealedText(personKey(ada), contentOf.part(message, 0));
  const data = { message, reply: clientId(1_001 + 2 * n, 0x500), parent, fork: true };
  return commandOf(
    { type: 'PostMessage', data: { ...data, parts: [{ type: 'text', text, chars: 1 }] } },
    { stream: streamOf('conversation', conversation) },
  );
}

const accepted = (answers: readonly unknown[]): unknown =>
  expect(answers).toEqual(answers.map(() => expect.objectContaining({ status: 'accepted' })));

describe('what is flushed', () => {
  it('is not read from the log again: a new owner goes on from the checkpoint', async () => {
    const { owner } = owning();
    await ask(owner, markRead(1, 1), markRead(2, 1));
    await owner.flush();
    await ask(owner, markRead(1, 2));
    const offsets: (number | undefined)[] = [];
    const watchedLog: Log = {
      ...log,
      read: (home, from, how) => (offsets.push(from?.offset), log.read(home, from, how)),
    };
    const next = ownerOf(watchedLog, { clock, snapshots: memorySnapshots(STATE, shelf) });
    expect(await ask(next, markRead(1, 3), markRead(2, 2))).toMatchObject([{ version: 3 }, { version: 2 }]);
    // The identity, a takeover, and two events lie before the checkpoint.
    expect(Math.min(...offsets.map((offset) => offset ?? 0))).toBe(4);
  });

  it('answers a command that comes again, to the same owner and to the next', async () => {
    const { owner } = owning();
    const [command, rejected] = [markRead(1, 7), markRead(1, -1)];
    const answers = await ask(owner, command, rejected);
    await owner.flush();
    const end = await log.end(HOME);
    expect(await ask(owner, command, rejected)).toEqual(answers);
    expect(await log.end(HOME)).toBe(end);
    const { owner: next } = owning();
    expect(await ask(next, command, rejected)).toEqual(answers);
    expect(await ask(next, markRead(1, 8, { id: command.id }))).toMatchObject([{ code: 'COMMAND_ID_REUSED' }]);
    expect((await history(log)).events).toHaveLength(1);
    expect(await next.outcome(command)).toEqual(answers[0]);
    expect(await next.outcome({ actor: ada, id: clientId(77) })).toBeUndefined();
  });

  it('alone may be evicted: what is not yet in the store stays at hand', async () => {
    const { owner, loads } = owning();
    for (let n = 1; n <= 5; n++) await ask(owner, markRead(n, 1));
    await ask(owner, ...[1, 2, 3, 4, 5].map((n) => markRead(n, 2)));
    const fetched = () => loads.flatMap(({ streams = [] }) => streams);
    expect(new Set(fetched()).size).toBe(fetched().length);
    await owner.flush();
    await ask(owner, markRead(9, 1));
    // Now they are gone, and come back as they were.
    expect(await ask(owner, ...[1, 2, 3, 4, 5].map((n) => markRead(n, 3)))).toEqual(
      [1, 2, 3, 4, 5].map(() => expect.objectContaining({ version: 3, events: 1 })),
    );
    expect(new Set(fetched()).size).toBeLessThan(fetched().length);
  });

  it('does not hold up commands while it is under way, and what was decided meanwhile is not lost by it', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = (real: Snapshots): Partial<Snapshots> => ({
      flush: async (...args) => {
        await gate;
        return real.flush(...args);
      },
    });
    const { owner } = owning({ ...tight, room: 1e9 }, slow);
    const first = markRead(1, 1);
    const [answer] = await ask(owner, first);
    const flushed = owner.flush();
    const during = ask(owner, markRead(1, 2));
    // A command that comes again must find its outcome in one of the two, at every moment.
    const again = ask(owner, first);
    release();
    await flushed;
    expect(await during).toMatchObject([{ version: 2 }]);
    expect(await again).toEqual([answer]);
    await owner.flush();
    const { owner: next } = owning();
    expect(await ask(next, markRead(1, 3))).toMatchObject([{ version: 3 }]);
  });

  it('happens on its own when much has come, so that memory is bounded however long the log is', async () => {
    const { owner, flushes } = owning({ room: 20_000, flush: 10_000, full: 1e6 });
    for (let n = 0; n < 60; n++) {
      await ask(owner, ...Array.from({ length: 10 }, (_, at) => markRead(n * 10 + at, 1)));
    }
    expect(flushes.length).toBeGreaterThan(10);
    // A new owner without a store folds the same log, and flushes on the way.
    shelf.clear();
    const { owner: next, flushes: onTheWay } = owning({ room: 20_000, flush: 10_000, full: 1e6 });
    await next.takeOver();
    expect(onTheWay.length).toBeGreaterThan(0);
    expect(await ask(next, markRead(3, 2), markRead(599, 2))).toMatchObject([{ version: 2 }, { version: 2 }]);
  });
});

describe('a long conversation', () => {
  /** Four chunks of messages, flushed; the last message and its reply lie in the last chunk. */
  async function long() {
    const { owner } = owning();
    await ask(owner, start());
    accepted(await ask(owner, ...Array.from({ length: 2 * CHUNK }, (_, n) => post(n, null))));
    await owner.flush();
  }

  it('is fetched and stored by the chunks that are touched', async () => {
    await long();
    const { owner, loads, flushes } = owning();
    accepted(await ask(owner, post(5_000, clientId(1_000 + 2 * 500, 0x500))));
    const stream: Stream = streamOf('conversation', conversation);
    expect(
      loads
        .flatMap(({ chunks = [] }) => chunks)
        .map(({ chunk }) => chunk)
        .toSorted(),
    ).toEqual([3, 4]);
    await owner.flush();
    expect(
      flushes.map(({ streams }) => streams.map((each) => [each.stream, [...each.chunks.keys()].toSorted()])),
    ).toEqual([[[stream, [3, 4]]]]);
  });

  it('keeps the order of its commands while a chunk of it is fetched, and lets others pass', async () => {
    await long();
    const { owner } = owning();
    const old = clientId(1_000, 0x500);
    const commands = [post(6_000, old), markRead(1, 1), post(6_001, clientId(13_000, 0x500)), markRead(1, 2)];
    accepted(await ask(owner, ...commands));
    const causes = (await history(log)).events.map(({ cause }) => cause);
    const order = commands.map(({ id }) => causes.indexOf(id));
    expect(order[0]).toBeLessThan(order[2] ?? 0);
    expect(order[1]).toBeLessThan(order[0] ?? 0);
  });

  it('is folded on its snapshot when a new owner finds more of it in the log', async () => {
    await long();
    const before = copy();
    const { owner } = owning();
    const posted = await ask(owner, post(5_000, clientId(1_000, 0x500)), post(5_001, null));
    await owner.flush();
    const whole = copy();
    putBack(before);
    const { owner: next } = owning();
    expect(await ask(next, post(5_002, clientId(1_000 + 2 * 5_000, 0x500)))).toMatchObject([{ status: 'accepted' }]);
    await next.flush();
    expect(posted).toMatchObject([{ status: 'accepted' }, { status: 'accepted' }]);
    expect([...(shelf.get(`${STATE}/${HOME}`)?.chunks.keys() ?? [])].toSorted()).toEqual(
      [...(whole.get(`${STATE}/${HOME}`)?.chunks.keys() ?? [])].toSorted(),
    );
  });
});

describe('a store at another checkpoint', () => {
  it('means to take over again: what it holds does not belong to this memory', async () => {
    const { owner, troubles } = owning();
    await ask(owner, markRead(1, 1));
    await owner.flush();
    const early = copy();
    await ask(owner, markRead(1, 2));
    await owner.flush();
    putBack(early);
    // It would be fetched at version 1 otherwise.
    expect(await ask(owner, markRead(1, 3))).toMatchObject([{ version: 3, events: 1 }]);
    expect(await takeovers()).toBe(2);
    expect(troubles).toMatchObject([{ code: 'SNAPSHOTS_MOVED' }]);
  });

  it('because it lost its last second costs time and no word: at a flush, too', async () => {
    const { owner } = owning({ ...tight, room: 1e9 });
    const lost = copy();
    const first = markRead(1, 1);
    const [answer] = await ask(owner, first);
    await owner.flush();
    putBack(lost);
    await ask(owner, markRead(2, 1));
    await owner.flush();
    expect(await ask(owner, first, markRead(1, 2))).toMatchObject([answer ?? {}, { version: 2 }]);
  });

  it('that is of another log, or further than the log, is thrown away', async () => {
    const { owner } = owning();
    await ask(owner, markRead(1, 1), markRead(1, 2), markRead(1, 3));
    await owner.flush();
    const other = openLog();
    await ask(ownerOf(other, { clock, snapshots: memorySnapshots(STATE) }), markRead(1, 1));
    log = { ...other };
    const { owner: next } = owning();
    expect(await ask(next, markRead(1, 2))).toMatchObject([{ version: 2 }]);
    // The same id, as after a restore of the log from a backup, but another history.
    const foreign = { ...other, id: clientId(99) };
    log = foreign;
    await next.flush();
    const { owner: stranger } = owning();
    expect(await ask(stranger, markRead(1, 3))).toMatchObject([{ version: 3 }]);
  });

  it('whose streams do not fit to the log is thrown away once', async () => {
    const { owner } = owning();
    await ask(owner, markRead(1, 1));
    await owner.flush();
    await ask(owner, markRead(1, 2));
    for (const { streams } of shelf.values()) {
      for (const [stream, text] of streams) streams.set(stream, text.replace('"version":1', '"version":7'));
    }
    const { owner: next } = owning();
    expect(await ask(next, markRead(1, 3))).toMatchObject([{ version: 3 }]);
  });
});

describe('a store that does not answer', () => {
  const silent =
    (times: () => boolean) =>
    (real: Snapshots): Partial<Snapshots> => ({
      load: (...args) => (times() ? Promise.reject(new Error('no answer')) : real.load(...args)),
      flush: (...args) => (times() ? Promise.reject(new Error('no answer')) : real.flush(...args)),
    });

  it('leaves commands unavailable, writes nothing of them, and they may come again', async () => {
    let off = false;
    const { owner } = owning(
      tight,
      silent(() => off),
    );
    await ask(owner, markRead(1, 1));
    const end = await log.end(HOME);
    off = true;
    const command = markRead(2, 1);
    const [refusal] = await ask(owner, command);
    expect(refusal).toBeInstanceOf(Refused);
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE' });
    expect(await log.end(HOME)).toBe(end);
    off = false;
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted' }]);
  });

  it('lets memory grow to its limit and no further', async () => {
    let off = false;
    const flushOnly = (real: Snapshots): Partial<Snapshots> => ({
      flush: (...args) => (off ? Promise.reject(new Error('no answer')) : real.flush(...args)),
    });
    const { owner, troubles } = owning({ room: 1e9, flush: 2_000, full: 10_000 }, flushOnly);
    off = true;
    const answers: (Answer | Refused | undefined)[] = [];
    for (let n = 0; n < 40; n++) answers.push(...(await ask(owner, markRead(n, 1))));
    const refused = answers.filter((answer) => answer instanceof Refused);
    expect(refused.length).toBeGreaterThan(5);
    expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['UNAVAILABLE']));
    expect((await history(log)).outcomes).toHaveLength(answers.length - refused.length);
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SNAPSHOTS_SILENT' }));
    off = false;
    await owner.flush();
    expect(await ask(owner, markRead(99, 1))).toMatchObject([{ status: 'accepted' }]);
  });

  it('does not make a landed command a refused one', async () => {
    let off = false;
    const { owner } = owning(
      tight,
      silent(() => off),
    );
    await ask(owner, markRead(1, 1));
    // The void record lies in its way, so that it reads where its batch went; meanwhile the store falls silent.
    await log.append(
      HOME,
      [(await entries(log)).at(-1)].flatMap((entry) => (entry ? [entry] : [])),
    );
    const append = log.append.bind(log);
    const command = markRead(1, 2);
    log.append = async (...args) => {
      off = true;
      return append(...args);
    };
    const [answer] = await ask(owner, command);
    expect(answer === undefined || !(answer instanceof Refused)).toBe(true);
    off = false;
    expect(await ask(owner, command)).toMatchObject([{ status: 'accepted', version: 2 }]);
  });
});

describe('a new version of the states', () => {
  it('is built beside the old one, whole, before its partition is taken; then the old one goes', async () => {
    const { owner } = owning();
    for (let n = 0; n < 30; n++) await ask(owner, markRead(n, 1));
    await owner.flush();
    const seen: (readonly string[])[] = [];
    const append = log.append.bind(log);
    log = {
      ...log,
      append: (...args) => {
        seen.push([...shelf.keys()]);
        return append(...args);
      },
    };
    const { owner: newer } = owning({ room: 0, flush: 2_000, full: 1e6 }, undefined, STATE + 1);
    await newer.takeOver();
    expect(seen).toEqual([[`${STATE}/${HOME}`, `${STATE + 1}/${HOME}`]]);
    expect([...shelf.keys()]).toEqual([`${STATE + 1}/${HOME}`]);
    expect(await ask(newer, markRead(7, 2))).toMatchObject([{ version: 2 }]);
  });
});
