import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sealed } from '../../../domain/content.js';
import { contentOf, conversationKey, personKey } from '../../../domain/content.js';
import { SYSTEM } from '../../../domain/decider.js';
import { membershipId, streamOf } from '../../../domain/ids.js';
import { type Harness, startHarness } from '../../testing.js';
import { type Result, type World, addMembers, answer, bare, doIt, eventsOf, makeWorld, tell } from './testing.js';

let harness: Harness;
/** Those that were asked for: each is made then, if it is not there. */
const keysMade = new Set<string>();
beforeAll(async () => {
  harness = await startHarness({
    commands: ({ send }) => ({
      send: (draft) => {
        if (draft.key !== undefined) keysMade.add(draft.key);
        return send(draft);
      },
    }),
  });
  for (const person of ['ana', 'bert']) await harness.ask(person, '{ viewer { user { id } } }');
}, 60_000);
afterAll(() => harness.stop());

const newId = (subject = 'ana'): string => harness.newId(subject);

/** Every sealed text in the log that belongs to one of these places, by its place: the key it is sealed under, and what it says. */
async function sealedAt(...places: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const boxes: Sealed[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (isSealed(value) && places.some((place) => value.content.startsWith(place))) boxes.push(value);
    for (const each of Object.values(value)) walk(each);
  };
  for (const event of await eventsOf(harness)) walk(event.data);
  const texts = await harness.open(boxes.map((sealed) => ({ sealed, content: sealed.content })));
  const found: Record<string, string[]> = {};
  for (const [n, { content, key }] of boxes.entries()) (found[content] ??= []).push(`${key} ${texts[n]}`);
  return found;
}

const isSealed = (value: object): value is Sealed => 'key' in value && 'content' in value && 'box' in value;

describe('what people say', () => {
  it('is sealed under their own key, each text in its place', async () => {
    const { conversation, message, reply } = await makeWorld(harness, 'ana', 'One word');
    const [user, id] = [harness.userOf('ana'), bare(conversation)];
    await doIt(harness, 'ana', 'feedbackGive', {
      commandId: newId(),
      conversation,
      message: reply,
      value: 'UP',
      comment: 'Well said',
    });
    await doIt(harness, 'ana', 'conversationTag', { commandId: newId(), conversation, tags: ['one', 'two'] });
    await doIt(harness, 'ana', 'profileChange', { commandId: newId(), name: 'Ana B.' });
    await doIt(harness, 'ana', 'preferencesChange', { commandId: newId(), instructions: 'Brief.', theme: 'DARK' });
    const key = personKey(user);
    const membership = membershipId(id, user);
    expect(await sealedAt(id, bare(message), bare(reply), membership, user)).toEqual({
      [contentOf.title(id)]: [`${key} One word`],
      [contentOf.part(bare(message), 0)]: [`${key} One word`],
      [contentOf.part(bare(reply), 0)]: [`${key} An answer to One word`],
      [contentOf.feedback(bare(reply), user)]: [`${key} Well said`],
      [contentOf.tag(membership, 0)]: [`${key} one`],
      [contentOf.tag(membership, 1)]: [`${key} two`],
      [contentOf.name(user)]: [`${key} ana`, `${key} Ana B.`],
      [contentOf.instructions(user)]: [`${key} Brief.`],
    });
  });

  it('can be read by them where they look for it', async () => {
    const { conversation, message, reply } = await makeWorld(harness, 'bert');
    const tellIt = (field: string, input: object) =>
      doIt(harness, 'bert', field, { commandId: newId('bert'), conversation, ...input });
    await tellIt('feedbackGive', { message: reply, value: 'DOWN', comment: 'Hm' });
    await tellIt('conversationTag', { tags: ['work'] });
    await tellIt('conversationPin', { pinned: true });
    await tellIt('branchChoose', { leaf: message });
    await doIt(harness, 'bert', 'preferencesChange', {
      commandId: newId('bert'),
      instructions: 'Speak Latin.',
      theme: 'LIGHT',
      language: 'la',
    });
    const { data } = await harness.ask(
      'bert',
      `query ($id: ID!, $reply: ID!) {
        conversation(id: $id) { tags pinned thread(leaf: $reply) { messages { feedback { value comment } } } }
        viewer { preferences { instructions theme language } }
      }`,
      { id: conversation, reply },
    );
    expect(data).toEqual({
      conversation: {
        tags: ['work'],
        pinned: true,
        thread: { messages: [{ feedback: null }, { feedback: { value: 'DOWN', comment: 'Hm' } }] },
      },
      viewer: { preferences: { instructions: 'Speak Latin.', theme: 'LIGHT', language: 'la' } },
    });
    await tellIt('feedbackGive', { message: reply, value: null });
    const after = await harness.ask(
      'bert',
      'query ($id: ID!) { node(id: $id) { ... on Message { feedback { value } } } }',
      { id: reply },
    );
    expect(after.data).toEqual({ node: { feedback: null } });
  });

  it.each([
    ['conversationRename', { title: '   ' }, 'INVALID'],
    ['conversationRename', { title: 'x'.repeat(201) }, 'TOO_LARGE'],
    ['conversationTag', { tags: ['ok', ''] }, 'INVALID'],
    ['conversationTag', { tags: Array.from({ length: 21 }, (_, n) => `${n}`) }, 'TOO_LARGE'],
    ['conversationTag', { tags: ['x'.repeat(41)] }, 'TOO_LARGE'],
    ['conversationRead', { seq: -1 }, 'INVALID'],
    ['feedbackGive', { comment: 'Without a value' }, 'INVALID'],
    ['feedbackGive', { value: 'UP', comment: 'x'.repeat(2_001) }, 'TOO_LARGE'],
  ])('is refused where it cannot be: %s %j', async (field, input, code) => {
    const { conversation, reply } = await makeWorld(harness, 'ana');
    const more = field === 'feedbackGive' ? { message: reply } : {};
    const result = await tell(harness, 'ana', field, { commandId: newId(), conversation, ...more, ...input });
    expect(result).toMatchObject({ code, message: expect.stringMatching(/.{10}/) });
  });

  it.each([
    ['profileChange', { name: '' }, 'INVALID'],
    ['profileChange', { name: 'x'.repeat(101) }, 'TOO_LARGE'],
    ['preferencesChange', { theme: 'DARK', language: 'what?' }, 'INVALID'],
    ['preferencesChange', { theme: 'DARK', instructions: ' ' }, 'INVALID'],
    ['preferencesChange', { theme: 'DARK', instructions: 'x'.repeat(10_001) }, 'TOO_LARGE'],
  ])('about themselves is refused where it cannot be: %s %j', async (field, input, code) => {
    expect(await tell(harness, 'ana', field, { commandId: newId(), ...input })).toMatchObject({ code });
  });
});

