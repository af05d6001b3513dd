import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harness, astray, startConversation, startHarness } from './testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.stop());

describe('commands', () => {
  it('does a command once, however often it is sent, and refuses its id for another', async () => {
    const { input, data } = await startConversation(harness, 'ana', 'Once');
    expect(data).toMatchObject({ conversationStart: { __typename: 'Accepted' } });
    const again = `mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename ... on Accepted { position } ... on Rejected { code } } }`;
    expect((await harness.ask('ana', again, { input })).data).toEqual(data);
    expect((await harness.ask('ana', again, { input: { ...input, text: 'Twice' } })).data).toEqual({
      conversationStart: { __typename: 'Rejected', code: 'COMMAND_ID_REUSED' },
    });
  });

  it('refuses ids that are the reactors’, and says what is wrong with a bad one', async () => {
    const rename =
      'mutation ($input: ConversationRenameInput!) { conversationRename(input: $input) { ... on Rejected { code message } } }';
    const { input } = await startConversation(harness, 'ana');
    const { conversation } = input;
    const v5 = '2ed6657d-e927-568b-95e1-2665a8aea6a2';
    expect((await harness.ask('ana', rename, { input: { commandId: v5, conversation, title: 'x' } })).data).toEqual({
      conversationRename: { code: 'INVALID', message: 'The commandId must be a UUID of version 7.' },
    });
    const homeless = { commandId: astray(harness.newId('ana')), conversation, title: 'x' };
    expect((await harness.ask('ana', rename, { input: homeless })).data).toEqual({
      conversationRename: {
        code: 'WRONG_BUCKET',
        message: expect.stringContaining("last three digits of the conversation's id"),
      },
    });
    const bad = await harness.ask('ana', rename, {
      input: { commandId: harness.newId('ana'), conversation: 'nonsense', title: 'x' },
    });
    expect(bad.errors?.[0]?.extensions?.code).toBe('BAD_ID');
  });

  it('answers a post on a branch that has grown with its head', async () => {
    const { input } = await startConversation(harness, 'ana');
    const postTo = async (parent: string, fork: boolean) => {
      const reply = `message_${harness.newId('ana')}`;
      const { data } = await harness.ask(
        'ana',
        'mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename ... on Conflict { code head } ... on Rejected { code } } }',
        {
          input: {
            commandId: harness.newId('ana'),
            conversation: input.conversation,
            parent,
            message: `message_${harness.newId('ana')}`,
            reply,
            text: 'more',
            fork,
          },
        },
      );
      return { data, reply };
    };
    expect((await postTo(input.message, false)).data).toEqual({
      messagePost: { __typename: 'Conflict', code: 'CONFLICT', head: input.reply },
    });
    expect((await postTo(input.message, true)).data).toEqual({ messagePost: { __typename: 'Accepted' } });
    expect((await postTo(input.reply, false)).data).toEqual({
      messagePost: { __typename: 'Rejected', code: 'REPLY_RUNNING' },
    });
  });
});

