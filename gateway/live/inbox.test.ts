import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { personKey } from '../../domain/content.js';
import { SYSTEM } from '../../domain/decider.js';
import { type Uuid, membershipStream } from '../../domain/ids.js';
import { type Harness, startHarness } from '../testing.js';
import { type InboxDelivery, followInbox } from './inbox.js';
import { type Fate, type Room, drain, expectClean, openRoom, seeded, shown, tellAs } from './testing.js';

let fate: () => Fate = () => 'pass';
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    sessions: (real) => ({
      ...real,
      publish: (topic, notice) => {
        tellAs(fate(), () => real.publish(topic, notice));
      },
    }),
  });
}, 60_000);
afterAll(() => harness.stop());
afterEach(async () => {
  fate = () => 'pass';
  await expectClean(harness);
});

const follow = async (subject: string, every = 25, pace?: () => Promise<unknown>) =>
  drain(await followInbox(harness, harness.userOf(subject), every), pace);

/** The list that a client has after these deliveries. */
function listOf(got: readonly InboxDelivery[]): ReadonlySet<Uuid> {
  const list = new Map<Uuid, number>();
  for (const { complete, rows, gone } of got) {
    if (complete) list.clear();
    for (const { id, version } of rows) list.set(id, version);
    for (const id of gone) list.delete(id);
  }
  return new Set(list.keys());
}

/** What a person does to a conversation for themselves. */
async function own(subject: string, { id }: Room, wish: { archived: boolean } | { hidden: boolean }): Promise<void> {
  const actor = harness.userOf(subject);
  const of = { id: harness.newId(subject), actor, key: personKey(actor), stream: membershipStream(id, actor) };
  const sent =
    'archived' in wish
      ? await harness.client.send({ ...of, type: 'ArchiveConversation', data: { conversation: id, ...wish } })
      : await harness.client.send({ ...of, type: 'HideConversation', data: { conversation: id, ...wish } });
  if (sent.status !== 'accepted') throw new Error(JSON.stringify(sent));
  await shown(harness, sent);
}

/** Tells the home of somebody what became of them in a conversation, as the reactor of joins does. */
async function tellHome(subject: string, { id: conversation }: Room, source: number, joined: boolean): Promise<void> {
  const user = harness.userOf(subject);
  const of = { id: harness.newId(subject), actor: SYSTEM, stream: membershipStream(conversation, user) };
  const sent = await harness.client.send(
    joined
      ? { ...of, type: 'JoinConversation', data: { conversation, user, role: 'writer', by: user, source } }
      : { ...of, type: 'LeaveConversation', data: { conversation, user, source } },
  );
  if (sent.status !== 'accepted') throw new Error(JSON.stringify(sent));
  await shown(harness, sent);
}

