import { afterAll, beforeAll, expect, it } from 'vitest';
import { contentOf, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { core } from '../../projections/readmodel/core/core.js';
import { type Harness, startHarness } from '../testing.js';
import { type Scene, act, bare, makeScene, relate } from './testing.js';

// The view can come to a position, and yet not show what stands there: where it refuses an event, it holds up the stream.

let harness: Harness;
let refuses = true;
beforeAll(async () => {
  const refused = new Set(['ConversationRenamed', 'ConversationPinned', 'ProfileChanged']);
  harness = await startHarness({
    core: {
      ...core,
      apply: (events, stage) => {
        const bad = events.find(({ event }) => refuses && refused.has(event.type));
        if (bad) throw new TypeError(`cannot fold ${bad.event.type}`);
        return core.apply(events, stage);
      },
    },
  });
}, 60_000);
afterAll(() => harness.stop());

const rename = (commandId: string, { conversation }: Scene) =>
  harness.ask(
    'ana',
    `mutation ($input: ConversationRenameInput!) {
      conversationRename(input: $input) { ... on Accepted { position conversation { title } } } }`,
    { input: { commandId, conversation, title: 'Renamed' } },
  );

const READS = `query ($id: ID!, $message: ID!, $after: Position) {
  conversation(id: $id, after: $after) { stale }
  node(id: $message, after: $after) { stale }
  nodes(ids: [$id, $message], after: $after) { stale }
  viewer(after: $after) { stale conversations { nodes { id stale } } } }`;

/** What reads of a scene say of themselves: all but the viewer, who has nothing to do with it. */
async function staleness({ conversation: id, message }: Scene, after: string | null) {
  const { data } = await harness.ask('ana', READS, { id, message, after });
  const { conversation, node, nodes, viewer } = JSON.parse(JSON.stringify(data));
  const listed = viewer.conversations.nodes.find((each: { id: string }) => each.id === id);
  const stale = [conversation, ...nodes, node, listed].map((each: { stale: boolean }) => each.stale);
  return { stale, viewer: viewer.stale };
}

it('is what reads and answers say of a conversation that the view holds up, until it is let go', async () => {
  const [held, free] = [await makeScene(harness, 'ana', 'Held'), await makeScene(harness, 'ana', 'Free')];
  const commandId = harness.newId('ana');
  const accepted = await rename(commandId, held);
  expect(accepted.data).toEqual({ conversationRename: { position: expect.any(String), conversation: null } });
  const { position: after } = JSON.parse(JSON.stringify(accepted.data)).conversationRename;
  const none = [false, false, false, false, false];
  expect(await staleness(held, after)).toEqual({ stale: none.map(() => true), viewer: false });
  expect(await staleness(free, after)).toEqual({ stale: none, viewer: false });
  // Who asks for no position is told of none.
  expect(await staleness(held, null)).toEqual({ stale: none, viewer: false });

  refuses = false;
  await harness.runner.retry(streamOf('conversation', bare(held.conversation)));
  expect(await staleness(held, after)).toEqual({ stale: none, viewer: false });
  expect((await rename(commandId, held)).data).toMatchObject({
    conversationRename: { conversation: { title: 'Renamed' } },
  });
  refuses = true;
});

it('is what a conversation says of itself where the relation of the viewer to it is held up', async () => {
  const { conversation } = await makeScene(harness, 'ana', 'Pinned');
  const data = { conversation: bare(conversation), pinned: true };
  const after = await relate(harness, 'ana', conversation, { type: 'PinConversation', data });
  const query = 'query ($id: ID!, $after: Position) { conversation(id: $id, after: $after) { stale pinned } }';
  expect((await harness.ask('ana', query, { id: conversation, after })).data).toEqual({
    conversation: { stale: true, pinned: false },
  });
});

it('is what the viewer says where they themselves are held up', async () => {
  const user = harness.userOf('bert');
  await harness.ask('bert', '{ viewer { roles } }');
  const after = await act(harness, {
    actor: user,
    stream: streamOf('user', user),
    key: personKey(user),
    type: 'ChangeProfile',
    data: { name: { plain: 'Berta', content: contentOf.name(user) }, chars: 5 },
  });
  const query = 'query ($after: Position) { viewer(after: $after) { stale user { stale } } }';
  expect((await harness.ask('bert', query, { after })).data).toEqual({
    viewer: { stale: true, user: { stale: true } },
  });
});
