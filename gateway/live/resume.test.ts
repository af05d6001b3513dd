import { afterAll, beforeAll, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { type Harness, startConversation, startHarness } from '../testing.js';

const SUBSCRIBERS = 5;
const MESSAGES = 500;

/** A generator from a seed (mulberry32), so that a failure comes again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const chance = seeded(seed);
let dropAll = false;
let dropped = 0;
let harness: Harness;

beforeAll(async () => {
  harness = await startHarness({
    // A bus that loses one notice in ten, and on demand every one.
    sessions: (real) => ({
      ...real,
      publish: (topic, notice) => {
        if (dropAll || chance() < 0.1) dropped += 1;
        else real.publish(topic, notice);
      },
    }),
  });
}, 60_000);
afterAll(() => harness.stop());

type Update = {
  conversationEvents: { from: number; to: number; messages: { id: string; seq: number; version: number }[] };
};

/** One subscriber that keeps what it got, in the order in which it came. */
function follow(id: string, done: (to: number) => void) {
  let socket: WebSocket | undefined;
  const client = harness.connect('ana', (opened) => {
    socket = opened;
  });
  const variables = { id, asOf: 0 };
  const order: string[] = [];
  const spans: [number, number][] = [];
  client.subscribe<Update>(
    {
      query:
        'subscription ($id: ID!, $asOf: Int!) { conversationEvents(id: $id, asOf: $asOf) { from to messages { id seq version } } }',
      variables,
    },
    {
      next: ({ data }) => {
        if (!data) return;
        const { from, to, messages } = data.conversationEvents;
        spans.push([from, to]);
        variables.asOf = to;
        order.push(...messages.toSorted((a, b) => a.seq - b.seq).map((message) => message.id));
        done(to);
      },
      error: (error) => {
        throw new Error(`the subscription ended: ${JSON.stringify(error)}`);
      },
      complete: () => undefined,
    },
  );
  return { order, spans, cut: () => socket?.terminate() };
}

it(`${SUBSCRIBERS} subscribers get ${MESSAGES} messages once and in order, whatever breaks (seed ${seed})`, async () => {
  const { input } = await startConversation(harness, 'ana');
  let last = Infinity;
  const arrived: (() => void)[] = [];
  const arrivals: Promise<void>[] = [];
  const subscribers = Array.from({ length: SUBSCRIBERS }, (_, which) => {
    arrivals.push(new Promise((resolve) => arrived.push(resolve)));
    return follow(input.conversation, (to) => {
      if (to >= last) arrived[which]?.();
    });
  });

  const sent = [input.message, input.reply];
  let version = 3;
  while (sent.length < MESSAGES) {
    const message = `message_${harness.newId('ana')}`;
    const reply = `message_${harness.newId('ana')}`;
    // The very last notice, and everything around it, is lost: only the repeated head can tell.
    if (sent.length + 2 >= MESSAGES) dropAll = true;
    const { data, errors } = await harness.ask(
      'ana',
      'mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename ... on CommandError { code } } }',
      {
        input: {
          commandId: harness.newId('ana'),
          conversation: input.conversation,
          parent: input.message,
          message,
          reply,
          text: `message ${sent.length}`,
          fork: true,
        },
      },
    );
    expect({ data, errors }).toEqual({ data: { messagePost: { __typename: 'Accepted' } }, errors: undefined });
    sent.push(message, reply);
    version += 2;
    for (const subscriber of subscribers) if (chance() < 0.03) subscriber.cut();
  }
  last = version;
  for (const [which, { spans }] of subscribers.entries()) {
    if ((spans.at(-1)?.[1] ?? 0) >= last) arrived[which]?.();
  }
  await Promise.all(arrivals);

  expect(dropped).toBeGreaterThan(0);
  for (const { order, spans } of subscribers) {
    expect(order).toEqual(sent);
    expect(spans.map(([from]) => from)).toEqual([0, ...spans.slice(0, -1).map(([, to]) => to)]);
  }
  expect(harness.failures).toEqual([]);
}, 120_000);
