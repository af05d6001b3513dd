import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { bucketOf, partitionOf } from '../../domain/ids.js';
import { type Harness, type HarnessOptions, startHarness } from '../testing.js';
import { type Room, openRoom, seedOfRun, seeded } from './testing.js';

const SUBSCRIBERS = 20;
/** Who writes, several at a time. All of them are subscribers too, each several times. */
const people = ['ana', 'bob', 'cleo', 'dora', 'emil'];

type Update = {
  conversationEvents: { from: number; to: number; messages: { id: string; seq: number; version: number }[] };
};

/** One subscriber that keeps what it got, in the order in which it came. */
function follow(harness: Harness, subject: string, id: string) {
  let socket: WebSocket | undefined;
  const client = harness.connect(subject, (opened) => {
    socket = opened;
    // Cut while it opens: it comes back.
    socket.on('error', () => undefined);
  });
  const variables = { id, asOf: 0 };
  const order: string[] = [];
  const spans: [number, number][] = [];
  const faults: unknown[] = [];
  client.subscribe<Update>(
    {
      query:
        'subscription ($id: ID!, $asOf: Int!) { conversationEvents(id: $id, asOf: $asOf) { from to messages { id seq version } } }',
      variables,
    },
    {
      next: ({ data, errors }) => {
        faults.push(...(errors ?? []));
        if (!data) return;
        const { from, to, messages } = data.conversationEvents;
        spans.push([from, to]);
        variables.asOf = to;
        order.push(...messages.toSorted((a, b) => a.seq - b.seq).map((message) => message.id));
      },
      error: (error) => faults.push(error),
      complete: () => faults.push('it ended'),
    },
  );
  return { order, spans, faults, to: () => variables.asOf, cut: () => socket?.terminate() };
}

type Subscriber = ReturnType<typeof follow>;

export type ResumeOptions = {
  readonly messages: number;
  /** How many posts are left unsent for the time after each step of the rebuild. */
  readonly reserve: number;
  /** Other sessions than those in memory, and how to cut them off from their store. */
  readonly open?: () => Promise<{
    readonly store: NonNullable<HarnessOptions['store']>;
    readonly cut: () => Promise<number>;
  }>;
};

/** That subscribers get each message once and in order, over whatever sessions, whatever breaks. */
export function resumeContract(name: string, { messages, reserve, open }: ResumeOptions): void {
  describe(`what is live over ${name}`, () => {
    const seed = seedOfRun();
    const chance = seeded(seed);
    let dropAll = false;
    let dropped = 0;
    let cuts = 0;
    let storeCuts = 0;
    let cutStore: (() => Promise<number>) | undefined;
    let harness: Harness;

    beforeAll(async () => {
      const opened = await open?.();
      cutStore = opened?.cut;
      harness = await startHarness({
        ...(opened ? { store: opened.store } : {}),
        // A bus that loses one notice in five, and on demand every one.
        sessions: (real) => ({
          ...real,
          publish: (topic, notice) => {
            if (dropAll || chance() < 0.2) dropped += 1;
            else real.publish(topic, notice);
          },
        }),
      });
    }, 60_000);
    afterAll(() => harness.stop());

    /** Posts so many messages, a few at a time, and cuts sockets meanwhile. Returns the version after the last. */
    async function post(room: Room, count: number, subscribers: readonly Subscriber[]): Promise<number> {
      let version = 0;
      for (let left = count; left > 0;) {
        const authors = Array.from(
          { length: Math.min(left, 1 + Math.floor(chance() * 8)) },
          () => people[Math.floor(chance() * people.length)] ?? 'ana',
        );
        const sent = await Promise.all(authors.map((author) => room.post(author)));
        version = Math.max(version, ...sent.map((each) => each.version));
        left -= authors.length;
        for (const subscriber of subscribers) {
          if (chance() > 60 / messages) continue;
          subscriber.cut();
          cuts += 1;
        }
        if (cutStore && chance() < 0.15) storeCuts += await cutStore();
        // A log in memory answers within the turn: everything else must run too.
        await sleep(chance() * 25);
      }
      return version;
    }

    it(`${SUBSCRIBERS} subscribers get ${messages} messages once and in order, whatever breaks (seed ${seed})`, async () => {
      const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'writer', dora: 'writer', emil: 'writer' });
      const subscribers = Array.from({ length: SUBSCRIBERS }, (_, n) =>
        follow(harness, people[n % people.length] ?? 'ana', `conversation_${room.id}`),
      );
      const homes = people.map((subject) => partitionOf(bucketOf(harness.userOf(subject)), 4));
      expect(new Set(homes).size).toBeGreaterThan(2);

      // Each post is two messages: what a person wrote, and the reply that they asked for. So is the first.
      const posts = messages / 2 - 1;
      const phase = async (): Promise<string | undefined> => (await harness.runner.rebuilding())?.phase;
      const taken = async (): Promise<void> => {
        await expect.poll(phase, { timeout: 60_000, interval: 20 }).toBe('kept');
      };
      const live = async (): Promise<number | undefined> => (await harness.runner.rebuilding())?.live;
      await post(room, reserve, subscribers);
      // A rebuild begins, is filled while messages come, and takes the place of what is live.
      await harness.runner.rebuild();
      await Promise.all([taken(), post(room, posts - 4 * reserve, subscribers)]);
      await post(room, reserve, subscribers);
      const green = await live();
      // And back again, and forth.
      await Promise.all([harness.runner.switchTo('kept'), post(room, reserve, subscribers)]);
      expect(await live()).not.toBe(green);
      await Promise.all([harness.runner.switchTo('kept'), post(room, reserve - 10, subscribers)]);
      expect(await live()).toBe(green);
      // The very last notice, and everything before it for a while, is lost: only the repeated head can tell.
      dropAll = true;
      const last = await post(room, 10, subscribers);
      await expect
        .poll(() => subscribers.map(({ to }) => to()), { timeout: 30_000 })
        .toEqual(subscribers.map(() => last));

      const shown = (await harness.core.changes(room.id, 0, 2 * messages))?.messages ?? [];
      const ids = shown.map((message) => `message_${message.id}`);
      expect(ids).toHaveLength(messages);
      expect(shown.map(({ seq }) => seq)).toEqual(ids.map((_, n) => n + 1));
      for (const { order, spans, faults } of subscribers) {
        expect(order).toEqual(ids);
        expect(spans.map(([from]) => from)).toEqual([0, ...spans.slice(0, -1).map(([, to]) => to)]);
        expect(faults).toEqual([]);
      }
      expect(dropped).toBeGreaterThan(20);
      expect(cuts).toBeGreaterThan(20);
      expect(storeCuts > 0).toBe(cutStore !== undefined);
      expect(harness.failures).toEqual([]);
      console.log(`${name}: ${cuts} cuts, ${storeCuts} of the store, ${dropped} notices lost`);
    }, 180_000);
  });
}
