import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from '../testing.js';
import { type ConversationDelivery, followConversation } from './conversation.js';
import { type Fate, drain, expectClean, openRoom, seeded, shown, tellAs } from './testing.js';

let fate: (notice: object) => Fate = () => 'pass';
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    headsEvery: 25,
    sessions: (real) => ({
      ...real,
      publish: (topic, notice) => {
        tellAs(topic.startsWith('conversation:') ? fate(notice) : 'pass', () => real.publish(topic, notice));
      },
    }),
  });
}, 60_000);
afterAll(() => harness.stop());
afterEach(async () => {
  fate = () => 'pass';
  await expectClean(harness);
});

/** Follows with the real view, but for how many messages it gives at once: `page`. */
const follow = async (subject: string, id: string, asOf: number, pace?: () => Promise<unknown>, page?: number) => {
  const core = { ...harness.core, changes: (of: string, since: number) => harness.core.changes(of, since, page) };
  return drain(await followConversation({ ...harness, core }, harness.userOf(subject), id, asOf), pace);
};

type Rows = Extract<ConversationDelivery, { removed: false }>;
const rowsOf = (delivered: readonly ConversationDelivery[]): readonly Rows[] =>
  delivered.filter((delivery): delivery is Rows => !delivery.removed);

/** That each change came once and in order: spans join on to each other, and hold what they say. */
function expectOnce(delivered: readonly ConversationDelivery[], asOf: number): void {
  const joins = [asOf, ...delivered.map(({ to }) => to)].slice(0, delivered.length);
  expect(delivered.map(({ from }) => from)).toEqual(joins);
  for (const { from, to, conversation, messages, members } of rowsOf(delivered)) {
    // It is newer where it comes with one page of several.
    expect(conversation.version).toBeGreaterThanOrEqual(to);
    for (const { version } of [...messages, ...members]) {
      expect(version).toBeGreaterThan(from);
      expect(version).toBeLessThanOrEqual(to);
    }
  }
}

