import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Harness, startHarness } from '../testing.js';
import { type ConversationDelivery, manyFollowConversation } from './conversation.js';
import { type Seat, createGroups } from './groups.js';
import { type Fate, expectClean, openRoom, seedOfRun, seeded, shown, tellAs } from './testing.js';

// Groups of people who follow one conversation, over a bus that loses, doubles and delays what it is told.

let fate: () => Fate = () => 'pass';
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    headsEvery: 25,
    sessions: (real) => ({
      ...real,
      publish: (topic, notice) => {
        tellAs(topic.startsWith('conversation:') ? fate() : 'pass', () => real.publish(topic, notice));
      },
    }),
  });
}, 60_000);
afterAll(() => harness.stop());
afterEach(async () => {
  fate = () => 'pass';
  await expectClean(harness);
});

type Got = Pick<ConversationDelivery, 'from' | 'to' | 'removed'> & {
  readonly head?: number;
  readonly messages: readonly string[];
  readonly together: boolean;
};

const gotOf = (delivery: ConversationDelivery, together: boolean): Got => ({
  from: delivery.from,
  to: delivery.to,
  removed: delivery.removed,
  together,
  ...(delivery.removed ? {} : { head: delivery.conversation.version }),
  messages: delivery.removed ? [] : delivery.messages.map(({ id, version }) => `${id} ${version}`),
});

/** People who follow in one group; `pace`: how slow it is to write out what all get, and each to take their own. */
function openCrowd(pace: () => Promise<unknown> = async () => undefined) {
  const groups = createGroups(manyFollowConversation(harness));
  const document = {};
  let renders = 0;
  const join = async (subject: string, id: string, asOf: number) => {
    const got: Got[] = [];
    let reads = true;
    let ended = false;
    const seat: Seat = {
      document,
      key: '',
      renderer: () => async (delivery) => {
        renders += 1;
        await pace();
        return { payload: Buffer.from(JSON.stringify(delivery)) };
      },
      send: (payload) => {
        if (ended) throw new Error('something came after the end');
        if (reads) got.push(gotOf(JSON.parse(payload.toString()), true));
        return reads;
      },
      told: () => undefined,
    };
    const source = await groups.follow({ id }, harness.userOf(subject), asOf, seat);
    const over = (async () => {
      for await (const delivery of source) {
        got.push(gotOf(delivery, false));
        await pace();
      }
      ended = true;
    })();
    return {
      subject,
      asOf,
      got,
      over,
      read: (does: boolean) => void (reads = does),
      to: () => got.at(-1)?.to ?? asOf,
      close: async () => void (await source.return(undefined)),
    };
  };
  return { join, renders: () => renders };
}
type Follower = Awaited<ReturnType<ReturnType<typeof openCrowd>['join']>>;

/** That each change came once and in order. */
function expectOnce({ asOf, got }: Follower): void {
  expect(got.map(({ from }) => from)).toEqual([asOf, ...got.map(({ to }) => to)].slice(0, got.length));
  const messages = got.flatMap((each) => each.messages);
  expect(new Set(messages).size).toBe(messages.length);
}

it('executes once what all get, and brings those who come later up to the others', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'reader' });
  const crowd = openCrowd();
  const first = await crowd.join('ana', room.id, 0);
  let { version } = await room.post('ana');
  await expect.poll(first.to).toBe(version);
  expect(crowd.renders()).toBe(0);
  const others = await Promise.all(['bob', 'cleo', 'bob', 'ana'].map((person) => crowd.join(person, room.id, 0)));
  const all = [first, ...others];
  // When all have come into step depends on nothing that can be seen: until then each has a source of their own.
  await expect
    .poll(async () => {
      ({ version } = await room.post('ana'));
      await expect.poll(() => all.map(({ to }) => to())).toEqual(all.map(() => version));
      return all.every(({ got }) => got.at(-1)?.together);
    })
    .toBe(true);
  const before = crowd.renders();
  for (let n = 0; n < 5; n++) await shown(harness, await room.post('bob'));
  await expect.poll(() => new Set(all.map(({ to }) => to())).size).toBe(1);
  expect(crowd.renders() - before).toBeLessThanOrEqual(5);
  // What all in step watch is watched once: a topic and a head.
  expect(harness.attached()).toBe(2);
  for (const follower of all) {
    await follower.close();
    await follower.over;
    expectOnce(follower);
  }
});

it('ends for whoever is removed with their removal, also where much is queued, and goes on for the others', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'reader' });
  const crowd = openCrowd(() => sleep(20));
  const [ana, bob, cleo] = await Promise.all(['ana', 'bob', 'cleo'].map((person) => crowd.join(person, room.id, 3)));
  if (!ana || !bob || !cleo) throw new Error('nobody follows');
  await expect
    .poll(async () => {
      await shown(harness, await room.post('ana'));
      return [ana, bob, cleo].every(({ got }) => got.at(-1)?.together);
    })
    .toBe(true);
  // Each takes 20 ms to be written out, so that the removal, and what comes after it, wait behind the others.
  for (let n = 0; n < 10; n++) await shown(harness, await room.post('ana'));
  const removal = await room.remove('bob');
  let last = await room.post('ana', 'secret');
  for (let n = 0; n < 10; n++) await shown(harness, (last = await room.post('ana', 'secret')));
  await bob.over;
  expect(bob.got.at(-1)).toMatchObject({ to: removal.version, removed: true });
  expect(bob.got.slice(0, -1).filter(({ head = 0 }) => head >= removal.version)).toEqual([]);
  await expect.poll(() => [ana.to(), cleo.to()]).toEqual([last.version, last.version]);
  for (const follower of [ana, bob, cleo]) {
    expectOnce(follower);
    await follower.close();
  }
});