describe('what is somebody else’s', () => {
  it('looks as if it did not exist: reads, commands, subscriptions, nodes', async () => {
    const { input } = await startConversation(harness, 'ana', 'A secret');
    const { conversation, message, reply } = input;
    const stranger = (query: string, variables: object) => harness.ask('bert', query, variables);
    expect((await stranger('query ($id: ID!) { conversation(id: $id) { title } }', { id: conversation })).data).toEqual(
      {
        conversation: null,
      },
    );
    for (const id of [conversation, message, reply, `user_${harness.userOf('ana')}`]) {
      expect((await stranger('query ($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({ node: null });
      expect((await harness.ask('ana', 'query ($id: ID!) { node(id: $id) { id } }', { id })).data).toEqual({
        node: { id },
      });
    }
    const commandId = harness.newId('ana');
    const rejected = { __typename: 'Rejected', code: 'NOT_FOUND' };
    const ask = async (field: string, type: string, more: object) => {
      const query = `mutation ($input: ${type}!) { outcome: ${field}(input: $input) { __typename ... on Rejected { code } } }`;
      return (await stranger(query, { input: { commandId: harness.newId('ana'), conversation, ...more } })).data;
    };
    expect(await ask('conversationRename', 'ConversationRenameInput', { title: 'mine' })).toEqual({
      outcome: rejected,
    });
    expect(await ask('conversationDelete', 'ConversationDeleteInput', {})).toEqual({ outcome: rejected });
    expect(await ask('replyStop', 'ReplyStopInput', { reply })).toEqual({ outcome: rejected });
    expect(
      await ask('messagePost', 'MessagePostInput', {
        parent: message,
        message: `message_${commandId}`,
        reply,
        text: 'hi',
      }),
    ).toEqual({ outcome: rejected });

    for (const [query, variables] of [
      ['subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { to } }', { id: conversation }],
      ['subscription ($id: ID!) { replyDeltas(id: $id) { text } }', { id: reply }],
    ] as const) {
      const client = harness.connect('bert');
      const result = await new Promise((resolve) => {
        client.subscribe({ query, variables }, { next: resolve, error: resolve, complete: () => resolve('complete') });
      });
      expect(JSON.stringify(result)).toContain('NOT_FOUND');
    }
    expect(JSON.stringify(await stranger('{ viewer { conversations { nodes { id } } } }', {}))).not.toContain(
      conversation,
    );
  });
});

describe('reads', () => {
  it('expires a position of another log', async () => {
    const { input } = await startConversation(harness, 'ana');
    const after = Buffer.from(JSON.stringify({ log: 'another', at: { 0: 1 } })).toString('base64url');
    const { errors } = await harness.ask(
      'ana',
      'query ($id: ID!, $after: Position) { conversation(id: $id, after: $after) { id } }',
      {
        id: input.conversation,
        after,
      },
    );
    expect(errors?.[0]?.extensions?.code).toBe('CURSOR_EXPIRED');
  });

  it('says so when a position is not reached in time', async () => {
    const { input } = await startConversation(harness, 'ana');
    const after = Buffer.from(JSON.stringify({ log: harness.log.id, at: { 0: 1e9 } })).toString('base64url');
    const { data } = await harness.ask(
      'ana',
      'query ($id: ID!, $after: Position) { conversation(id: $id, after: $after) { stale } }',
      {
        id: input.conversation,
        after,
      },
    );
    expect(data).toEqual({ conversation: { stale: true } });
  });

  it('pages a thread from its leaf to its root', async () => {
    const { input } = await startConversation(harness, 'ana', 'first');
    const thread =
      'query ($id: ID!, $before: String) { conversation(id: $id) { thread(first: 1, before: $before) { before messages { id parts { ... on TextPart { text } } } } } }';
    const first = await harness.ask('ana', thread, { id: input.conversation });
    expect(first.data).toMatchObject({
      conversation: { thread: { before: input.reply, messages: [{ id: input.reply }] } },
    });
    const second = await harness.ask('ana', thread, { id: input.conversation, before: input.reply });
    expect(second.data).toMatchObject({
      conversation: { thread: { before: null, messages: [{ id: input.message, parts: [{ text: 'first' }] }] } },
    });
  });

  it('forgets a deleted conversation everywhere but leaves its tombstone to who watches', async () => {
    const { input } = await startConversation(harness, 'cleo', 'Soon gone');
    const id = input.conversation;
    const client = harness.connect('cleo');
    const updates: unknown[] = [];
    const over = new Promise<void>((resolve, reject) => {
      client.subscribe(
        {
          query:
            'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { conversation { deleted title } messages { id } } }',
          variables: { id },
        },
        { next: ({ data }) => updates.push(data), error: reject, complete: resolve },
      );
    });
    await harness.ask(
      'cleo',
      'mutation ($input: ConversationDeleteInput!) { conversationDelete(input: $input) { __typename } }',
      {
        input: { commandId: harness.newId('cleo'), conversation: id },
      },
    );
    await over;
    expect(updates.at(-1)).toEqual({
      conversationEvents: { conversation: { deleted: true, title: null }, messages: [] },
    });
    expect(
      (await harness.ask('cleo', 'query ($id: ID!) { node(id: $id) { id } }', { id: input.message })).data,
    ).toEqual({ node: null });
    expect((await harness.ask('cleo', '{ viewer { conversations { nodes { id } } } }')).data).toEqual({
      viewer: { conversations: { nodes: [] } },
    });
  });
});
