import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConversationNotice } from '../../projections/readmodel/core/rows.js';
import { defaultLimits } from '../limits/limits.js';
import { openSignedIn } from '../raw-testing.js';
import { type Harness, startHarness } from '../testing.js';
import { followConversation } from './conversation.js';
import { hasLost, isConversationNotice } from './guard.js';
import { followReply } from './reply.js';
import { drain, openRoom, seedOfRun, seeded, shown } from './testing.js';
import { followTyping } from './typing.js';

// A member is removed while messages, tokens and typing stream as fast as they can: nothing later reaches them.

const ROUNDS = 36;
const seed = seedOfRun();
const chance = seeded(seed);

/** Whether a notice of a conversation is lost. */
let isLost: (notice: ConversationNotice) => boolean = () => false;
let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    headsEvery: 25,
    sessions: (real) => ({
      ...real,
      publish: (topic, notice) => {
        const lost = topic.startsWith('conversation:') && isConversationNotice(notice) && isLost(notice);
        if (!lost) real.publish(topic, notice);
      },
    }),
  });
}, 60_000);
afterAll(() => harness.stop());

type How = 'told' | 'lost' | 'lost, then silence';

async function round(how: How): Promise<void> {
  const room = await openRoom(harness, 'ana', { bob: 'writer' });
  await shown(harness, await room.claim());
  const bob = harness.userOf('bob');
  isLost = (notice) => how !== 'told' && hasLost(notice, bob);

  // What there was when the removal was told, heard before any follower hears it.
  let tokens = 0;
  let typists = 0;
  const upTo = { tokens: Infinity, typists: Infinity };
  const detach = await harness.sessions.attach(`conversation:${room.id}`, (notice) => {
    if (isConversationNotice(notice) && hasLost(notice, bob) && upTo.tokens === Infinity) {
      Object.assign(upTo, { tokens, typists });
    }
  });
  const conversation = drain(await followConversation(harness, bob, room.id, 0), () => sleep(chance() * 3));
  const reply = drain(await followReply(harness, bob, room.id, room.reply));
  const typing = drain(await followTyping(harness, bob, room.id, 10));

  let streaming = true;
  let posting = true;
  const post = async (): Promise<void> => {
    while (posting) {
      await room.post('ana');
      // A log in memory answers within the turn: nothing else would ever run.
      await turn();
    }
  };
  const say = async (): Promise<void> => {
    while (streaming) {
      harness.sessions.writeReply({ reply: room.reply, attempt: 1, part: 0, offset: tokens, text: 'x' });
      tokens += 1;
      await turn();
    }
  };
  const type = async (): Promise<void> => {
    while (streaming) {
      harness.sessions.setTyping(room.id, `person ${typists}`, false);
      typists += 1;
      harness.sessions.setTyping(room.id, `person ${typists}`, true);
      await turn();
    }
  };
  const traffic = [post(), post(), say(), type()];
  await sleep(chance() * 60);
  posting = how !== 'lost, then silence';
  if (!posting) await sleep(10);
  const removal = await room.remove('bob');
  // All three end while everything else goes on.
  await Promise.all([conversation.over, reply.over, typing.over]);
  const before = [conversation.got.length, reply.got.length, typing.got.length];
  await sleep(5);
  posting = false;
  streaming = false;
  await Promise.all(traffic);
  detach();

  expect([conversation.got.length, reply.got.length, typing.got.length]).toEqual(before);
  expect(conversation.got.at(-1)).toMatchObject({ to: removal.version, removed: true });
  for (const delivery of conversation.got.slice(0, -1)) {
    if (delivery.removed) throw new Error('a removal that is not the last');
    const rows = [delivery.conversation, ...delivery.messages, ...delivery.members];
    for (const { version } of rows) expect(version).toBeLessThan(removal.version);
  }
  expect(reply.got.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(upTo.tokens);
  const named = typing.got.flat().map((person) => Number(person.split(' ')[1]));
  expect(Math.max(0, ...named)).toBeLessThanOrEqual(upTo.typists);
  // Where it was told, there was more to come.
  expect(upTo.tokens < tokens).toBe(how === 'told');
}

it(`nothing arrives after a removal, be it told, lost, or lost before a silence: ${ROUNDS} rounds (seed ${seed})`, async () => {
  for (let n = 0; n < ROUNDS; n++) {
    await round((['told', 'lost', 'lost, then silence'] as const)[n % 3] ?? 'told');
    isLost = () => false;
    expect(harness.attached()).toBe(0);
  }
  expect(harness.failures).toEqual([]);
}, 120_000);

const FOLLOW = `
  subscription ($id: ID!, $first: ID!) {
    conversationEvents(id: $id, asOf: 3) {
      conversation {
        title
        leaf
        members { person }
        thread(around: $first) { messages { parts { ... on TextPart { text } } siblings { ids } } }
      }
      messages { id siblings { ids } }
    }
  }`;
const LARGE = 100_000;
const FILL = `
  query ($id: ID!) {
    ${Array.from({ length: 10 }, (_, n) => `m${n}: node(id: $id) { ... on Message { parts { ... on TextPart { text } } } }`).join('\n')}
  }`;

it('who reads slowly and was removed meanwhile finds nothing of what came later in the updates from before', async () => {
  // Nothing but a notice tells of the removal in time, and nobody is cut off for reading slowly.
  const patient = { ...defaultLimits.socket, unread: 2 ** 30, stalled: 600_000 };
  const slow = await startHarness({ headsEvery: 600_000, limits: { ...defaultLimits, socket: patient } });
  const room = await openRoom(slow, 'ana', { bob: 'writer' });
  const large = await room.post('ana', 'x'.repeat(LARGE));
  await shown(slow, large);
  const raw = await openSignedIn(slow, 'bob');
  const ids = { id: `conversation_${room.id}`, first: `message_${room.first}` };
  raw.send({ id: 'follow', type: 'subscribe', payload: { query: FOLLOW, variables: ids } });
  await raw.next(({ id }) => id === 'follow');

  // What waits in the socket holds back what comes after it.
  raw.socket.pause();
  const fill = { query: FILL, variables: { id: `message_${large.message}` } };
  for (let n = 0; n < 20; n++) raw.send({ id: `fill ${n}`, type: 'subscribe', payload: fill });
  await sleep(1_500);
  for (let n = 0; n < 10; n++) await shown(slow, await room.post('ana', 'theirs to see'));
  await room.remove('bob');
  await room.add('cleo');
  const secret = await room.post('ana', 'secret');
  await shown(slow, secret);
  raw.socket.resume();

  const updates: string[] = [];
  for (let over = false; !over;) {
    const { type, payload } = await raw.next(({ id }) => id === 'follow');
    expect(type).not.toBe('error');
    if (type === 'next') updates.push(JSON.stringify(payload));
    over = type === 'complete';
  }
  raw.socket.terminate();
  await slow.stop();
  expect(updates.length).toBe(11);
  expect(updates.at(-1)).toContain('"conversation":null');
  for (const later of ['secret', secret.message, secret.reply, slow.userOf('cleo')]) {
    expect(updates.join()).not.toContain(later);
  }
}, 60_000);
