import { setTimeout as sleep } from 'node:timers/promises';
import { type GraphQLObjectType, getNamedType, isObjectType, isUnionType, parse } from 'graphql';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { sharingOf } from '../documents/sharing.js';
import { type Raw, openSignedIn } from '../raw-testing.js';
import { schema } from '../schema/schema.js';
import { type Harness, startHarness } from '../testing.js';
import { expectClean, openRoom, seedOfRun, seeded, shown } from './testing.js';

// What goes to many over real sockets: executed once, for nobody in particular.

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ headsEvery: 50 });
  for (const person of ['ana', 'bob', 'cleo']) await harness.ask(person, '{ viewer { roles } }');
}, 60_000);
afterAll(() => harness.stop());
const open: Raw[] = [];
afterEach(async () => {
  for (const { socket } of open.splice(0)) socket.terminate();
  await expectClean(harness);
});

/** Follows something; what has come so far, and whether it is over. */
async function follow(subject: string, query: string, variables: object) {
  const raw = await openSignedIn(harness, subject);
  open.push(raw);
  const got: string[] = [];
  const state = { over: false };
  raw.socket.on('message', (data: Buffer) => {
    const { type, payload } = JSON.parse(data.toString());
    if (type === 'next') got.push(JSON.stringify(payload));
    if (type === 'complete') state.over = true;
  });
  raw.send({ id: subject, type: 'subscribe', payload: { query, variables } });
  return { got, state, last: () => got.at(-1) ?? '', cut: () => raw.socket.terminate() };
}

