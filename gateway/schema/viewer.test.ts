import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, personKey } from '../../domain/content.js';
import { membershipId, streamOf } from '../../domain/ids.js';
import { type Harness, startHarness } from '../testing.js';
import { type Scene, act, bare, fourPeople, join, makeScene, relate } from './testing.js';

// What is the viewer's own: preferences, lists, and reads that wait for what was written.

let harness: Harness;
let ana: string, bert: string;
beforeAll(async () => {
  harness = await startHarness();
  [ana, bert] = fourPeople(harness);
}, 60_000);
afterAll(() => harness.stop());

describe('the viewer', () => {
  it('has what their token tells, and the preferences that they stated', async () => {
    const query = '{ viewer { email roles user { name } preferences { instructions theme language } } }';
    const none = { instructions: null, theme: 'SYSTEM', language: null };
    expect((await harness.ask(ana, query)).data).toEqual({
      viewer: { email: null, roles: ['USER'], user: { name: ana }, preferences: none },
    });
    const user = harness.userOf(ana);
    await act(harness, {
      actor: user,
      stream: streamOf('user', user),
      key: personKey(user),
      type: 'ChangePreferences',
      data: {
        instructions: { plain: 'Be brief', content: contentOf.instructions(user) },
        chars: 8,
        theme: 'dark',
        language: 'de-CH',
      },
    });
    const claims = { email: 'ana@example.org', roles: ['user', 'ops', 'king'] };
    expect((await harness.ask(ana, query, {}, { claims })).data).toEqual({
      viewer: {
        email: 'ana@example.org',
        roles: ['USER', 'OPS'],
        user: { name: ana },
        preferences: { instructions: 'Be brief', theme: 'DARK', language: 'de-CH' },
      },
    });
  });
});

describe('lists', () => {
  const scenes: Scene[] = [];
  const list = async (who: string, filter: string, page = '') => {
    const query = `{ viewer { conversations(filter: ${filter}${page}) { nodes { id } pageInfo { hasNextPage endCursor } } } }`;
    const { nodes, pageInfo } = JSON.parse(JSON.stringify((await harness.ask(who, query)).data)).viewer.conversations;
    return { ids: nodes.map(({ id }: { id: string }) => id), ...pageInfo };
  };
  beforeAll(async () => {
    for (const who of [ana, bert, ana, ana]) scenes.push(await makeScene(harness, who, `List ${scenes.length}`));
    const [, foreign] = scenes;
    if (foreign) await join(harness, foreign, ana, 'reader');
  });
  const at = (...places: number[]) => places.map((place) => scenes[place]?.conversation);

  it('show by filter what the viewer pinned, archived, hid and tagged: their own and those of others', async () => {
    expect((await list(ana, 'INBOX')).ids).toEqual(at(3, 2, 1, 0));
    const [first, foreign, , last] = scenes.map(({ conversation }) => conversation);
    const id = bare(foreign ?? '');
    await relate(harness, ana, foreign ?? '', { type: 'PinConversation', data: { conversation: id, pinned: true } });
    const archive = { conversation: bare(first ?? ''), archived: true };
    await relate(harness, ana, first ?? '', { type: 'ArchiveConversation', data: archive });
    await relate(harness, ana, last ?? '', {
      type: 'HideConversation',
      data: { conversation: bare(last ?? ''), hidden: true },
    });
    const tag = (n: number, plain: string) => ({
      text: { plain, content: contentOf.tag(membershipId(id, harness.userOf(ana)), n) },
      chars: plain.length,
    });
    await harness.client.send({
      id: harness.newId(ana),
      actor: harness.userOf(ana),
      stream: `membership-${membershipId(id, harness.userOf(ana))}`,
      key: personKey(harness.userOf(ana)),
      type: 'TagConversation',
      data: { conversation: id, tags: [tag(0, 'work'), tag(1, 'moon')] },
    });
    expect((await list(ana, 'INBOX')).ids).toEqual(at(2, 1));
    expect((await list(ana, 'PINNED')).ids).toEqual(at(1));
    expect((await list(ana, 'ARCHIVED')).ids).toEqual(at(0));
    expect((await list(ana, 'DELETED')).ids).toEqual([]);
    expect((await list(bert, 'INBOX')).ids).toEqual(at(1));
    const own = 'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { pinned archived hidden tags } } }';
    const untouched = { pinned: false, archived: false, hidden: false, tags: [] };
    expect((await harness.ask(ana, own, { ids: [first, foreign, last] })).data).toEqual({
      nodes: [
        { ...untouched, archived: true },
        { ...untouched, pinned: true, tags: ['work', 'moon'] },
        { ...untouched, hidden: true },
      ],
    });
    expect((await harness.ask(bert, own, { ids: [foreign] })).data).toEqual({ nodes: [untouched] });
  });

  it('come in pages over all homes, and refuse what is no cursor', async () => {
    const first = await list(ana, 'INBOX', ', first: 1');
    expect(first).toMatchObject({ ids: at(2), hasNextPage: true });
    const second = await list(ana, 'INBOX', `, first: 1, after: "${first.endCursor}"`);
    expect(second).toMatchObject({ ids: at(1), hasNextPage: false });
    const relations = async (page: string) =>
      harness.ask(ana, `{ viewer { memberships(${page}) { nodes { id } pageInfo { hasNextPage endCursor } } } }`);
    const one = JSON.parse(JSON.stringify((await relations('first: 1')).data)).viewer.memberships;
    expect(one).toMatchObject({ nodes: [{ id: scenes[1]?.conversation }], pageInfo: { hasNextPage: false } });
    expect((await relations(`after: "${one.pageInfo.endCursor}"`)).data).toEqual({
      viewer: { memberships: { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } } },
    });
    for (const cursor of ['', 'nonsense', first.endCursor]) {
      expect((await relations(`after: "${cursor}"`)).errors?.[0]?.extensions?.code).toBe('BAD_INPUT');
    }
    for (const cursor of ['', 'nonsense', one.pageInfo.endCursor]) {
      const query = `{ viewer { conversations(after: "${cursor}") { nodes { id } } } }`;
      expect((await harness.ask(ana, query)).errors?.[0]?.extensions?.code).toBe('BAD_INPUT');
    }
  });
});

