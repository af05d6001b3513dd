import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, conversationKey } from '../../domain/content.js';
import { SYSTEM } from '../../domain/decider.js';
import { streamOf } from '../../domain/ids.js';
import { type Harness, startHarness } from '../testing.js';
import { type Scene, act, bare, join, makeScene, part, fourPeople, post, relate, remove } from './testing.js';

// Who sees what of a conversation: its members, wherever their home is, and nobody else.

let harness: Harness;
let shared: Scene;
let owner: string, member: string, stranger: string, outcast: string;

beforeAll(async () => {
  harness = await startHarness();
  [owner, member, stranger, outcast] = fourPeople(harness);
  for (const who of [owner, member, stranger, outcast]) await harness.ask(who, '{ viewer { email } }');
  shared = await makeScene(harness, owner, 'Shared');
  await join(harness, shared, member, 'writer');
  await join(harness, shared, outcast, 'reader');
  await remove(harness, shared, outcast);
}, 60_000);
afterAll(() => harness.stop());

const node = (who: string, id: string) => harness.ask(who, 'query ($id: ID!) { node(id: $id) { id } }', { id });

describe('a member whose home is another', () => {
  const whole = `query ($id: ID!) { conversation(id: $id) { id title role unread members { person role removed user { name } }
    starter { name } thread { messages { author { name } parts { ... on TextPart { text } } } } } }`;

  it('sees the conversation as who began it does', async () => {
    const theirs = await harness.ask(member, whole, { id: shared.conversation });
    const own = await harness.ask(owner, whole, { id: shared.conversation });
    const common = {
      id: shared.conversation,
      title: 'Shared',
      starter: { name: owner },
      members: [
        { person: `user_${harness.userOf(owner)}`, role: 'OWNER', removed: false, user: { name: owner } },
        { person: `user_${harness.userOf(member)}`, role: 'WRITER', removed: false, user: { name: member } },
      ],
      thread: {
        messages: [
          { author: { name: owner }, parts: [{ text: 'Shared' }] },
          { author: null, parts: [{ text: 'About Shared' }] },
        ],
      },
    };
    expect(own.data).toEqual({ conversation: { ...common, role: 'OWNER', unread: 1 } });
    expect(theirs.data).toEqual({ conversation: { ...common, role: 'WRITER', unread: 2 } });
    for (const id of [shared.message, shared.reply]) expect((await node(member, id)).data).toEqual({ node: { id } });
  });

  it('finds it in their lists and among their memberships, and nobody else does', async () => {
    const lists = `{ viewer { conversations { nodes { id role } } memberships { nodes { id role version conversation { title } } } } }`;
    expect((await harness.ask(member, lists)).data).toEqual({
      viewer: {
        conversations: { nodes: [{ id: shared.conversation, role: 'WRITER' }] },
        memberships: {
          nodes: [{ id: shared.conversation, role: 'WRITER', version: 1, conversation: { title: 'Shared' } }],
        },
      },
    });
    const none = { viewer: { conversations: { nodes: [] }, memberships: { nodes: [] } } };
    expect((await harness.ask(stranger, lists)).data).toEqual(none);
    // Their home was told that they are in, and not yet that they are out again.
    expect((await harness.ask(outcast, lists)).data).toEqual({
      viewer: {
        conversations: { nodes: [] },
        memberships: { nodes: [{ id: shared.conversation, role: 'READER', version: 1, conversation: null }] },
      },
    });
  });

  it('has read what they post, and marks what others post for themselves alone', async () => {
    const mine = await makeScene(harness, owner, 'Unread');
    await join(harness, mine, member, 'writer');
    const unread = async (who: string) =>
      (
        await harness.ask(who, 'query ($id: ID!) { conversation(id: $id) { readSeq unread } }', {
          id: mine.conversation,
        })
      ).data;
    await post(harness, member, mine, mine.reply);
    expect(await unread(member)).toEqual({ conversation: { readSeq: 3, unread: 1 } });
    expect(await unread(owner)).toEqual({ conversation: { readSeq: 1, unread: 3 } });
    await relate(harness, owner, mine.conversation, {
      type: 'MarkRead',
      data: { conversation: bare(mine.conversation), seq: 4 },
    });
    expect(await unread(owner)).toEqual({ conversation: { readSeq: 4, unread: 0 } });
    expect(await unread(member)).toEqual({ conversation: { readSeq: 3, unread: 1 } });
  });
});

