import { readFileSync } from 'node:fs';
import {
  type GraphQLNamedType,
  getNamedType,
  isCompositeType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
  parse,
  print,
  separateOperations,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentOf, personKey } from '../../domain/content.js';
import { streamOf } from '../../domain/ids.js';
import { type Harness, startHarness } from '../testing.js';
import { schema } from './schema.js';
import { type Scene, act, bare, fourPeople, join, part, post, relate } from './testing.js';

// How many statements an operation makes. A page may be as large as it wants: what is loaded for its entries is one
// question per home for all of them, so the number follows from the document and the homes, and from nothing else.

/** The documents of the page, by the name of their operation, with the fragments that each needs. */
const texts = readFileSync(new URL('../../ui/gql/operations.ts', import.meta.url), 'utf8').matchAll(/`([^`]*)`/g);
const operations = separateOperations(parse([...texts].map(([, text]) => text).join('\n')));
const operation = (name: string): string => {
  const document = operations[name];
  if (!document) throw new Error(`the page has no operation ${name}`);
  return print(document);
};

const CONVERSATIONS = 50;

let harness: Harness;
let viewer: string;
let others: readonly string[];
/** The viewer is in all of them, and so are two of the others: begun in turn at each of three homes. */
const scenes: Scene[] = [];
/** One with a thread of 50 messages by three people. */
let long: Scene;

const start = async (owner: string): Promise<Scene> => {
  const [conversation = '', message = '', reply = ''] = Array.from({ length: 3 }, () => harness.newId(owner));
  const user = harness.userOf(owner);
  await act(harness, {
    actor: user,
    stream: streamOf('conversation', conversation),
    key: personKey(user),
    type: 'StartConversation',
    data: {
      message,
      reply,
      parts: [part(message, 'Hello')],
      title: { plain: 'Hello', content: contentOf.title(conversation) },
      chars: 5,
      expires: null,
    },
  });
  const scene = {
    owner,
    conversation: `conversation_${conversation}`,
    message: `message_${message}`,
    reply: `message_${reply}`,
  };
  for (const who of [viewer, ...others]) if (who !== owner) await join(harness, scene, who, 'writer');
  await relate(harness, viewer, scene.conversation, { type: 'ChooseBranch', data: { conversation, leaf: message } });
  return scene;
};

beforeAll(async () => {
  harness = await startHarness();
  const [ana, bert, cleo] = fourPeople(harness);
  viewer = ana;
  others = [bert, cleo];
  for (const who of [viewer, ...others]) await harness.ask(who, '{ viewer { email } }');
  // It is the first to begin and the last to be written to: each page has it, whatever it is sorted by.
  long = await start(bert);
  for (let n = 0; n < CONVERSATIONS; n += 5) {
    const owners = [0, 1, 2, 3, 4].map((more) => [viewer, ...others][(n + more) % 3] ?? viewer);
    scenes.push(...(await Promise.all(owners.map(start))));
  }
  let last = long.message;
  for (let n = 0; n < 24; n++) last = (await post(harness, [viewer, ...others][n % 3] ?? viewer, long, last)).reply;
  await relate(harness, viewer, long.conversation, {
    type: 'ChooseBranch',
    data: { conversation: bare(long.conversation), leaf: bare(last) },
  });
}, 240_000);
afterAll(() => harness.stop());

/** How many statements a document makes. It must be answered, whole. */
async function count(document: string, variables: object = {}): Promise<number> {
  const before = harness.statements();
  const { data, errors } = await harness.ask(viewer, document, variables);
  expect(errors).toBeUndefined();
  expect(JSON.stringify(data)).not.toBe('{}');
  return harness.statements() - before;
}

/** Everything that can be selected of a type without arguments that must be given, so many levels deep. */
function all(type: GraphQLNamedType, levels: number): string {
  if (isUnionType(type))
    return type
      .getTypes()
      .map((each) => `... on ${each.name} { ${all(each, levels)} }`)
      .join(' ');
  if (!isObjectType(type)) return '';
  const fields = Object.values(type.getFields()).filter(({ args }) => !args.some(isRequiredArgument));
  const selected = fields.flatMap(({ name, args, type: of }) => {
    const named = getNamedType(of);
    if (!isCompositeType(named)) return [name];
    const page = args.some((arg) => arg.name === 'first') ? '(first: 3)' : '';
    return levels > 1 ? [`${name}${page} { ${all(named, levels - 1)} }`] : [];
  });
  return ['__typename', ...selected].join(' ');
}

const whole = (name: string, levels: number): string => {
  const type = schema.getType(name);
  if (!type) throw new Error(`no type ${name}`);
  return all(type, levels);
};

describe('an operation of the page', () => {
  it.each([
    ['Viewer', () => count(operation('Viewer')), 1],
    // The sidebar: two statements at the viewer's home, one at each of two others, and the viewer's relations.
    ['Conversations', () => count(operation('Conversations')), 5],
    // The conversation, the viewer's relation, the end of the branch that they chose, the branch, the siblings.
    ['Thread', () => count(operation('Thread'), { id: long.conversation }), 5],
  ] as const)('%s', async (_, run, bound) => {
    expect(await run()).toBeLessThanOrEqual(bound);
  });
});

describe('a page of any size', () => {
  const ids = (n: number): readonly string[] => [
    ...scenes.slice(0, n).flatMap(({ conversation, message }) => [conversation, message]),
    ...others.map((who) => `user_${harness.userOf(who)}`),
  ];
  const inboxOf = (what: string) => (n: number) =>
    count(`{ viewer { conversations(first: ${n}) { nodes { ${what} } } } }`);

  it.each([
    ['a sidebar with unread of members of three homes', inboxOf('id title unread role pinned tags'), 5],
    ['a sidebar with who is in it', inboxOf('members { user { name } } starter { name }'), 4 + 3 + 3 + 3],
    ['a sidebar with where each thread ends', inboxOf('leaf'), 4 + 1 + 3],
    ['a sidebar with all that there is', inboxOf(whole('Conversation', 4)), 4 + 1 + 3 * 10],
    ['memberships', (n) => count(`{ viewer { memberships(first: ${n}) { nodes { ${whole('Membership', 1)} } } } }`), 1],
    [
      'memberships with all that there is',
      (n) => count(`{ viewer { memberships(first: ${n}) { nodes { ${whole('Membership', 5)} } } } }`),
      1 + 1 + 3 * 9,
    ],
    [
      'nodes of all types',
      (n) => {
        const inline = ['Conversation', 'Message', 'User']
          .map((name) => `... on ${name} { ${whole(name, 3)} }`)
          .join(' ');
        return count(`query ($ids: [ID!]!) { nodes(ids: $ids) { ${inline} } }`, { ids: ids(n / 2) });
      },
      4 + 1 + 3 * 12,
    ],
  ] as const satisfies readonly (readonly [string, (n: number) => Promise<number>, number])[])(
    '%s',
    async (_, run, bound) => {
      const small = await run(12);
      expect(await run(CONVERSATIONS)).toBe(small);
      expect(small).toBeLessThanOrEqual(bound);
    },
  );

  it('a thread with authors, siblings and feedback', async () => {
    const thread = (n: number) =>
      count(
        `query ($id: ID!, $n: Int!) { conversation(id: $id) { thread(first: $n) { asOf before messages { ${whole('Message', 3)} } } } }`,
        { id: long.conversation, n },
      );
    const small = await thread(10);
    expect(await thread(50)).toBe(small);
    expect(small).toBeLessThanOrEqual(5 + 3);
  });
});

describe('one thing', () => {
  it.each([
    [
      'a person',
      () => count('query ($id: ID!) { user(id: $id) { name } }', { id: `user_${harness.userOf(others[0] ?? '')}` }),
      1 + 3 + 1,
    ],
    [
      'a conversation',
      () => count('query ($id: ID!) { conversation(id: $id) { title role } }', { id: long.conversation }),
      1,
    ],
    ['a message', () => count('query ($id: ID!) { node(id: $id) { id } }', { id: long.message }), 2],
    [
      'a page around a message',
      () =>
        count(
          'query ($id: ID!, $at: ID!) { conversation(id: $id) { thread(around: $at) { newer messages { id } } } }',
          {
            id: long.conversation,
            at: long.message,
          },
        ),
      3,
    ],
  ] as const)('%s', async (_, run, bound) => {
    expect(await run()).toBeLessThanOrEqual(bound);
  });
});

it('has met no fault of the server', () => {
  expect(harness.failures).toEqual([]);
});