/** What the gateway counts of a field. */
async function counted(metric: string, field: string): Promise<number> {
  const metrics = await (await fetch(`${harness.opsUrl}/metrics`)).text();
  return Number(new RegExp(`^${metric}\\{field="${field}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0);
}
/** How many deliveries of it were executed once for several. */
const together = (field: string): Promise<number> => counted('verbatim_shared_deliveries_total', field);

const isShared = (field: { readonly extensions: Readonly<Record<string, unknown>> }): boolean =>
  field.extensions['shareable'] === true;

/** All fields that are marked as shareable, and what lies in them. */
function everything(type: GraphQLObjectType): string {
  const fields = Object.values(type.getFields()).filter(isShared);
  const selections = fields.map((field) => {
    const inner = getNamedType(field.type);
    if (isObjectType(inner)) return `${field.name} ${everything(inner)}`;
    if (!isUnionType(inner)) return field.name;
    return `${field.name} { ${inner
      .getTypes()
      .map((each) => `... on ${each.name} ${everything(each)}`)
      .join(' ')} }`;
  });
  return `{ ${selections.join(' ')} }`;
}
const typeOf = (name: string): GraphQLObjectType => {
  const type = schema.getType(name);
  if (!isObjectType(type)) throw new Error(`${name} is no object type`);
  return type;
};

const EVENTS = `subscription ($id: ID!, $asOf: Int!) { conversationEvents(id: $id, asOf: $asOf) ${everything(typeOf('ConversationUpdate'))} }`;
const DELTAS = `subscription ($id: ID!) { replyDeltas(id: $id) ${everything(typeOf('ReplyDelta'))} }`;
const TYPING = `subscription ($id: ID!) { typing(conversation: $id) ${everything(typeOf('TypingUpdate'))} }`;

it('shares a document only if all of its fields are marked, and none is that depends on who asks', () => {
  const unmarked = [
    'ConversationUpdate',
    'Conversation',
    'Message',
    'Member',
    'User',
    'ReplyDelta',
    'TypingUpdate',
  ].flatMap((name) =>
    Object.values(typeOf(name).getFields())
      .filter((field) => !isShared(field))
      .map((field) => `${name}.${field.name}`),
  );
  expect(unmarked.toSorted()).toEqual([
    ...['archived', 'hidden', 'leaf', 'pinned', 'readSeq', 'role', 'stale', 'tags', 'thread', 'unread'].map(
      (name) => `Conversation.${name}`,
    ),
    'Message.feedback',
    'Message.stale',
    'User.stale',
  ]);
  for (const query of [EVENTS, DELTAS, TYPING]) expect(sharingOf(schema, parse(query))).toEqual(['id']);
  const asking = (fields: string) =>
    sharingOf(schema, parse(`subscription ($id: ID!) { conversationEvents(id: $id, asOf: 1) { to ${fields} } }`));
  expect(asking('messages { id }')).toEqual(['id']);
  expect(asking('messages { id feedback { value } }')).toBeUndefined();
  expect(asking('conversation { role }')).toBeUndefined();
  expect(asking('conversation { ...on Node { id stale } }')).toBeUndefined();
  expect(sharingOf(schema, parse('subscription { inbox { complete } }'))).toBeUndefined();
});

it('gives everything that is marked to several, without knowing who they are', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'reader' });
  await shown(harness, await room.claim());
  const variables = { id: `conversation_${room.id}`, asOf: 4 };
  const [ana, bob] = [await follow('ana', EVENTS, variables), await follow('bob', EVENTS, variables)];
  const before = await together('conversationEvents');
  await expect
    .poll(async () => {
      await shown(harness, await room.post('ana', 'for all'));
      return together('conversationEvents');
    })
    .toBeGreaterThan(before + 1);
  const { version } = await room.complete('an answer');
  await expect.poll(() => [ana.last(), bob.last()].every((each) => each.includes(`"to":${version}`))).toBe(true);
  expect(ana.last()).toBe(bob.last());
  expect(ana.last()).toContain('an answer');
  expect(ana.got.join()).toContain('for all');
  expect([...ana.got, ...bob.got].filter((each) => each.includes('"errors"'))).toEqual([]);
});

it('never shares what people of different roles see differently', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'reader' });
  const query = 'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 3) { to conversation { role } } }';
  const before = await together('conversationEvents');
  const [ana, bob] = [
    await follow('ana', query, { id: `conversation_${room.id}` }),
    await follow('bob', query, { id: `conversation_${room.id}` }),
  ];
  for (let n = 0; n < 5; n++) await shown(harness, await room.post('ana'));
  const { version } = await room.post('ana');
  const asSeen = (role: string) =>
    `{"data":{"conversationEvents":{"to":${version},"conversation":{"role":"${role}"}}}}`;
  await expect.poll(() => [ana.last(), bob.last()]).toEqual([asSeen('OWNER'), asSeen('READER')]);
  expect(await together('conversationEvents')).toBe(before);
});

it('never shares among those who leave a variable to its default and those who say null', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'reader', cleo: 'reader' });
  const query = `subscription ($id: ID!, $text: Boolean = true) {
    conversationEvents(id: $id, asOf: 3) { to messages @include(if: $text) { parts { ... on TextPart { text } } } }
  }`;
  const variables = { id: `conversation_${room.id}` };
  // Where null is not allowed: an error, which is this one's alone.
  const ana = await follow('ana', query, { ...variables, text: null });
  await expect.poll(async () => (await shown(harness, await room.post('ana')), ana.last())).toContain('"errors"');
  const [bob, cleo] = [await follow('bob', query, variables), await follow('cleo', query, variables)];
  const before = await together('conversationEvents');
  await expect
    .poll(async () => {
      await shown(harness, await room.post('ana', 'for both'));
      return together('conversationEvents');
    })
    .toBeGreaterThan(before + 1);
  const { version } = await room.post('ana', 'the last');
  await expect.poll(() => [bob.last(), cleo.last()].every((each) => each.includes(`"to":${version}`))).toBe(true);
  expect(bob.last()).toContain('the last');
  expect([...bob.got, ...cleo.got].filter((each) => each.includes('"errors"'))).toEqual([]);
});

it('gives a running reply to several, each piece once, and none to whoever was removed', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'reader', cleo: 'reader' });
  await shown(harness, await room.claim());
  const variables = { id: `message_${room.reply}` };
  const [ana, bob, cleo] = await Promise.all(['ana', 'bob', 'cleo'].map((who) => follow(who, DELTAS, variables)));
  if (!ana || !bob || !cleo) throw new Error('nobody follows');
  let length = 0;
  const write = (text: string): void => {
    harness.sessions.writeReply({ reply: room.reply, attempt: 1, part: 0, offset: length, text });
    length += text.length;
  };
  const textOf = (got: readonly string[]) => got.map((each): string => JSON.parse(each).data.replyDeltas.text).join('');
  const before = await together('replyDeltas');
  let text = '';
  await expect
    .poll(async () => {
      write(`${length} `);
      text = (await harness.sessions.readReply(room.reply))?.text ?? '';
      await expect.poll(() => [ana, bob, cleo].map(({ got }) => textOf(got))).toEqual([text, text, text]);
      return together('replyDeltas');
    })
    .toBeGreaterThan(before + 3);
  await shown(harness, await room.remove('bob'));
  await expect.poll(() => bob.state.over).toBe(true);
  write('secret');
  await expect.poll(() => [ana, cleo].map(({ got }) => textOf(got))).toEqual([`${text}secret`, `${text}secret`]);
  expect(textOf(bob.got)).toBe(text);
  harness.sessions.endReply(room.reply);
  await expect.poll(() => ana.state.over && cleo.state.over).toBe(true);
});

it('shows several who types, but to nobody that they do themselves', async () => {
  const room = await openRoom(harness, 'ana', { bob: 'writer', cleo: 'writer' });
  const all = await Promise.all(
    ['ana', 'bob', 'cleo'].map((who) => follow(who, TYPING, { id: `conversation_${room.id}` })),
  );
  const shows = (each: { last(): string }): readonly string[] =>
    each.last() === ''
      ? ['nothing yet']
      : JSON.parse(each.last()).data.typing.people.map(({ name }: { readonly name: string }) => name);
  const type = (who: string, does: boolean) => harness.sessions.setTyping(room.id, harness.userOf(who), does);
  const before = await together('typing');
  await expect.poll(() => all.map(shows)).toEqual([[], [], []]);
  type('cleo', true);
  await expect.poll(() => all.map(shows)).toEqual([['cleo'], ['cleo'], []]);
  type('bob', true);
  await expect.poll(() => all.map(shows)).toEqual([['cleo', 'bob'], ['cleo'], ['bob']]);
  type('cleo', false);
  type('bob', false);
  await expect.poll(() => all.map(shows)).toEqual([[], [], []]);
  expect(await together('typing')).toBeGreaterThan(before);
});

it('leaves nothing behind where those who share are cut off at any moment, and the others go on', async () => {
  const seed = seedOfRun();
  const chance = seeded(seed);
  const fields = ['conversationEvents', 'replyDeltas', 'typing'];
  const room = await openRoom(harness, 'ana', { bob: 'reader', cleo: 'reader' });
  await shown(harness, await room.claim());
  const conversation = { id: `conversation_${room.id}` };
  let { version } = await room.post('ana');
  let offset = 0;
  const change = async (): Promise<void> => {
    const posted = room.post('ana');
    harness.sessions.writeReply({ reply: room.reply, attempt: 1, part: 0, offset, text: 'word ' });
    offset += 5;
    const taken = await posted;
    ({ version } = taken);
    await shown(harness, taken);
  };

  for (let round = 0; round < 3; round++) {
    const joined = await Promise.all(
      ['ana', 'bob', 'cleo'].map(async (who) => ({
        events: await follow(who, EVENTS, { ...conversation, asOf: version }),
        deltas: await follow(who, DELTAS, { id: `message_${room.reply}` }),
        typing: await follow(who, TYPING, conversation),
      })),
    );
    const [ana, ...others] = joined;
    if (!ana) throw new Error('nobody follows');
    for (const field of ['conversationEvents', 'replyDeltas']) {
      const before = await together(field);
      await expect.poll(() => change().then(() => together(field))).toBeGreaterThan(before);
    }

    // No goodbye, and in the midst of what is made ready for all of them.
    const cuts = others.flatMap((each) => Object.values(each)).map(async ({ cut }) => sleep(chance() * 30).then(cut));
    await Promise.all([...cuts, change()]);
    await change();
    await expect.poll(ana.events.last, { message: `seed ${seed}` }).toContain(`"to":${version}`);
    for (const { cut } of Object.values(ana)) cut();
    await expectClean(harness);
    for (const field of fields)
      expect(await counted('verbatim_subscriptions', field), `${field}, seed ${seed}`).toBe(0);
  }
}, 120_000);