describe('a person', () => {
  const look = async (who: string, whom: string) => {
    const id = `user_${harness.userOf(whom)}`;
    return (await harness.ask(who, 'query ($id: ID!) { user(id: $id) { name } node(id: $id) { id } }', { id })).data;
  };
  const seen = (whom: string) => ({ user: { name: whom }, node: { id: `user_${harness.userOf(whom)}` } });
  const unseen = { user: null, node: null };

  it('is seen by themselves and by those who share a conversation with them now, at whichever home that is', async () => {
    for (const who of [owner, member, stranger, outcast]) expect(await look(who, who)).toEqual(seen(who));
    expect(await look(owner, member)).toEqual(seen(member));
    expect(await look(member, owner)).toEqual(seen(owner));
    for (const [who, whom] of [
      [owner, stranger],
      [stranger, member],
      [member, outcast],
      [outcast, member],
      [outcast, owner],
    ] as const) {
      expect(await look(who, whom), `${who} ${whom}`).toEqual(unseen);
    }
  });

  it('is seen no longer once the conversation is deleted', async () => {
    const passing = await makeScene(harness, owner, 'Passing');
    await join(harness, passing, stranger, 'reader');
    expect(await look(stranger, owner)).toEqual(seen(owner));
    await act(harness, {
      actor: harness.userOf(owner),
      stream: streamOf('conversation', bare(passing.conversation)),
      type: 'DeleteConversation',
      data: {},
    });
    expect(await look(stranger, owner)).toEqual(unseen);
  });

  it('who has left is still named where they wrote', async () => {
    const left = await makeScene(harness, owner, 'Left');
    await join(harness, left, member, 'writer');
    const { message } = await post(harness, member, left, left.reply, 'Good bye');
    await remove(harness, left, member);
    const { data } = await harness.ask(
      owner,
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { author { name } } ... on Conversation { members { role } } } }',
      { ids: [message, left.conversation] },
    );
    expect(data).toEqual({ nodes: [{ author: { name: member } }, { members: [{ role: 'OWNER' }] }] });
  });
});

describe('a removed member and a stranger', () => {
  it('find nothing: no conversation, no message, no person', async () => {
    for (const who of [stranger, outcast]) {
      for (const id of [shared.conversation, shared.message, shared.reply, `user_${harness.userOf(owner)}`]) {
        expect((await node(who, id)).data).toEqual({ node: null });
      }
      const { data } = await harness.ask(who, 'query ($id: ID!) { conversation(id: $id) { id } }', {
        id: shared.conversation,
      });
      expect(data).toEqual({ conversation: null });
    }
  });
});

describe('a deleted conversation', () => {
  it('is a tombstone without content to its owners, and to nobody else anything', async () => {
    const gone = await makeScene(harness, owner, 'Gone');
    await join(harness, gone, member, 'writer');
    await relate(harness, owner, gone.conversation, {
      type: 'PinConversation',
      data: { conversation: bare(gone.conversation), pinned: true },
    });
    await act(harness, {
      actor: harness.userOf(owner),
      stream: streamOf('conversation', bare(gone.conversation)),
      type: 'DeleteConversation',
      data: {},
    });
    const look = (who: string) =>
      harness.ask(
        who,
        'query ($id: ID!) { conversation(id: $id) { deleted title tags role shares { id } thread { messages { id } before } } }',
        { id: gone.conversation },
      );
    expect((await look(owner)).data).toEqual({
      conversation: {
        deleted: true,
        title: null,
        tags: [],
        role: 'OWNER',
        shares: [],
        thread: { messages: [], before: null },
      },
    });
    expect((await look(member)).data).toEqual({ conversation: null });
    for (const who of [owner, member]) expect((await node(who, gone.message)).data).toEqual({ node: null });
    const listed = async (who: string, filter: string) => {
      const query = `{ viewer { conversations(filter: ${filter}) { nodes { id } } } }`;
      return JSON.stringify((await harness.ask(who, query)).data).includes(gone.conversation);
    };
    expect(await Promise.all(['INBOX', 'PINNED', 'DELETED'].map((filter) => listed(owner, filter)))).toEqual([
      false,
      false,
      true,
    ]);
    expect(await listed(member, 'DELETED')).toBe(false);
  });

  it('that was a temporary one whose time is over is nothing to its owner either', async () => {
    const user = harness.userOf(owner);
    const [conversation, message, reply] = Array.from({ length: 3 }, () => harness.newId(owner));
    const stream = streamOf('conversation', conversation ?? '');
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    await act(harness, {
      actor: user,
      stream,
      key: conversationKey(conversation ?? ''),
      type: 'StartConversation',
      data: {
        message: message ?? '',
        reply: reply ?? '',
        parts: [part(message ?? '', 'For an hour')],
        title: { plain: 'For an hour', content: contentOf.title(conversation ?? '') },
        chars: 11,
        expires,
      },
    });
    const id = `conversation_${conversation}`;
    const look = async () =>
      (await harness.ask(owner, 'query ($id: ID!) { conversation(id: $id) { title expires } }', { id })).data;
    expect(await look()).toEqual({ conversation: { title: 'For an hour', expires } });
    await act(harness, { actor: SYSTEM, stream, type: 'ExpireConversation', data: {} });
    expect(await look()).toEqual({ conversation: null });
    for (const filter of ['INBOX', 'DELETED']) {
      const { data } = await harness.ask(owner, `{ viewer { conversations(filter: ${filter}) { nodes { id } } } }`);
      expect(JSON.stringify(data)).not.toContain(id);
    }
  });
});

it('has met no fault of the server', () => {
  expect(harness.failures).toEqual([]);
});