describe('reads that come after a command', () => {
  const everywhere = `query ($id: ID!, $message: ID!, $after: Position) {
    viewer(after: $after) { stale user { stale } conversations(first: 1) { nodes { stale } } }
    conversation(id: $id, after: $after) { stale thread { stale } }
    node(id: $message, after: $after) { stale }
    nodes(ids: [$id, $message], after: $after) { stale } }`;

  it('say that they are older where the view did not come that far in time; else they show it', async () => {
    const { conversation: id, message } = await makeScene(harness, ana, 'Fresh');
    const token = (at: object) => Buffer.from(JSON.stringify({ log: harness.log.id, at })).toString('base64url');
    const answer = (stale: boolean) => ({
      viewer: { stale, user: { stale }, conversations: { nodes: [{ stale }] } },
      conversation: { stale, thread: { stale } },
      node: { stale },
      nodes: [{ stale }, { stale }],
    });
    const ask = (after: string | null) => harness.ask(ana, everywhere, { id, message, after });
    expect((await ask(null)).data).toEqual(answer(false));
    expect((await ask(token({ 0: 1 }))).data).toEqual(answer(false));
    expect((await ask(token({ 0: 1e9 }))).data).toEqual(answer(true));
  });

  it('are refused with a position of another log, or with none at all', async () => {
    const after = Buffer.from(JSON.stringify({ log: 'another', at: { 0: 1 } })).toString('base64url');
    for (const [given, code] of [
      [after, 'CURSOR_EXPIRED'],
      ['nonsense', 'BAD_POSITION'],
    ]) {
      const { errors } = await harness.ask(ana, 'query ($after: Position) { viewer(after: $after) { email } }', {
        after: given,
      });
      expect(errors?.[0]?.extensions?.code).toBe(code);
    }
  });
});

describe('nodes', () => {
  it('come in the order of their ids, with null for what is not there, at most 100', async () => {
    const { conversation, message } = await makeScene(harness, ana, 'Nodes');
    const me = `user_${harness.userOf(ana)}`;
    const nodes = (ids: readonly string[]) =>
      harness.ask(ana, 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }', { ids });
    const unknown = [`message_${harness.newId(ana)}`, 'nonsense', `user_${harness.userOf('nobody')}`];
    expect((await nodes([message, ...unknown, me, conversation, message])).data).toEqual({
      nodes: [
        { __typename: 'Message', id: message },
        null,
        null,
        null,
        { __typename: 'User', id: me },
        { __typename: 'Conversation', id: conversation },
        { __typename: 'Message', id: message },
      ],
    });
    expect((await nodes(Array.from({ length: 101 }, () => me))).errors?.[0]?.extensions?.code).toBe('BAD_INPUT');
    expect((await nodes([])).data).toEqual({ nodes: [] });
  });
});

it('has met no fault of the server', () => {
  expect(harness.failures).toEqual([]);
});
