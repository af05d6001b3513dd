import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, startHarness } from '../testing.js';
import { guardAccess } from './guard.js';
import { type Fate, drain, expectClean, openRoom, seeded, shown, tellAs } from './testing.js';
import { followTyping } from './typing.js';

let fate: (topic: string) => Fate = () => 'pass';
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    headsEvery: 25,
    sessions: (real) => ({
      ...real,
      attach: (topic, listener) =>
        real.attach(topic, (notice) => {
          tellAs(fate(topic), () => listener(notice));
        }),
    }),
  });
}, 60_000);
afterAll(() => harness.stop());
afterEach(async () => {
  fate = () => 'pass';
  await expectClean(harness);
});

const follow = async (subject: string, id: string, pace?: () => Promise<unknown>) =>
  drain(await followTyping(harness, harness.userOf(subject), id, 25), pace);

describe('who types', () => {
  it('is told to the others, first as it is and then at each change, and never to oneself', async () => {
    const [ana, bob] = [harness.userOf('ana'), harness.userOf('bob')];
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    await shown(harness, await room.rename('ana', 'Typed'));
    harness.sessions.setTyping(room.id, bob, true);
    const [anas, bobs] = [await follow('ana', room.id), await follow('bob', room.id)];
    await expect.poll(() => anas.got).toEqual([[bob]]);
    harness.sessions.setTyping(room.id, ana, true);
    await expect.poll(() => bobs.got).toEqual([[], [ana]]);
    harness.sessions.setTyping(room.id, bob, false);
    await expect.poll(() => anas.got).toEqual([[bob], []]);
    expect(bobs.got).toEqual([[], [ana]]);
    await Promise.all([anas.close(), bobs.close()]);
  });

  it('heals where the last notice is lost, and where somebody only falls silent', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    await shown(harness, await room.rename('ana', 'Typed'));
    const ana = await follow('ana', room.id);
    fate = () => 'lose';
    harness.sessions.setTyping(room.id, harness.userOf('bob'), true);
    await expect.poll(() => ana.got.at(-1)).toEqual([harness.userOf('bob')]);
    harness.sessions.setTyping(room.id, harness.userOf('bob'), false);
    await expect.poll(() => ana.got.at(-1)).toEqual([]);
    await ana.close();
  });

  it('ends for whoever is removed, whether that is told or not', async () => {
    for (const what of ['pass', 'lose'] as const) {
      const room = await openRoom(harness, 'ana', { bob: 'writer' });
      await shown(harness, await room.rename('ana', 'Typed'));
      const bob = await follow('bob', room.id);
      fate = (topic) => (topic.startsWith('conversation:') ? what : 'pass');
      await room.remove('bob');
      await bob.over;
      harness.sessions.setTyping(room.id, harness.userOf('ana'), true);
      await sleep(30);
      expect(bob.got.flat()).toEqual([]);
    }
  });

  it('is nothing to strangers, nor in a conversation that is deleted', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    harness.sessions.setTyping(room.id, harness.userOf('ana'), true);
    const [cleo, bob] = [await follow('cleo', room.id), await follow('bob', room.id)];
    await room.delete();
    await Promise.all([cleo.over, bob.over]);
    expect(cleo.got).toEqual([]);
  });

  it('is the newest state as it is, whatever is lost, doubled, late or out of order', async () => {
    const names = ['ana', 'bob', 'cleo', 'dora'];
    const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'writer', dora: 'reader' });
    await shown(harness, await room.rename('ana', 'Typed'));
    const changes = fc.array(fc.record({ name: fc.constantFrom(...names), typing: fc.boolean() }), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(changes, fc.integer(), async (list, seed) => {
        const chance = seeded(seed);
        fate = () => (['pass', 'lose', 'double', 'late'] as const)[Math.floor(chance() * 4)] ?? 'pass';
        const ana = await follow('ana', room.id, () => sleep(chance() * 5));
        for (const { name, typing } of list) {
          harness.sessions.setTyping(room.id, harness.userOf(name), typing);
          if (chance() < 0.3) await sleep(2);
        }
        const others = (await harness.sessions.readTyping(room.id)).filter((user) => user !== harness.userOf('ana'));
        const state = async (): Promise<readonly string[]> => [...(ana.got.at(-1) ?? ['nothing yet'])].toSorted();
        // Late notices may still undo it: the state is read again, and stands.
        await sleep(20);
        await expect.poll(state, { interval: 3 }).toEqual(others.toSorted());
        for (const [n, people] of ana.got.entries()) {
          expect(people).not.toContain(harness.userOf('ana'));
          expect(people).not.toEqual(ana.got[n - 1]);
        }
        await ana.close();
        await ana.over;
      }),
      { numRuns: 20 },
    );
  }, 60_000);
});

describe('the guard of a conversation', () => {
  it('tells once, and leaves nothing behind', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    let told = 0;
    await guardAccess(harness, harness.userOf('bob'), room.id, () => {
      told += 1;
    });
    fate = () => 'double';
    await shown(harness, await room.remove('bob'));
    await expect.poll(() => told).toBe(1);
    await shown(harness, await room.add('bob'));
    await shown(harness, await room.remove('bob'));
    expect(told).toBe(1);
  });

  it('tells at once where access is lost already, or cannot be known', async () => {
    const room = await openRoom(harness, 'ana');
    const away = { ...harness, core: { ...harness.core, seen: () => Promise.reject(new Error('away')) } };
    for (const [live, subject] of [[harness, 'cleo'] as const, [away, 'ana'] as const]) {
      let told = 0;
      await guardAccess(live, harness.userOf(subject), room.id, () => {
        told += 1;
      });
      expect(told).toBe(1);
    }
  });
});
