import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ReplyDelta } from '../../projections/sessions/sessions.js';
import { type Harness, startHarness } from '../testing.js';
import { type Seat, createGroups } from './groups.js';
import { followReply, manyFollowReply } from './reply.js';
import { type Fate, type Room, drain, expectClean, openRoom, seeded, shown, tellAs } from './testing.js';

let fate: (topic: string) => Fate = () => 'pass';
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    headsEvery: 25,
    sessions: (real) => {
      const publish: typeof real.publish = (topic, notice) => {
        tellAs(fate(topic), () => real.publish(topic, notice));
      };
      return {
        ...real,
        publish,
        // What tells a reply goes over the same bus.
        attach: async (topic, listener) => {
          const chance = topic.startsWith('reply:') ? () => fate(topic) : (): Fate => 'pass';
          return real.attach(topic, (notice) => {
            tellAs(chance(), () => listener(notice));
          });
        },
      };
    },
  });
}, 60_000);
afterAll(() => harness.stop());
afterEach(async () => {
  fate = () => 'pass';
  await expectClean(harness);
});

const follow = async (subject: string, room: Room, pace?: () => Promise<unknown>) =>
  drain(await followReply(harness, harness.userOf(subject), room.id, room.reply), pace);

const piece = (room: Room, attempt: number, offset: number, text: string): ReplyDelta => ({
  reply: room.reply,
  attempt,
  part: 0,
  offset,
  text,
});

/** The text of the newest attempt, of pieces that must join on to each other. */
function textOf(got: readonly ReplyDelta[]): string {
  let [attempt, text] = [0, ''];
  for (const delta of got) {
    expect(delta.attempt).toBeGreaterThanOrEqual(attempt);
    if (delta.attempt > attempt) [attempt, text] = [delta.attempt, ''];
    expect(delta.offset).toBe(text.length);
    text += delta.text;
  }
  return text;
}