describe('a temporary conversation', () => {
  const expires = '2100-01-31T09:15:00.000Z';
  let world: World;
  let begun: Result;
  beforeAll(async () => {
    const [conversation, message, reply] = [`conversation_${newId()}`, `message_${newId()}`, `message_${newId()}`];
    world = { owner: 'ana', conversation, message, reply, spare: `message_${newId()}`, share: newId() };
    const started = { conversation, message, reply, text: 'For a while', expires };
    begun = await tell(harness, 'ana', 'conversationStart', { commandId: newId(), ...started });
  });

  it('is sealed under a key of its own, from its first word on, whoever looks first', async () => {
    const { conversation, message, reply, spare } = world;
    const id = bare(conversation);
    const key = conversationKey(id);
    expect(begun).toMatchObject({ __typename: 'Accepted' });
    // Said at once: the view may not show the conversation yet.
    const post = {
      conversation,
      parent: message,
      message: spare,
      reply: `message_${newId()}`,
      text: 'And more',
      fork: true,
    };
    expect(await tell(harness, 'ana', 'messagePost', { commandId: newId(), ...post })).toMatchObject({
      __typename: 'Accepted',
    });
    await harness.core.reached(await answer(harness, 'ana', id, bare(reply), 'So be it', key), 10_000);
    await doIt(harness, 'ana', 'feedbackGive', {
      commandId: newId(),
      conversation,
      message: reply,
      value: 'UP',
      comment: 'Quite',
    });
    await doIt(harness, 'ana', 'conversationRename', { commandId: newId(), conversation, title: 'Another' });
    expect(await sealedAt(id, bare(message), bare(reply), bare(spare))).toEqual({
      [contentOf.title(id)]: [`${key} For a while`, `${key} Another`],
      [contentOf.part(bare(message), 0)]: [`${key} For a while`],
      [contentOf.part(bare(reply), 0)]: [`${key} So be it`],
      [contentOf.part(bare(spare), 0)]: [`${key} And more`],
      [contentOf.feedback(bare(reply), harness.userOf('ana'))]: [`${key} Quite`],
    });
    const { data } = await harness.ask('ana', 'query ($id: ID!) { conversation(id: $id) { title expires } }', {
      id: conversation,
    });
    expect(data).toEqual({ conversation: { title: 'Another', expires } });
  });

  it('stays what and where it is', async () => {
    const { conversation, reply, share } = world;
    const of = () => ({ commandId: newId(), conversation });
    const user = `user_${harness.userOf('bert')}`;
    expect(await tell(harness, 'ana', 'memberAdd', { ...of(), user, role: 'READER' })).toMatchObject({
      code: 'INVALID',
    });
    expect(await tell(harness, 'ana', 'conversationShare', { ...of(), share, leaf: reply })).toMatchObject({
      code: 'INVALID',
    });
    const fork = { ...of(), conversation: `conversation_${newId()}`, origin: conversation, leaf: reply };
    expect(await tell(harness, 'ana', 'conversationFork', fork)).toMatchObject({ code: 'INVALID' });
    const late = { ...of(), conversation: `conversation_${newId()}`, message: `message_${newId()}` };
    const started = { ...late, reply: `message_${newId()}`, text: 'When?', expires: 'tomorrow' };
    expect(await tell(harness, 'ana', 'conversationStart', started)).toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('tomorrow'),
    });
  });
});

