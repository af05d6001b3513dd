import { beforeEach, describe, expect, it } from 'vitest';
import { LONGEST_DEADLINE } from '../command.js';
import { storeBench, tight } from './stored/testing.js';
import { T0, ada, ask, faulty, history, markRead, nextId, ownerOf, unanswered } from './testing.js';
import type { Owner } from './owner.js';
import { clientId } from '../../domain/testing.js';

// What an outcome is worth: whoever is asked, whenever within eight days, and whatever was lost of memory and store, the
// same command has the same answer and is done once.

const { bench, owning, takeovers, copy, putBack } = storeBench();

const HOUR = 3_600_000;
const at = (ms: number): string => new Date(ms).toISOString();

/** All the ways in which an owner may have come to know what was before it. */
const ways: readonly (readonly [string, (owner: Owner) => Promise<Owner>])[] = [
  ['the same owner', async (owner) => owner],
  ['the same owner, flushed', async (owner) => (await owner.flush(), owner)],
  ['the same owner, flushed and evicted', async (owner) => (await owner.flush(), await ask(owner, later()), owner)],
  ['a new owner, from the log alone', async () => (bench.shelf.clear(), owning().owner)],
  ['a new owner, from the store', async (owner) => (await owner.flush(), owning().owner)],
  [
    'a new owner, from an older store and the log',
    async (owner) => {
      const older = copy();
      await owner.flush();
      putBack(older);
      return owning().owner;
    },
  ],
  [
    'the old owner, after another had the partition',
    async (owner) => {
      await owner.flush();
      await ask(owning().owner, later());
      return owner;
    },
  ],
];

/** A command that says nothing about any other test's streams. */
let seq = 0;
const later = () => markRead(900, ++seq, { deadline: at(bench.clock.now + 1_000) });

describe.each(ways)('for %s', (_, onwards) => {
  let owner: Owner;
  beforeEach(() => {
    ({ owner } = owning());
  });

  it('a command that comes again has the answer that it had, and is not done again', async () => {
    const commands = [markRead(1, 1), markRead(1, -1), markRead(1, 1), markRead(1, 2, { expected: 7 })];
    const answers = await ask(owner, ...commands);
    expect(answers).toMatchObject([
      { status: 'accepted', events: 1 },
      { code: 'INVALID' },
      { status: 'accepted', events: 0 },
      { code: 'VERSION_MISMATCH' },
    ]);
    const before = await history(bench.log);
    const next = await onwards(owner);
    bench.clock.now += HOUR;
    expect(await ask(next, ...commands)).toEqual(answers);
    const { outcomes } = await history(bench.log);
    expect(outcomes.filter(({ command }) => commands.some(({ id }) => id === command))).toEqual(before.outcomes);
    for (const [n, { id, actor }] of commands.entries()) expect(await next.outcome({ id, actor })).toEqual(answers[n]);
  });

  it('its id is taken for every other command of its actor, and free for every other actor', async () => {
    const command = markRead(1, 1);
    const [first] = await ask(owner, command);
    const next = await onwards(owner);
    const other = clientId(3, 0x500);
    const answers = await ask(
      next,
      markRead(1, 2, { id: command.id }),
      markRead(1, 2, { id: command.id, actor: other }),
    );
    expect(answers).toMatchObject([{ code: 'COMMAND_ID_REUSED' }, { status: 'accepted', events: 1 }]);
    expect(await next.outcome(command)).toEqual(first);
    expect(await next.outcome({ id: command.id, actor: clientId(4) })).toBeUndefined();
  });

  it('one that came too late leaves nothing, so that its id may come with a new deadline', async () => {
    const command = markRead(1, 1, { deadline: at(T0) });
    expect(await ask(owner, markRead(1, 3), command)).toMatchObject([{ version: 1 }, { code: 'EXPIRED' }]);
    const next = await onwards(owner);
    expect(await next.outcome(command)).toBeUndefined();
    expect(await ask(next, command)).toMatchObject([{ code: 'EXPIRED' }]);
    expect(await ask(next, { ...command, deadline: at(bench.clock.now + 1) })).toMatchObject([
      { status: 'accepted', events: 0 },
    ]);
  });

  it('one with the longest deadline is known as long as it may come, and a day; then it can only expire', async () => {
    const command = markRead(1, 1, { deadline: at(T0 + LONGEST_DEADLINE) });
    const [first] = await ask(owner, command);
    const next = await onwards(owner);
    bench.clock.now = T0 + LONGEST_DEADLINE + 23 * HOUR;
    await ask(next, later());
    await next.flush();
    expect(await ask(next, command)).toEqual([first]);
    bench.clock.now += 2 * HOUR;
    await ask(next, later());
    await next.flush();
    expect(await ask(next, command)).toMatchObject([{ code: 'EXPIRED' }]);
    expect(await next.outcome(command)).toBeUndefined();
    expect(await ask(owning().owner, command)).toMatchObject([{ code: 'EXPIRED' }]);
  });

  it('the version that a command expects is that of the whole history', async () => {
    await ask(owner, markRead(1, 1), markRead(1, 2));
    const next = await onwards(owner);
    const answers = await ask(next, markRead(1, 3, { expected: 1 }), markRead(1, 4, { expected: 2 }));
    expect(answers).toMatchObject([{ code: 'VERSION_MISMATCH' }, { status: 'accepted', version: 3 }]);
  });
});

describe('a look-up', () => {
  it('finds what another owner has decided meanwhile', async () => {
    const [first, second] = [owning().owner, owning().owner];
    await first.takeOver();
    const command = markRead(1, 1);
    const [answer] = await ask(second, command);
    expect(await first.outcome(command)).toEqual(answer);
    // It has not become the owner by that.
    expect(await ask(second, markRead(1, 2))).toMatchObject([{ version: 2 }]);
    expect((await history(bench.log)).outcomes).toHaveLength(2);
  });

  it('finds it in a store that has moved, and where the store has lost it', async () => {
    const { owner } = owning();
    const [command, another] = [markRead(1, 1), markRead(1, 2)];
    const [answer] = await ask(owner, command);
    const empty = copy();
    await owner.flush();
    putBack(empty);
    expect(await owner.outcome(command)).toEqual(answer);
    // What the store then holds is not what it went on from: it takes over before it decides again.
    expect(await takeovers()).toBe(1);
    await ask(owner, markRead(2, 1));
    expect(await takeovers()).toBe(2);
    const [second] = await ask(owning().owner, another);
    expect(await owner.outcome(another)).toEqual(second);
    expect(await owner.outcome({ actor: ada, id: nextId() })).toBeUndefined();
    expect(await ask(owner, markRead(1, 3))).toMatchObject([{ version: 3 }]);
  });

  it('finds what landed though the log took nothing more, and its sender is told, too: what is in is history', async () => {
    const broken = Array.from({ length: 30 }, () => () => Promise.reject(new Error('the log is away')));
    const owner = ownerOf(faulty(bench.log, [undefined, unanswered, ...broken]), { clock: bench.clock, limits: tight });
    await owner.takeOver();
    const command = markRead(1, 1);
    const landed = { status: 'accepted', version: 1, position: { offset: 3 } };
    expect(await ask(owner, command)).toMatchObject([landed]);
    expect(await owner.outcome(command)).toMatchObject(landed);
  });
});
