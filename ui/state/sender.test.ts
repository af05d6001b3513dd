import { createRoot, createSignal } from 'solid-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { GqlError } from '../gql/client.js';
import type { OutcomeFieldsFragment } from '../gql/generated/graphql.js';
import { type Post, openOutbox } from './outbox.js';
import { type Sender, openSender } from './sender.js';
import { message, twoTurns } from './testing.js';
import { type Thread, branchOf, merge } from './thread.js';

const ID = 'conversation_0198c0de-0000-7000-8000-000000000abc';
const accepted: OutcomeFieldsFragment = { kind: 'Accepted', position: 'p' };
const pending: OutcomeFieldsFragment = { kind: 'Pending' };
const rejected = (code: 'EXPIRED' | 'TOO_LARGE' | 'WRONG_BUCKET'): OutcomeFieldsFragment => ({
  kind: 'Rejected',
  code,
  message: `refused: ${code}`,
});

type Answer = OutcomeFieldsFragment | Error;

/** A sender on a server that gives these answers, one after the other, and what it was sent. */
function open(answers: Answer[], { begins = false, start = twoTurns }: { begins?: boolean; start?: Thread } = {}) {
  const sent: Post[] = [];
  const positions: string[] = [];
  const [thread, setThread] = createSignal<Thread>(start);
  const [connected, setConnected] = createSignal(true);
  const outbox = openOutbox(ID, sessionStorage);
  const { sender, dispose } = createRoot((end): { sender: Sender; dispose: () => void } => ({
    dispose: end,
    sender: openSender({
      id: ID,
      outbox,
      begins,
      thread,
      setThread,
      connected,
      submit: async (post) => {
        sent.push(post);
        const answer = answers.shift() ?? accepted;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      accepted: (reply, position) => positions.push(`${reply} ${position}`),
      show: async (leaf) => {
        const came = message(leaf, { seq: 5, version: 9, parent: 'd' });
        setThread((known) => merge({ ...known, leaf }, { to: 9, messages: [came] }));
      },
      wait: async () => undefined,
    }),
  }));
  return { sender, thread, sent, positions, outbox, setConnected, dispose };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));
const away = new TypeError('Failed to fetch');

