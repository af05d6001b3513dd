import type { Client } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { type Harness, startHarness } from '../testing.js';
import { expectClean, openRoom, seedOfRun, seeded, shown } from './testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ headsEvery: 50 });
  for (const person of ['ana', 'bob', 'cleo']) await harness.ask(person, '{ viewer { user { id } } }');
}, 60_000);
afterAll(() => harness.stop());
const open = new Set<() => void>();
afterEach(async () => {
  for (const leave of open) leave();
  await expectClean(harness);
});

/** What a subscription brings. Only updates of a conversation are looked into. */
type Data = { readonly conversationEvents?: { readonly to: number } };

/** Follows a subscription: what it brings, what went wrong, and its end. */
function follow(subject: string, query: string, variables: Record<string, unknown>, client?: Client) {
  const got: Data[] = [];
  const codes: unknown[] = [];
  let leave = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    leave = (client ?? harness.connect(subject)).subscribe<Data>(
      { query, variables },
      {
        next: ({ data, errors }) => {
          if (data) got.push(data);
          codes.push(...(errors ?? []).map(({ extensions }) => extensions?.['code']));
        },
        error: (error) => {
          codes.push(...(Array.isArray(error) ? error.map(({ extensions }) => extensions?.code) : [error]));
          resolve();
        },
        complete: resolve,
      },
    );
  });
  open.add(leave);
  return { got, codes, over, leave };
}

const TYPING = 'subscription ($id: ID!) { typing(conversation: $id) { people { id name } } }';
const SET = 'mutation ($id: ID!, $typing: Boolean!) { typingSet(conversation: $id, typing: $typing) }';
const EVENTS = `subscription ($id: ID!, $asOf: Int!) { conversationEvents(id: $id, asOf: $asOf) {
  from to removed conversation { id version title } messages { id parts { ... on TextPart { text } } } members { person role removed } } }`;
const INBOX = 'subscription { inbox { complete conversations { id title unread } gone } }';
const DELTAS = 'subscription ($id: ID!) { replyDeltas(id: $id) { offset text } }';

describe('typing', () => {
  it('is seen by the others of a conversation, by name, and not by oneself', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    await shown(harness, await room.rename('ana', 'Typed'));
    const id = `conversation_${room.id}`;
    const [ana, bob] = [follow('ana', TYPING, { id }), follow('bob', TYPING, { id })];
    await expect.poll(() => [ana.got.length, bob.got.length]).toEqual([1, 1]);
    expect((await harness.ask('bob', SET, { id, typing: true })).data).toEqual({ typingSet: true });
    const people = [{ id: `user_${harness.userOf('bob')}`, name: 'bob' }];
    await expect.poll(() => ana.got.at(-1)).toEqual({ typing: { people } });
    await harness.ask('bob', SET, { id, typing: false });
    await expect.poll(() => ana.got.at(-1)).toEqual({ typing: { people: [] } });
    expect(bob.got).toEqual([{ typing: { people: [] } }]);
    ana.leave();
    bob.leave();
  });

  it('is neither seen nor set by strangers, who learn nothing', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'writer' });
    await shown(harness, await room.remove('bob'));
    for (const conversation of [room.id, harness.newId('ana')]) {
      for (const person of ['bob', 'cleo']) {
        const id = `conversation_${conversation}`;
        const { errors } = await harness.ask(person, SET, { id, typing: true });
        expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['NOT_FOUND']);
        const outside = follow(person, TYPING, { id });
        await outside.over;
        expect([outside.got, outside.codes]).toEqual([[], ['NOT_FOUND']]);
      }
    }
    expect(await harness.sessions.readTyping(room.id)).toEqual([]);
  });
});