describe('a running reply', () => {
  it('comes to a member of another home, from the text so far to its end', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    await shown(harness, await room.claim());
    harness.sessions.writeReply(piece(room, 1, 0, 'Once '));
    const bob = await follow('bob', room);
    harness.sessions.writeReply(piece(room, 1, 5, 'upon'));
    await expect.poll(() => textOf(bob.got)).toBe('Once upon');
    harness.sessions.endReply(room.reply);
    await bob.over;
  });

  it('ends for whoever is removed, at once where that is told, and by the repeated head where it is not', async () => {
    for (const what of ['pass', 'lose'] as const) {
      const room = await openRoom(harness, 'ana', { bob: 'reader' });
      await shown(harness, await room.claim());
      const [ana, bob] = [await follow('ana', room), await follow('bob', room)];
      fate = (topic) => (topic.startsWith('conversation:') ? what : 'pass');
      await room.remove('bob');
      await bob.over;
      harness.sessions.writeReply(piece(room, 1, 0, 'a secret'));
      await expect.poll(() => textOf(ana.got)).toBe('a secret');
      expect(bob.got).toEqual([]);
      await ana.close();
    }
  });

  it('is nothing for strangers, for who was removed before, and in a conversation that is deleted', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader', cleo: 'reader' });
    await shown(harness, await room.remove('bob'));
    harness.sessions.writeReply(piece(room, 1, 0, 'a secret'));
    const outside = [await follow('bob', room), await follow('dora', room)];
    const cleo = await follow('cleo', room);
    await room.delete();
    await Promise.all([...outside, cleo].map(({ over }) => over));
    for (const { got } of outside) expect(got).toEqual([]);
  });

  it('ends though its end is lost, and shows what nobody told', async () => {
    const room = await openRoom(harness, 'ana');
    await shown(harness, await room.claim());
    const ana = await follow('ana', room);
    fate = () => 'lose';
    harness.sessions.writeReply(piece(room, 1, 0, 'the last words'));
    await expect.poll(() => textOf(ana.got)).toBe('the last words');
    await room.complete('the last words');
    await ana.over;
  });

  it('has ended where the view says so', async () => {
    const room = await openRoom(harness, 'ana');
    await room.claim();
    await shown(harness, await room.complete('all'));
    const ana = await follow('ana', room);
    await ana.over;
    expect(ana.got).toEqual([]);
  });

  it('comes as one piece to a slow reader', async () => {
    const room = await openRoom(harness, 'ana');
    await shown(harness, await room.claim());
    const source = await followReply(harness, harness.userOf('ana'), room.id, room.reply);
    for (let n = 0; n < 1_000; n++) harness.sessions.writeReply(piece(room, 1, n, 'x'));
    harness.sessions.publish(`reply:${room.reply}`, {});
    await sleep(10);
    expect(await source.next()).toEqual({ done: false, value: piece(room, 1, 0, 'x'.repeat(1_000)) });
    await source.return(undefined);
  });

  it('is not followed anew without end for those who read nothing, where the text so far is lost', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    await shown(harness, await room.claim());
    const write = (offset: number, text: string) => harness.sessions.writeReply(piece(room, 1, offset, text));
    let [isLost, reads, opened] = [false, true, 0];
    const readReply: typeof harness.sessions.readReply = async (id) =>
      isLost ? undefined : harness.sessions.readReply(id);
    const kind = manyFollowReply({ ...harness, sessions: { ...harness.sessions, readReply } });
    const open: typeof kind.open = (...args) => {
      opened += 1;
      return kind.open(...args);
    };
    const groups = createGroups({ ...kind, open });
    const document = {};
    const join = async (subject: string) => {
      const together: string[] = [];
      const seat: Seat = {
        document,
        key: '',
        renderer: () => async (delivery) => ({ payload: Buffer.from(JSON.stringify(delivery)) }),
        send: (payload) => reads && together.push(payload.toString()) > 0,
        told: () => undefined,
      };
      const target = { id: room.reply, conversation: room.id };
      const { close } = drain(await groups.follow(target, harness.userOf(subject), undefined, seat));
      return { together, close };
    };
    const both = await Promise.all(['ana', 'bob'].map(join));
    let length = 0;
    await expect
      .poll(() => {
        write(length++, 'x');
        return both.every(({ together }) => together.length > 0);
      })
      .toBe(true);

    const reached = (texts: readonly string[]): number => {
      const { offset, text } = JSON.parse(texts.at(-1) ?? '');
      return offset + text.length;
    };
    await expect.poll(() => both.map(({ together }) => reached(together))).toEqual([length, length]);
    [isLost, reads] = [true, false];
    const [before, got] = [opened, both.map(({ together }) => together.length)];
    write(length, 'y');
    await sleep(1_000);
    expect(opened - before).toBeLessThanOrEqual(2);
    expect(both.map(({ together }) => together.length)).toEqual(got);
    reads = true;
    await expect.poll(() => both.map(({ together }) => together.at(-1)?.includes('"y"'))).toEqual([true, true]);
    for (const { close } of both) await close();
  });

  it('leaves nothing attached where the view fails', async () => {
    const room = await openRoom(harness, 'ana');
    const blind = { ...harness, core: { ...harness.core, messages: () => Promise.reject(new Error('away')) } };
    await expect(followReply(blind, harness.userOf('ana'), room.id, room.reply)).rejects.toThrow('away');
  });
});

it('comes whole and each piece once, whatever is lost, doubled, late or out of order, over several attempts', async () => {
  const rooms = await openRoom(harness, 'ana');
  await shown(harness, await rooms.claim());
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 15 });
  let attempt = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(pieces, { minLength: 1, maxLength: 3 }), fc.integer(), async (attempts, seed) => {
      const chance = seeded(seed);
      fate = (topic) =>
        topic.startsWith('reply:')
          ? ((['pass', 'lose', 'double', 'late'] as const)[Math.floor(chance() * 4)] ?? 'pass')
          : 'pass';
      const ana = await follow('ana', rooms, () => sleep(chance() * 3));
      for (const texts of attempts) {
        attempt += 1;
        let offset = 0;
        for (const text of texts) {
          harness.sessions.writeReply(piece(rooms, attempt, offset, text));
          offset += text.length;
          if (chance() < 0.3) await sleep(1);
        }
      }
      const whole = attempts.at(-1)?.join('');
      await expect
        .poll(() => textOf(ana.got.filter((delta) => delta.attempt === attempt)), { interval: 3 })
        .toBe(whole);
      textOf(ana.got);
      await ana.close();
      await ana.over;
    }),
    { numRuns: 30 },
  );
}, 60_000);