describe('a conversation, followed by its members', () => {
  it('tells a member of another home what happens, and ends with their removal, of which they see the version alone', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    const [ana, bob] = [await follow('ana', room.id, 0), await follow('bob', room.id, 0)];
    await shown(harness, await room.post('bob'));
    const removal = await room.remove('bob');
    const last = await room.post('ana');
    await bob.over;
    expectOnce(bob.got, 0);
    expect(bob.got.at(-1)).toMatchObject({ to: removal.version, removed: true });
    await expect.poll(() => ana.got.at(-1)?.to).toBe(last.version);
    expectOnce(ana.got, 0);
    await ana.close();
  });

  it('tells of members that came, changed and went', async () => {
    const room = await openRoom(harness, 'ana');
    const ana = await follow('ana', room.id, 0);
    await room.add('bob', 'reader');
    const { version } = await room.remove('bob');
    await expect.poll(() => ana.got.at(-1)?.to).toBe(version);
    const bobs = rowsOf(ana.got).flatMap(({ members }) =>
      members.filter((row) => row.person === harness.userOf('bob')),
    );
    expect(bobs.at(-1)).toMatchObject({ removed: true, version });
    await ana.close();
  });

  it('gives whoever is no member nothing, whatever version they say they have', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    await shown(harness, await room.remove('bob'));
    for (const asOf of [0, 4, 1_000]) {
      for (const subject of ['bob', 'cleo']) {
        const follower = await follow(subject, room.id, asOf);
        await follower.over;
        expect(follower.got).toEqual([{ from: asOf, to: expect.any(Number), removed: true }]);
      }
    }
  });

  it('is not fooled by a version that is yet to come: a removal before it is a removal', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    const bob = await follow('bob', room.id, 8);
    // Told to nobody: it must be found by looking, and it lies before what the client says it has.
    fate = () => 'lose';
    await shown(harness, await room.remove('bob'));
    for (let n = 0; n < 5; n++) await room.post('ana');
    await bob.over;
    expect(bob.got).toEqual([{ from: 8, to: 8, removed: true }]);
  });

  it('heals a last notice that is lost, by the repeated head, and the last of a member too', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    const [ana, bob] = [await follow('ana', room.id, 0), await follow('bob', room.id, 0)];
    await shown(harness, await room.post('ana'));
    fate = () => 'lose';
    const { version } = await room.remove('bob');
    await bob.over;
    expect(bob.got.at(-1)).toMatchObject({ to: version, removed: true });
    await expect.poll(() => ana.got.at(-1)?.to).toBe(version);
    await ana.close();
  });

  it('keeps no more than a few notices for a reader that does not read, and misses nothing all the same', async () => {
    const room = await openRoom(harness, 'ana');
    const source = await followConversation(harness, harness.userOf('ana'), room.id, 0);
    await Promise.all(Array.from({ length: 150 }, () => room.post('ana')));
    const { version, position } = await room.rename('ana', 'At last');
    await harness.core.reached(position, 10_000);
    const ana = drain(source);
    await expect.poll(() => ana.got.at(-1)?.to).toBe(version);
    expectOnce(ana.got, 0);
    // All at once, for what was kept would not have been enough.
    expect(ana.got.length).toBeLessThan(64);
    expect(rowsOf(ana.got).flatMap(({ messages }) => messages)).toHaveLength(302);
    await ana.close();
  });

  it('gives what has gathered piece by piece, each change once, and goes on with what comes', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    for (let n = 0; n < 10; n++) await room.post('bob');
    await shown(harness, await room.rename('ana', 'Long'));
    const ana = await follow('ana', room.id, 0, undefined, 4);
    const last = await room.post('ana');
    await expect.poll(() => ana.got.at(-1)?.to).toBe(last.version);
    expectOnce(ana.got, 0);
    const pieces = rowsOf(ana.got).map(({ messages }) => messages);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(5);
    expect(new Set(pieces.flat().map(({ id }) => id)).size).toBe(24);
    expect(pieces.flat()).toHaveLength(24);
    const people = rowsOf(ana.got).flatMap(({ members }) => members.map(({ person }) => person));
    expect(new Set(people)).toEqual(new Set([harness.userOf('ana'), harness.userOf('bob')]));
    await ana.close();
  });

  it('gives no piece after a removal, though what it holds came before', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    for (let n = 0; n < 5; n++) await shown(harness, await room.post('ana'));
    const source = await followConversation(
      { ...harness, core: { ...harness.core, changes: (of, since) => harness.core.changes(of, since, 2) } },
      harness.userOf('bob'),
      room.id,
      0,
    );
    const first = await source.next();
    const { version, position } = await room.remove('bob');
    await harness.core.reached(position, 10_000);
    expect(first.value).toMatchObject({ from: 0, removed: false });
    expect(await source.next()).toMatchObject({ value: { to: version, removed: true } });
    expect(await source.next()).toMatchObject({ done: true });
  });

  it('ends with the conversation, once all pieces of it are told', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    for (let n = 0; n < 5; n++) await room.post('ana');
    const { version, position } = await room.delete();
    await harness.core.reached(position, 10_000);
    const bob = await follow('bob', room.id, 0, undefined, 2);
    await bob.over;
    expectOnce(bob.got, 0);
    expect(bob.got.at(-1)?.to).toBe(version);
  });

  it('keeps no more than some text for a reader that does not read', async () => {
    const room = await openRoom(harness, 'ana');
    const quiet = { ...harness, heads: { ...harness.heads, watch: () => () => undefined } };
    const source = await followConversation(quiet, harness.userOf('ana'), room.id, 0);
    await source.next();
    for (let n = 0; n < 10; n++) await shown(harness, await room.post('ana', 'x'.repeat(90_000)));
    const { version, position } = await room.rename('ana', 'At last');
    await harness.core.reached(position, 10_000);
    const ana = drain(source);
    await expect.poll(() => ana.got.at(-1)?.to).toBe(version);
    // More than two do not fit: the rest came at once.
    expect(ana.got.length).toBeLessThan(8);
    expect(rowsOf(ana.got).flatMap(({ messages }) => messages)).toHaveLength(20);
    await ana.close();
  });

  it('ends with the conversation', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    const bob = await follow('bob', room.id, 0);
    await room.delete();
    await bob.over;
    expect(bob.got.at(-1)).toMatchObject({ removed: false, conversation: { deleted: true } });
    expect(harness.attached()).toBe(0);
  });

  it('leaves nothing attached, in whatever state it is closed', async () => {
    const room = await openRoom(harness, 'ana');
    const open = () => followConversation(harness, harness.userOf('ana'), room.id, 0);
    const before = await open();
    await before.return(undefined);
    const waiting = await open();
    await waiting.next();
    const pending = waiting.next();
    await waiting.return(undefined);
    expect(await pending).toMatchObject({ done: true });
    const reading = await open();
    const read = reading.next();
    await reading.return(undefined);
    expect(await read).toMatchObject({ done: true });
    const thrown = await open();
    await expect(thrown.throw(new Error('no more'))).rejects.toThrow('no more');
    expect(harness.attached()).toBe(0);

    const broken = { ...harness, core: { ...harness.core, changes: () => Promise.reject(new Error('away')) } };
    const failing = await followConversation(broken, harness.userOf('ana'), room.id, 0);
    await expect(failing.next()).rejects.toThrow('away');
    const blind = { ...harness, core: { ...harness.core, seen: () => Promise.reject(new Error('away')) } };
    await expect(followConversation(blind, harness.userOf('ana'), room.id, 0)).rejects.toThrow('away');
    expect(harness.attached()).toBe(0);
  });
});

