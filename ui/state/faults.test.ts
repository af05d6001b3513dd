import { createRoot, createSignal } from 'solid-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConversationEvents, Inbox, ReplyDeltas } from '../gql/operations.js';
import { type Gateway, type Heard, fault, openGateway } from '../gql/testing.js';
import { openChat } from './chat.js';
import { openInbox } from './inbox.js';
import { followReply } from './stream.js';
import { conversation, listed, message } from './testing.js';

// What a page does when a delivery fails: it asks again, once, and shows nothing that is not so.

vi.mock('../auth/session.js', () => ({
  token: async () => 'a token',
  tokenEnds: () => Date.now() + 300_000,
  ended: () => undefined,
}));

let gateway: Gateway;
let before = 0;
let dispose = (): void => undefined;
beforeAll(async () => {
  gateway = await openGateway();
  gateway.stub();
});
afterAll(async () => {
  await gateway.stop();
  vi.unstubAllGlobals();
});
beforeEach(() => {
  before = gateway.heard('subscribe').length;
});
afterEach(() => dispose());

const open = <T>(build: () => T): T =>
  createRoot((end) => {
    dispose = end;
    return build();
  });
type Document = { readonly __meta__?: Record<string, unknown> | undefined };
const begun = ({ __meta__: meta }: Document): readonly Heard[] =>
  gateway
    .heard('subscribe')
    .slice(before)
    .filter(({ payload }) => payload?.['documentId'] === meta?.['hash']);
/** The subscription that was begun as the so many-th of this test. */
const began = async (of: Document, count: number) => {
  await expect.poll(() => begun(of).length, { timeout: 8_000 }).toBe(count);
  return begun(of).at(-1);
};
/** How many of them the page has not left. */
const running = (of: Document): number =>
  begun(of).filter(({ id }) => !gateway.heard('complete').some((left) => left.id === id)).length;

describe('an open conversation', () => {
  const ID = 'conversation_0198c0de-0000-7000-8000-000000000abc';
  const update = (to: number, of: Record<string, unknown> = {}) => ({
    conversationEvents: { from: 0, to, removed: false, conversation: conversation('a', to), messages: [], ...of },
  });
  const start = async () => {
    sessionStorage.clear();
    gateway.posted = { data: { outcome: { kind: 'Accepted', position: 'p' } } };
    const chat = open(() => openChat(ID, 'user_1', true));
    chat.send('Hello');
    const first = await began(ConversationEvents, 1);
    gateway.tell(first, 'next', { data: update(2, { messages: [message('a', { seq: 1, version: 2 })] }) });
    await expect.poll(() => chat.thread().asOf).toBe(2);
    return { chat, first };
  };

  it('stays where it is when the row of the conversation cannot be read, and asks again from there, once', async () => {
    const { chat, first } = await start();
    const broken = update(3, { conversation: null });
    gateway.tell(first, 'next', { data: broken, errors: [fault('UNAVAILABLE')] });
    const second = await began(ConversationEvents, 2);
    expect(second?.payload?.['variables']).toMatchObject({ asOf: 2 });
    expect(running(ConversationEvents)).toBe(1);
    expect([chat.state(), chat.thread().asOf]).toEqual(['ready', 2]);
    gateway.tell(second, 'next', { data: update(3) });
    await expect.poll(() => chat.thread().asOf).toBe(3);
  });

  it('is gone where the server says that the viewer was removed', async () => {
    const { chat, first } = await start();
    gateway.tell(first, 'next', { data: update(3, { conversation: null, removed: true }) });
    await expect.poll(() => chat.state()).toBe('deleted');
  });
});

describe('the sidebar', () => {
  const page = (...ids: string[]) => ({
    inbox: { complete: true, conversations: ids.map((id) => listed(id, 1)), gone: [] },
  });
  const list = (...ids: string[]) => ({
    data: {
      viewer: {
        conversations: {
          nodes: ids.map((id) => listed(id, 1)),
          pageInfo: { hasNextPage: true, endCursor: 'c' },
        },
      },
    },
  });

  it.each(['UNAVAILABLE', 'INTERNAL'])('is followed again after the answer %s', async (code) => {
    gateway.posted = list();
    const inbox = open(openInbox);
    gateway.tell(await began(Inbox, 1), 'error', [fault(code)]);
    const second = await began(Inbox, 2);
    gateway.tell(second, 'next', { data: page('one') });
    await expect.poll(() => inbox.conversations().map(({ id }) => id)).toEqual(['one']);
    gateway.tell(second, 'next', { data: null, errors: [fault(code)] });
    gateway.tell(await began(Inbox, 3), 'next', { data: page('two') });
    await expect.poll(() => inbox.conversations().map(({ id }) => id)).toEqual(['two']);
    // The first was over by itself.
    expect(gateway.heard('complete').map(({ id }) => id)).toContain(second?.id);
  });

  it('waits as long as a refusal says', async () => {
    open(openInbox);
    gateway.tell(await began(Inbox, 1), 'error', [fault('RATE_LIMITED', { retryAfter: 2_500 })]);
    const at = Date.now();
    await began(Inbox, 2);
    expect(Date.now() - at).toBeGreaterThanOrEqual(2_490);
  });

  it('finds out where its list goes on, even if that failed at first', async () => {
    gateway.posted = { errors: [fault('UNAVAILABLE')] };
    const inbox = open(openInbox);
    gateway.tell(await began(Inbox, 1), 'next', { data: page('one') });
    await expect.poll(() => inbox.loaded()).toBe(true);
    expect(inbox.more()).toBe(false);
    gateway.posted = list('one');
    await expect.poll(() => inbox.more(), { timeout: 5_000 }).toBe(true);
  });
});

describe('a running reply', () => {
  it('is followed again after a failure, once, and no longer when it has ended', async () => {
    const [isRunning, setRunning] = createSignal(true);
    const text = open(() =>
      followReply(
        'message_1',
        () => isRunning(),
        () => undefined,
      ),
    );
    const delta = (offset: number, piece: string) => ({ replyDeltas: { attempt: 1, offset, text: piece } });
    const first = await began(ReplyDeltas, 1);
    gateway.tell(first, 'next', { data: delta(0, 'one ') });
    gateway.tell(first, 'next', { data: null, errors: [fault('UNAVAILABLE')] });
    gateway.tell(await began(ReplyDeltas, 2), 'next', { data: delta(0, 'one two') });
    await expect.poll(() => text()).toBe('one two');
    expect(running(ReplyDeltas)).toBe(1);
    setRunning(false);
    await expect.poll(() => running(ReplyDeltas)).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(begun(ReplyDeltas).length).toBe(2);
  });
});