describe('sending', () => {
  beforeEach(() => sessionStorage.clear());

  it('shows the message at once, after the leaf that the writer saw, at its home', async () => {
    const { sender, thread, sent, positions, outbox } = open([]);
    sender.send('more');
    expect(branchOf(thread()).slice(0, 4)).toEqual(['a', 'b', 'c', 'd']);
    expect(thread().messages[branchOf(thread())[4] ?? '']).toMatchObject({ version: 0, parts: [{ text: 'more' }] });
    expect(outbox.read()?.text).toBe('more');
    await settled();
    expect(sent).toMatchObject([{ parent: 'd', fork: false, start: false, text: 'more' }]);
    expect(sent[0]?.message).toMatch(/^message_.*abc$/);
    expect(sent[0]?.commandId).toMatch(/abc$/);
    expect(positions).toEqual([`${sent[0]?.reply} p`]);
    expect(outbox.read()).toBeUndefined();
  });

  it('sends again with the same ids what nobody answered, so that it is done once', async () => {
    const { sender, sent } = open([away, new GqlError('INTERNAL', 'masked'), rejected('EXPIRED')]);
    sender.send('more');
    for (const reason of ['Not sent: the server cannot be reached.', 'masked', 'refused: EXPIRED']) {
      await settled();
      expect(sender.failure()?.reason).toBe(reason);
      sender.resend();
    }
    await settled();
    expect(sender.failure()).toBeUndefined();
    expect(sent).toHaveLength(4);
    expect(new Set(sent.map((post) => JSON.stringify(post))).size).toBe(1);
  });

  it('asks again by itself while the answer is pending, and then leaves it to the person', async () => {
    const { sender, sent } = open([pending, pending, pending]);
    sender.send('more');
    await settled();
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map(({ commandId }) => commandId)).size).toBe(1);
    expect(sender.failure()).toMatchObject({ kind: 'unreached' });
  });

  it('sends what waits when the network is back', async () => {
    const { sender, sent, setConnected } = open([away]);
    setConnected(false);
    sender.send('more');
    await settled();
    expect(sender.failure()?.kind).toBe('unreached');
    setConnected(true);
    await settled();
    expect(sent).toHaveLength(2);
    expect(sender.failure()).toBeUndefined();
  });

  it('tries a refused one anew as another command, for the refusal is remembered', async () => {
    const { sender, sent } = open([rejected('TOO_LARGE')]);
    sender.send('more');
    await settled();
    expect(sender.failure()).toMatchObject({ kind: 'rejected', reason: 'refused: TOO_LARGE' });
    sender.resend();
    await settled();
    expect(sent[1]?.commandId).not.toBe(sent[0]?.commandId);
    expect(sent[1]?.message).toBe(sent[0]?.message);
  });

  it('gives a refused one back to be written anew', async () => {
    const { sender, thread, outbox } = open([rejected('TOO_LARGE')]);
    sender.send('more');
    await settled();
    expect(sender.takeBack()).toBe('more');
    expect(thread()).toEqual(twoTurns);
    expect(outbox.read()).toBeUndefined();
  });

  it('shows what came meanwhile, with the own words below it, and sends them only when told to', async () => {
    const conflict: Answer = { kind: 'Conflict', code: 'CONFLICT', message: 'It has gone on.', head: 'z' };
    const { sender, thread, sent } = open([conflict]);
    sender.send('more');
    await settled();
    expect(branchOf(thread())).toEqual(['a', 'b', 'c', 'd', 'z', sent[0]?.message, sent[0]?.reply]);
    expect(sender.failure()).toMatchObject({ kind: 'conflict', reason: 'It has gone on.' });
    expect(sent).toHaveLength(1);
    sender.resend();
    await settled();
    expect(sent[1]).toMatchObject({ parent: 'z', text: 'more' });
    expect(sent[1]?.commandId).not.toBe(sent[0]?.commandId);
  });

  it('goes on after a reload with the same ids', async () => {
    const before = open([away]);
    before.sender.send('more');
    await settled();
    before.dispose();
    const after = open([]);
    after.sender.resume();
    await settled();
    expect(after.sent).toEqual(before.sent);
    expect(after.outbox.read()).toBeUndefined();
  });

  it('gives a command from before, whose id is at no home, one at the home of its conversation', async () => {
    const before = open([away]);
    before.sender.send('more');
    await settled();
    const old = before.sent[0];
    if (old) before.outbox.keep({ ...old, commandId: old.commandId.replace(/abc$/, 'fff') });
    const after = open([rejected('WRONG_BUCKET')]);
    after.sender.resume();
    await settled();
    expect(after.sender.failure()).toMatchObject({ kind: 'rejected', reason: 'refused: WRONG_BUCKET' });
    after.sender.resend();
    await settled();
    expect(after.sent[0]?.commandId).toMatch(/fff$/);
    expect(after.sent[1]).toEqual({ ...old, commandId: expect.stringMatching(/abc$/) });
    expect(after.outbox.read()).toBeUndefined();
  });

  it('does not send after a reload what had arrived', async () => {
    const before = open([away]);
    before.sender.send('more');
    await settled();
    const came = message(before.sent[0]?.message ?? '', { seq: 5, version: 9, parent: 'd' });
    const after = open([], { start: merge(twoTurns, { to: 9, messages: [came] }) });
    after.sender.resume();
    await settled();
    expect(after.sent).toEqual([]);
    expect(after.outbox.read()).toBeUndefined();
  });

  it('begins a conversation with its first message, and forks beside a message', async () => {
    const fresh = open([], { begins: true, start: { ...twoTurns, messages: {}, leaf: undefined } });
    fresh.sender.send('first');
    await settled();
    expect(fresh.sent).toMatchObject([{ start: true, parent: null, fork: false }]);
    const other = open([]);
    other.sender.send('instead', { parent: 'b', fork: true });
    await settled();
    expect(other.sent).toMatchObject([{ start: false, parent: 'b', fork: true }]);
  });
});