const action = fc.constantFrom('post', 'post', 'post', 'bob posts', 'rename', 'remove', 'add', 'reopen', 'rest');

it('holds for notices lost, doubled, late and out of order: each change once, in order, nothing to who is not a member', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 25 }), fc.integer(), async (actions, seed) => {
      const chance = seeded(seed);
      fate = () => (['pass', 'pass', 'lose', 'double', 'late'] as const)[Math.floor(chance() * 5)] ?? 'pass';
      const pace = () => sleep(chance() * 10);
      const room = await openRoom(harness, 'ana', { bob: 'writer' });
      /** From which version until before which Bob is no member. */
      const absences: { from: number; until: number }[] = [];
      let version = 4;
      const open = async (subject: string, asOf: number) => ({
        asOf,
        ...(await follow(subject, room.id, asOf, pace, 1 + Math.floor(chance() * 4))),
      });
      const anas = [await open('ana', 0)];
      const bobs = [await open('bob', 0)];
      const isMember = (): boolean => absences.every(({ until }) => until < Infinity);

      for (const what of actions) {
        if (what === 'rest') await sleep(20);
        else if (what === 'reopen') {
          for (const [subject, followers] of [['ana', anas] as const, ['bob', bobs] as const]) {
            const last = followers.at(-1);
            if (!last || (subject === 'bob' && !isMember())) continue;
            await last.close();
            await last.over;
            followers.push(await open(subject, last.got.at(-1)?.to ?? last.asOf));
          }
        } else if (what === 'remove') {
          if (!isMember()) continue;
          ({ version } = await room.remove('bob'));
          absences.push({ from: version, until: Infinity });
        } else if (what === 'add') {
          const absence = absences.at(-1);
          if (!absence || isMember()) continue;
          ({ version } = await room.add('bob'));
          absence.until = version;
        } else if (what === 'rename') ({ version } = await room.rename('ana', `Title ${version}`));
        else if (what === 'post' || isMember()) ({ version } = await room.post(what === 'post' ? 'ana' : 'bob'));
      }

      const [ana, bob] = [anas.at(-1), bobs.at(-1)];
      if (!ana || !bob) throw new Error('nobody follows');
      await expect.poll(() => ana.got.at(-1)?.to ?? ana.asOf, { timeout: 5_000, interval: 5 }).toBe(version);
      const isDone = (): boolean =>
        bob.got.at(-1)?.removed === true || (isMember() && (bob.got.at(-1)?.to ?? bob.asOf) === version);
      await expect.poll(isDone, { timeout: 5_000, interval: 5 }).toBe(true);
      await Promise.all([ana.close(), bob.close(), ana.over, bob.over]);
      expect(harness.attached()).toBe(0);

      for (const { asOf, got } of [...anas, ...bobs]) expectOnce(got, asOf);
      const { messages } = (await harness.core.changes(room.id, 0)) ?? { messages: [] };
      const told = new Map(
        anas.flatMap(({ got }) => rowsOf(got)).flatMap((rows) => rows.messages.map((row) => [row.id, row])),
      );
      expect([...told.values()].toSorted((a, b) => a.seq - b.seq)).toEqual(messages);
      for (const delivery of bobs.flatMap(({ got }) => got)) {
        // When it was read: the piece itself may end in an absence that was over by then.
        const at = delivery.removed ? delivery.to : delivery.conversation.version;
        const absence = absences.find(({ from, until }) => from <= at && at < until);
        expect(absence?.from).toBe(delivery.removed ? at : undefined);
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);