describe('a sidebar', () => {
  it('begins with a whole page and goes on with what changes', async () => {
    const room = await openRoom(harness, 'ana');
    await shown(harness, await room.rename('ana', 'First'));
    const ana = await follow('ana', 60_000);
    await expect.poll(() => ana.got.at(0)).toMatchObject({ complete: true, rows: [{ id: room.id }], gone: [] });
    const { version } = await room.rename('ana', 'Second');
    await expect
      .poll(() => ana.got.at(-1))
      .toMatchObject({ complete: false, rows: [{ id: room.id, version }], gone: [] });
    await room.delete();
    await expect.poll(() => ana.got.at(-1)).toEqual({ complete: false, rows: [], gone: [room.id] });
    await ana.close();
  });

  it('of a member at another home gets the conversation as they are let in, its changes, and that it is gone', async () => {
    const room = await openRoom(harness, 'ana');
    const bob = await follow('bob', 60_000);
    await expect.poll(() => bob.got).toEqual([{ complete: true, rows: [], gone: [] }]);
    await room.add('bob');
    await expect.poll(() => bob.got.at(-1)).toMatchObject({ rows: [{ id: room.id, role: 'writer' }] });
    const { version } = await room.post('ana');
    await expect.poll(() => bob.got.at(-1)?.rows.at(-1)?.version).toBe(version);
    await room.remove('bob');
    await expect.poll(() => bob.got.at(-1)).toEqual({ complete: false, rows: [], gone: [room.id] });
    const told = bob.got.length;
    await shown(harness, await room.post('ana'));
    await sleep(30);
    expect(bob.got).toHaveLength(told);
    await bob.close();
  });

  it('loses what its person archives or hides, and gets it back', async () => {
    const room = await openRoom(harness, 'cleo');
    await shown(harness, await room.rename('cleo', 'Mine'));
    const cleo = await follow('cleo', 60_000);
    for (const name of ['archived', 'hidden'] as const) {
      const wish = (value: boolean) => (name === 'archived' ? { archived: value } : { hidden: value });
      await own('cleo', room, wish(true));
      await expect.poll(() => cleo.got.at(-1)).toEqual({ complete: false, rows: [], gone: [room.id] });
      await own('cleo', room, wish(false));
      await expect.poll(() => cleo.got.at(-1)).toMatchObject({ rows: [{ id: room.id }], gone: [] });
    }
    await cleo.close();
  });

  it('heals a last notice that is lost, of a change and of a removal', async () => {
    const room = await openRoom(harness, 'ana', { dora: 'writer' });
    await tellHome('dora', room, 4, true);
    const dora = await follow('dora');
    await expect.poll(() => listOf(dora.got)).toEqual(new Set([room.id]));
    fate = () => 'lose';
    const { version } = await room.rename('ana', 'Silence');
    await expect.poll(() => dora.got.at(-1)?.rows.at(0)?.version).toBe(version);
    await room.remove('dora');
    await expect.poll(() => listOf(dora.got)).toEqual(new Set());
    await dora.close();
  });

  it('tells a slow reader the newest state, once', async () => {
    const room = await openRoom(harness, 'emil');
    const source = await followInbox(harness, harness.userOf('emil'), 60_000);
    await source.next();
    for (let n = 0; n < 10; n++) await room.rename('emil', `Title ${n}`);
    const last = await room.rename('emil', 'Last');
    await shown(harness, last);
    await sleep(10);
    expect((await source.next()).value).toMatchObject({ rows: [{ id: room.id, version: last.version }] });
    const pending = source.next();
    await sleep(30);
    await source.return(undefined);
    expect((await pending).done).toBe(true);
  });

  it('leaves nothing attached where the view fails', async () => {
    const away = { ...harness, core: { ...harness.core, inbox: () => Promise.reject(new Error('away')) } };
    const source = await followInbox(away, harness.userOf('ana'));
    await expect(source.next()).rejects.toThrow('away');
  });
});

const wish = fc.record({
  room: fc.nat(2),
  what: fc.constantFrom('post', 'remove', 'add', 'archive', 'unarchive', 'hide', 'show', 'rest'),
});

it('comes to what the view says, whatever is lost, doubled, late or out of order', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(wish, { minLength: 3, maxLength: 12 }), fc.integer(), async (wishes, seed) => {
      const chance = seeded(seed);
      fate = () => (['pass', 'lose', 'double', 'late'] as const)[Math.floor(chance() * 4)] ?? 'pass';
      const guest = `guest ${(run += 1)}`;
      const rooms: { room: Room; inside: boolean }[] = [];
      for (let n = 0; n < 3; n++) {
        const room = await openRoom(harness, n === 0 ? guest : 'ana', n === 0 ? {} : { [guest]: 'writer' });
        if (n > 0) await tellHome(guest, room, 4, true);
        rooms.push({ room, inside: true });
      }
      const follower = await follow(guest, 25, () => sleep(chance() * 5));
      for (const { room: n, what } of wishes) {
        const at = rooms[n];
        if (!at) continue;
        const { room } = at;
        if (what === 'rest') await sleep(15);
        else if (what === 'post') await room.post(n === 0 ? guest : 'ana');
        else if (what === 'archive' || what === 'unarchive') await own(guest, room, { archived: what === 'archive' });
        else if (what === 'hide' || what === 'show') await own(guest, room, { hidden: what === 'hide' });
        else if (n > 0 && at.inside === (what === 'remove')) {
          const { version } = what === 'remove' ? await room.remove(guest) : await room.add(guest);
          at.inside = what === 'add';
          await tellHome(guest, room, version, at.inside);
        }
      }
      for (const { room } of rooms) await shown(harness, await room.post(room === rooms[0]?.room ? guest : 'ana'));
      const { rows } = await harness.core.inbox(harness.userOf(guest), 'inbox', 50);
      await expect.poll(() => listOf(follower.got), { interval: 3 }).toEqual(new Set(rows.map(({ id }) => id)));
      for (const { id, version } of rows) {
        const newest = (): number =>
          Math.max(
            ...follower.got
              .flatMap((delivery) => delivery.rows.filter((row) => row.id === id))
              .map((row) => row.version),
          );
        await expect.poll(newest, { interval: 3 }).toBe(version);
      }
      await follower.close();
      await follower.over;
    }),
    { numRuns: 12 },
  );
}, 120_000);