describe('a key of a temporary conversation', () => {
  const start = (changes: Readonly<Record<string, string>> = {}) => {
    const ids = { conversation: `conversation_${newId()}`, message: `message_${newId()}`, reply: `message_${newId()}` };
    return { commandId: newId(), ...ids, text: 'For a while', expires: '2100-01-31T09:15:00.000Z', ...changes };
  };
  const begin = (input: ReturnType<typeof start>) => tell(harness, 'ana', 'conversationStart', input);

  it.each([
    ['a time that is over', 'INVALID', () => ({ expires: '2020-01-31T09:15:00.000Z' })],
    ['what is no time', 'INVALID', () => ({ expires: 'tomorrow' })],
    ['no text', 'INVALID', () => ({ text: ' ' })],
    ['too much text', 'TOO_LARGE', () => ({ text: 'x'.repeat(100_001) })],
    ['an id that is no client’s', 'INVALID', () => ({ conversation: `conversation_${harness.userOf('ana')}` })],
    ['a message in another bucket', 'WRONG_BUCKET', () => ({ message: `message_${newId('bert')}` })],
    ['a command in another bucket', 'WRONG_BUCKET', () => ({ commandId: newId('bert') })],
  ])('is not made for %s', async (_, code, changes) => {
    const input = start(changes());
    expect(await begin(input)).toMatchObject({ code });
    expect(keysMade).not.toContain(conversationKey(bare(input.conversation)));
  });

  it('is not made where the conversation exists; what began it is answered as it was, also sent again', async () => {
    const { conversation } = await makeWorld(harness, 'ana');
    expect(await begin(start({ conversation }))).toMatchObject({ code: 'ID_TAKEN' });
    expect(keysMade).not.toContain(conversationKey(bare(conversation)));
    const soon = start({ expires: new Date(Date.now() + 1_000).toISOString() });
    const first = await begin(soon);
    expect(first).toMatchObject({ __typename: 'Accepted' });
    while (Date.now() <= Date.parse(soon.expires)) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await begin(soon)).toEqual(first);
  });
});

describe('a title', () => {
  it('that another owner gives is sealed under the key of who started it; once they are erased, under theirs', async () => {
    const world = await makeWorld(harness, 'eva', 'Mine');
    await addMembers(harness, world, { bert: 'OWNER' });
    const { conversation } = world;
    const rename = (title: string) =>
      doIt(harness, 'bert', 'conversationRename', { commandId: newId('eva'), conversation, title });
    await rename('Ours');
    const user = harness.userOf('eva');
    const erased = await harness.client.send({
      id: newId('eva'),
      actor: SYSTEM,
      stream: streamOf('user', user),
      type: 'EraseUser',
      data: { by: 'ops' },
    });
    if (erased.status === 'accepted') await harness.core.reached(erased.position, 10_000);
    await rename('His');
    const titles = await sealedAt(contentOf.title(bare(conversation)));
    expect(Object.values(titles)).toEqual([
      [`${personKey(user)} Mine`, `${personKey(user)} Ours`, `${personKey(harness.userOf('bert'))} His`],
    ]);
  });
});

describe('a person who is to join', () => {
  it('must be one that there is, and may sign in', async () => {
    const { conversation } = await makeWorld(harness, 'ana');
    const add = (subject: string) =>
      tell(harness, 'ana', 'memberAdd', {
        commandId: newId(),
        conversation,
        user: `user_${harness.userOf(subject)}`,
        role: 'READER',
      });
    expect(await add('nobody-yet')).toMatchObject({ code: 'NOT_FOUND' });
    expect(await add('bert')).toMatchObject({ __typename: 'Accepted' });
  });

  it('is told of to owners alone: others are answered alike, whether there is such a person or not', async () => {
    const world = await makeWorld(harness, 'ana');
    await addMembers(harness, world, { rita: 'READER' });
    await harness.ask('sven', '{ viewer { user { id } } }');
    const answers = (by: string) =>
      Promise.all(
        ['bert', 'nobody-yet'].map((subject) =>
          tell(harness, by, 'memberAdd', {
            commandId: newId(),
            conversation: world.conversation,
            user: `user_${harness.userOf(subject)}`,
            role: 'READER',
          }),
        ),
      );
    for (const [by, code] of [
      ['rita', 'FORBIDDEN'],
      ['sven', 'NOT_FOUND'],
    ] as const) {
      const [there, missing] = await answers(by);
      expect(there).toMatchObject({ __typename: 'Rejected', code });
      expect(missing).toEqual(there);
    }
  });
});

it('left no fault behind', () => {
  expect(harness.failures).toEqual([]);
});
