import { describe, expect, it } from 'vitest';
import { STATE } from '../../domain/catalogue.js';
import { contentOf, personKey } from '../../domain/content.js';
import { type Stream, streamOf } from '../../domain/ids.js';
import { clientId, sealedText } from '../../domain/testing.js';
import { CHUNK } from '../../domain/tree.js';
import type { Command } from '../command.js';
import type { Log } from '../log/log.js';
import { memorySnapshots } from '../snapshots/memory.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import { storeBench, tight } from './stored/testing.js';
import { HOME, ada, ask, commandOf, conversation, history, markRead, ownerOf, start } from './testing.js';

const { bench, owning, copy, putBack } = storeBench();

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
      ...bench.log,
      read: (home, from, how) => (offsets.push(from?.offset), bench.log.read(home, from, how)),
    };
    const next = ownerOf(watchedLog, { clock: bench.clock, snapshots: memorySnapshots(STATE, bench.shelf) });
    expect(await ask(next, markRead(1, 3), markRead(2, 2))).toMatchObject([{ version: 3 }, { version: 2 }]);
    // The identity, a takeover, and two events lie before the checkpoint.
    expect(Math.min(...offsets.map((offset) => offset ?? 0))).toBe(4);
  });

  it('answers a command that comes again, to the same owner and to the next', async () => {
    const { owner } = owning();
    const [command, rejected] = [markRead(1, 7), markRead(1, -1)];
    const answers = await ask(owner, command, rejected);
    await owner.flush();
    const end = await bench.log.end(HOME);
    expect(await ask(owner, command, rejected)).toEqual(answers);
    expect(await bench.log.end(HOME)).toBe(end);
    const { owner: next } = owning();
    expect(await ask(next, command, rejected)).toEqual(answers);
    expect(await ask(next, markRead(1, 8, { id: command.id }))).toMatchObject([{ code: 'COMMAND_ID_REUSED' }]);
    expect((await history(bench.log)).events).toHaveLength(1);
    expect(await next.outcome(command)).toEqual(answers[0]);
    expect(await next.outcome({ actor: ada, id: clientId(77) })).toBeUndefined();
  });

  it('alone may be evicted: what is not yet in the store stays at hand', async () => {
    const told: (readonly [number, number])[] = [];
    const { owner, loads } = owning(tight, undefined, { onEvicted: (home, streams) => told.push([home, streams]) });
    for (let n = 1; n <= 5; n++) await ask(owner, markRead(n, 1));
    await ask(owner, ...[1, 2, 3, 4, 5].map((n) => markRead(n, 2)));
    const fetched = () => loads.flatMap(({ streams = [] }) => streams);
    expect(new Set(fetched()).size).toBe(fetched().length);
    await owner.flush();
    expect(told).toEqual([]);
    await ask(owner, markRead(9, 1));
    expect(told).toEqual([[HOME, 5]]);
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
    const { owner, troubles } = owning({ ...tight, room: 1e9 }, slow);
    const first = markRead(1, 1);
    const [answer] = await ask(owner, first, markRead(2, 1));
    const flushed = owner.flush();
    expect(await ask(owner, markRead(1, 2), markRead(3, 1))).toMatchObject([{ version: 2 }, { version: 1 }]);
    // A command that comes again must find its outcome in one of the two, at every moment.
    const again = ask(owner, first, markRead(2, 2));
    release();
    expect(await again).toMatchObject([answer ?? {}, { version: 2 }]);
    await flushed;
    expect(await ask(owner, first, markRead(4, 1))).toMatchObject([answer ?? {}, { version: 1 }]);
    await owner.flush();
    const { owner: next } = owning();
    expect(await ask(next, first, markRead(1, 3), markRead(3, 2))).toMatchObject([
      answer ?? {},
      { version: 3 },
      { version: 2 },
    ]);
    expect(troubles).toEqual([]);
  });

  it('may be asked for while it is under way, whichever moment the answer is of', async () => {
    const gates: (() => void)[] = [];
    const gate = (): Promise<void> => new Promise((resolve) => gates.push(resolve));
    let slow = false;
    const { owner, troubles } = owning({ ...tight, room: 1e9 }, (real) => ({
      load: async (...args) => {
        const loaded = await real.load(...args);
        if (slow) await gate();
        return loaded;
      },
      flush: async (...args) => {
        await gate();
        return real.flush(...args);
      },
    }));
    const first = markRead(1, 1);
    const [answer] = await ask(owner, first);
    const flushed = owner.flush();
    await expect.poll(() => gates.length).toBe(1);
    slow = true;
    const again = ask(owner, markRead(2, 1), first);
    await expect.poll(() => gates.length).toBe(2);
    // What was asked for is from before the flush, and comes after it. By then the memory has let go of what was flushed.
    slow = false;
    gates[0]?.();
    await flushed;
    gates[1]?.();
    expect(await again).toMatchObject([{ version: 1 }, answer ?? {}]);
    expect((await history(bench.log)).outcomes).toHaveLength(2);
    expect(troubles).toEqual([]);
  });

  it('happens on its own when much has come, so that memory is bounded however long the log is', async () => {
    const { owner, flushes } = owning({ room: 20_000, flush: 10_000, full: 1e6 });
    for (let n = 0; n < 60; n++) {
      await ask(owner, ...Array.from({ length: 10 }, (_, at) => markRead(n * 10 + at, 1)));
    }
    expect(flushes.length).toBeGreaterThan(10);
    // A new owner without a store folds the same log, and flushes on the way.
    bench.shelf.clear();
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
        .toSorted((a, b) => a - b),
    ).toEqual([3, 4]);
    await owner.flush();
    expect(
      flushes.map(({ streams }) =>
        streams.map((each) => [each.stream, [...each.chunks.keys()].toSorted((a, b) => a - b)]),
      ),
    ).toEqual([[[stream, [3, 4]]]]);
  });

  it('is stored again by the chunks that changed since, not by all that are at hand', async () => {
    await long();
    const { owner, flushes } = owning({ ...tight, room: 1e9 });
    accepted(await ask(owner, post(5_000, clientId(1_000 + 2 * 500, 0x500))));
    await owner.flush();
    accepted(await ask(owner, post(5_001, null)));
    await owner.flush();
    expect(flushes.at(-1)?.streams.map(({ chunks }) => [...chunks.keys()])).toEqual([[4]]);
  });

  it('keeps the order of its commands while a chunk of it is fetched, and lets others pass', async () => {
    await long();
    const { owner } = owning();
    const old = clientId(1_000, 0x500);
    const commands = [post(6_000, old), markRead(1, 1), post(6_001, clientId(13_000, 0x500)), markRead(1, 2)];
    accepted(await ask(owner, ...commands));
    const causes = (await history(bench.log)).events.map(({ cause }) => cause);
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
    expect([...(bench.shelf.get(`${STATE}/${HOME}`)?.chunks.keys() ?? [])].toSorted()).toEqual(
      [...(whole.get(`${STATE}/${HOME}`)?.chunks.keys() ?? [])].toSorted(),
    );
  });
});