it('lets whoever does not read fall back to a source of their own, and misses nothing', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'writer' });
  const crowd = openCrowd();
  const [ana, bob] = [await crowd.join('ana', room.id, 0), await crowd.join('bob', room.id, 0)];
  const together = () => bob.got.at(-1)?.together;
  await expect.poll(async () => shown(harness, await room.post('ana')).then(together)).toBe(true);
  bob.read(false);
  for (let n = 0; n < 3; n++) await shown(harness, await room.post('ana'));
  await expect.poll(together).toBe(false);
  bob.read(true);
  await expect.poll(async () => shown(harness, await room.post('ana')).then(together)).toBe(true);
  const { version } = await room.post('ana');
  await expect.poll(() => [ana.to(), bob.to()]).toEqual([version, version]);
  for (const follower of [ana, bob]) {
    expectOnce(follower);
    await follower.close();
  }
});

it('ends for all with the conversation', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'writer' });
  const crowd = openCrowd();
  const all = [await crowd.join('ana', room.id, 0), await crowd.join('bob', room.id, 0)];
  await expect
    .poll(async () => shown(harness, await room.post('ana')).then(() => all.every(({ got }) => got.at(-1)?.together)))
    .toBe(true);
  const { version } = await room.delete();
  await Promise.all(all.map(({ over }) => over));
  for (const follower of all) {
    expect(follower.to()).toBe(version);
    expectOnce(follower);
  }
});

const action = fc.constantFrom('post', 'post', 'post', 'bob posts', 'remove', 'add', 'reopen', 'join', 'stall', 'rest');
const seed = seedOfRun();

it(`gives each change once and in order, and nothing to who is no member, whatever breaks (seed ${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 8, maxLength: 30 }), fc.integer(), async (actions, mix) => {
      const chance = seeded(mix);
      fate = () => (['pass', 'pass', 'lose', 'double', 'late'] as const)[Math.floor(chance() * 5)] ?? 'pass';
      const crowd = openCrowd(() => sleep(chance() * 8));
      const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'writer' });
      /** From which version until before which Bob is no member. */
      const absences: { from: number; until: number }[] = [];
      let version = 5;
      const isMember = (): boolean => absences.every(({ until }) => until < Infinity);
      const closed: Follower[] = [];
      const open = [
        await crowd.join('ana', room.id, 0),
        await crowd.join('bob', room.id, 0),
        await crowd.join('cleo', room.id, 4),
      ];

      for (const what of actions) {
        const [one] = open.splice(Math.floor(chance() * open.length), 1);
        if (!one) throw new Error('nobody follows');
        if (what === 'rest') await sleep(20);
        else if (what === 'stall') {
          one.read(false);
          setTimeout(() => one.read(true), 20);
        } else if (what === 'join') open.push(await crowd.join('cleo', room.id, 0));
        else if (what === 'reopen' && (one.subject !== 'bob' || isMember())) {
          await one.close();
          await one.over;
          closed.push(one);
          open.push(await crowd.join(one.subject, room.id, one.to()));
          continue;
        } else if (what === 'remove' && isMember()) {
          ({ version } = await room.remove('bob'));
          absences.push({ from: version, until: Infinity });
        } else if (what === 'add' && !isMember()) {
          ({ version } = await room.add('bob'));
          absences.splice(-1, 1, { from: absences.at(-1)?.from ?? 0, until: version });
        } else if (what === 'post' || (what === 'bob posts' && isMember())) {
          ({ version } = await room.post(what === 'post' ? 'ana' : 'bob'));
        }
        open.push(one);
      }
      const isDone = (follower: Follower): boolean =>
        follower.subject === 'bob' && (!isMember() || follower.got.at(-1)?.removed)
          ? follower.got.at(-1)?.removed === true
          : follower.to() === version;
      await expect.poll(() => open.every(isDone), { timeout: 8_000, interval: 5 }).toBe(true);
      await Promise.all(open.map(({ close }) => close()));
      await Promise.all(open.map(({ over }) => over));
      expect(harness.attached()).toBe(0);

      for (const follower of [...open, ...closed]) {
        expectOnce(follower);
        if (follower.subject !== 'bob') continue;
        for (const { removed, to, head = to } of follower.got) {
          const absence = absences.find(({ from, until }) => from <= head && head < until);
          expect(absence?.from).toBe(removed ? to : undefined);
        }
      }
      const { messages } = (await harness.core.changes(room.id, 0)) ?? { messages: [] };
      const whole = open.filter(({ subject, asOf }) => subject === 'cleo' && asOf === 0);
      for (const { got } of whole) {
        const told = new Set(got.flatMap((each) => each.messages.map((message) => message.split(' ')[0])));
        expect(told).toEqual(new Set(messages.map(({ id }) => id)));
      }
    }),
    { numRuns: 25, seed, endOnFailure: true },
  );
}, 180_000);
