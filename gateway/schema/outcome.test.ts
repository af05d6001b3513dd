import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refused } from '../../commands/command.js';
import { type Harness, astray, startConversation, startHarness } from '../testing.js';

let harness: Harness;
let off = false;
beforeAll(async () => {
  harness = await startHarness({
    outcome: (real) => (command) =>
      off ? Promise.reject(new Refused('UNAVAILABLE', 'The server is still reading its log.')) : real(command),
  });
}, 60_000);
afterAll(() => harness.stop());

const QUERY = `query ($id: UUID!) { commandOutcome(id: $id) { __typename
  ... on Accepted { position conversation { id } } ... on CommandError { code } ... on Conflict { head } } }`;

const outcome = (subject: string, id: unknown) => harness.ask(subject, QUERY, { id });

describe('commandOutcome', () => {
  it('is what the mutation answered, and tells the same later', async () => {
    const { input, data } = await startConversation(harness, 'ana');
    const { conversation, commandId } = input;
    const { data: found } = await outcome('ana', commandId);
    expect(found).toEqual({
      commandOutcome: { __typename: 'Accepted', position: expect.any(String), conversation: { id: conversation } },
    });
    expect(found).toMatchObject({ commandOutcome: { position: positionIn(data) } });
    expect((await outcome('ana', commandId)).data).toEqual(found);
  });

  it('of a refusal has its code, and its head', async () => {
    const { input } = await startConversation(harness, 'ana');
    const { conversation, message, reply } = input;
    const post = `mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename } }`;
    const commandId = harness.newId('ana');
    const ids = { message: `message_${harness.newId('ana')}`, reply: `message_${harness.newId('ana')}` };
    await harness.ask('ana', post, {
      input: { commandId, conversation, parent: message, ...ids, text: 'x', fork: false },
    });
    expect((await outcome('ana', commandId)).data).toEqual({
      commandOutcome: { __typename: 'Conflict', code: 'CONFLICT', head: reply },
    });
  });

  it('is none where the id has another bucket than the stream: that is refused before it is sent', async () => {
    const { input } = await startConversation(harness, 'ana');
    const commandId = astray(harness.newId('ana'));
    const rename = `mutation ($input: ConversationRenameInput!) { conversationRename(input: $input) { ... on Rejected { code } } }`;
    const wish = { commandId, conversation: input.conversation, title: 'Another' };
    expect((await harness.ask('ana', rename, { input: wish })).data).toEqual({
      conversationRename: { code: 'WRONG_BUCKET' },
    });
    expect((await outcome('ana', commandId)).data).toEqual({ commandOutcome: null });
  });

  it('names no conversation where the command was about something else', async () => {
    const { input } = await startConversation(harness, 'ana');
    const commandId = harness.newId('ana');
    const read = `mutation ($input: ConversationReadInput!) { conversationRead(input: $input) { __typename } }`;
    await harness.ask('ana', read, { input: { commandId, conversation: input.conversation, seq: 1 } });
    expect((await outcome('ana', commandId)).data).toMatchObject({
      commandOutcome: { __typename: 'Accepted', conversation: null },
    });
  });

  it('is told to its actor alone: to others it is as unknown as one that never was', async () => {
    const { input } = await startConversation(harness, 'ana');
    expect((await outcome('bert', input.commandId)).data).toEqual({ commandOutcome: null });
    expect((await outcome('ana', harness.newId('ana'))).data).toEqual({ commandOutcome: null });
    expect((await outcome('ana', input.commandId)).data).toMatchObject({ commandOutcome: { __typename: 'Accepted' } });
  });

  it('says clearly that it cannot be told right now, and what is no id', async () => {
    const { input } = await startConversation(harness, 'ana');
    off = true;
    const { errors, data } = await outcome('ana', input.commandId);
    off = false;
    expect(data).toEqual({ commandOutcome: null });
    expect(errors).toMatchObject([
      { message: 'The server is still reading its log.', extensions: { code: 'UNAVAILABLE' } },
    ]);
    expect((await outcome('ana', 'X')).errors).toMatchObject([{ extensions: { code: 'BAD_ID' } }]);
    expect(harness.failures).toEqual([]);
  });
});

function positionIn(data: unknown): unknown {
  const text = JSON.stringify(data);
  return /"position":"([^"]+)"/.exec(text)?.[1];
}