describe('a member from another home', () => {
  it('gets what happens until they are removed; then an update that says so, which is the last', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    await shown(harness, await room.rename('ana', 'Ours'));
    const bob = follow('bob', EVENTS, { id: `conversation_${room.id}`, asOf: 0 });
    await expect.poll(() => bob.got.length).toBe(1);
    const added = await room.add('cleo');
    await expect.poll(() => bob.got.at(-1)?.conversationEvents?.to).toBe(added.version);
    expect(bob.got.at(-1)).toMatchObject({
      conversationEvents: {
        removed: false,
        members: [{ person: `user_${harness.userOf('cleo')}`, role: 'WRITER', removed: false }],
      },
    });
    await room.post('cleo', 'Hello, Bob');
    const { version } = await room.remove('bob');
    await bob.over;
    expect(JSON.stringify(bob.got)).toContain('Ours');
    expect(bob.got.at(-1)?.conversationEvents).toEqual({
      from: expect.any(Number),
      to: version,
      removed: true,
      conversation: null,
      messages: [],
      members: [],
    });
    const again = follow('bob', EVENTS, { id: `conversation_${room.id}`, asOf: version });
    await again.over;
    expect([again.got, again.codes]).toEqual([[], ['NOT_FOUND']]);
  });

  it('has the conversation in their sidebar while they belong to it', async () => {
    const room = await openRoom(harness, 'ana');
    const bob = follow('bob', INBOX, {});
    await expect.poll(() => bob.got).toEqual([{ inbox: { complete: true, conversations: [], gone: [] } }]);
    await room.add('bob');
    const id = `conversation_${room.id}`;
    const listed = { id, title: 'Hello', unread: 2 };
    await expect.poll(() => bob.got.at(-1)).toEqual({ inbox: { complete: false, conversations: [listed], gone: [] } });
    await room.remove('bob');
    await expect.poll(() => bob.got.at(-1)).toEqual({ inbox: { complete: false, conversations: [], gone: [id] } });
    bob.leave();
  });

  it('reads a running reply until they are removed', async () => {
    const room = await openRoom(harness, 'ana', { bob: 'reader' });
    await shown(harness, await room.claim());
    const bob = follow('bob', DELTAS, { id: `message_${room.reply}` });
    harness.sessions.writeReply({ reply: room.reply, attempt: 1, part: 0, offset: 0, text: 'Once' });
    await expect.poll(() => bob.got).toEqual([{ replyDeltas: { offset: 0, text: 'Once' } }]);
    await room.remove('bob');
    await bob.over;
    expect(bob.codes).toEqual([]);
    harness.sessions.writeReply({ reply: room.reply, attempt: 1, part: 0, offset: 4, text: ' upon' });
    const again = follow('bob', DELTAS, { id: `message_${room.reply}` });
    await again.over;
    expect([again.got, again.codes]).toEqual([[], ['NOT_FOUND']]);
  });
});

it('leaves nothing attached when sockets are cut at any moment', async () => {
  const seed = seedOfRun();
  const chance = seeded(seed);
  const room = await openRoom(harness, 'ana', { bob: 'writer' });
  await shown(harness, await room.claim());
  const id = `conversation_${room.id}`;
  for (let round = 0; round < 30; round++) {
    let socket: WebSocket | undefined;
    const client = harness.connect('bob', (opened) => {
      socket = opened;
    });
    const followers = [
      follow('bob', EVENTS, { id, asOf: 0 }, client),
      follow('bob', TYPING, { id }, client),
      follow('bob', DELTAS, { id: `message_${room.reply}` }, client),
      follow('bob', INBOX, {}, client),
    ];
    void room.post('ana');
    await new Promise((resolve) => setTimeout(resolve, chance() * 60));
    for (const { leave } of followers) if (chance() < 0.3) leave();
    if (chance() < 0.5) socket?.terminate();
    // It fails where the socket was cut while it opened.
    await Promise.resolve(client.dispose()).catch(() => undefined);
  }
  await expect.poll(() => harness.attached(), { timeout: 10_000, message: `seed ${seed}` }).toBe(0);
}, 60_000);
