import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memorySessions } from '../../projections/sessions/memory.js';
import { type Raw, openSignedIn, runOn } from '../raw-testing.js';
import { schema } from '../schema/schema.js';
import { type Harness, startConversation, startHarness } from '../testing.js';
import { createCompiler, operationIn } from '../documents/compile.js';
import { defaultLimits } from './limits.js';

const compile = createCompiler({ schema, limits: defaultLimits.document, introspection: true });

/** What an operation with these variables is refused with, or undefined. */
function refusal(query: string, variables: Record<string, unknown> = {}): unknown {
  const compiled = compile(query);
  if ('errors' in compiled) return compiled.errors.map(({ extensions, message }) => ({ ...extensions, message }));
  try {
    operationIn(compiled, undefined).checkCost(variables);
    return undefined;
  } catch (error) {
    return error;
  }
}
const tooLarge = (found: number, limit: number, what: string) => [
  { code: 'DOCUMENT_TOO_LARGE', found, limit, message: expect.stringContaining(`${found} ${what}`) },
];

const page = `query ($conversations: Int! = 50, $messages: Int! = 50) { viewer { conversations(first: $conversations) { nodes {
  id title thread(first: $messages) { messages { id parts { ... on TextPart { text } } } } } } } }`;
const one = `query ($id: ID!, $first: Int! = 50) { conversation(id: $id) { id title unread thread(first: $first) { asOf before
  messages { id seq at author { id name } parts { ... on TextPart { text } } reply { status } siblings { ids index } } } } }`;

describe('the size of a document', () => {
  it('is no trouble for what a page asks for', () => {
    expect(refusal(one, { id: 'x' })).toBeUndefined();
    expect(refusal(one, { id: 'x', first: 100 })).toBeUndefined();
    expect(refusal('{ viewer { conversations(first: 100) { nodes { id title } } } }')).toBeUndefined();
  });

  it('weighs texts, which may be long, so that usual pages stay far below it', () => {
    expect(refusal(one.replace('50', '100'), { id: 'x' })).toBeUndefined();
    const heavy =
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { thread(first: 16) { messages { parts { ... on TextPart { text } } } } } } }';
    expect(refusal(heavy, { ids: Array.from({ length: 100 }, () => 'x') })).toMatchObject({
      extensions: { code: 'DOCUMENT_TOO_LARGE', found: 41_800 },
    });
    const roomy = createCompiler({ schema, limits: { ...defaultLimits.document, cost: 3_000 }, introspection: false });
    const compiled = roomy(one);
    if ('errors' in compiled) throw compiled.errors[0];
    expect(() => operationIn(compiled, undefined).checkCost({ id: 'x' })).not.toThrow();
  });

  it('counts the entries of pages inside pages, by literals, variables and defaults alike', () => {
    const literals = page.replace('$conversations) {', '100) {').replace('first: $messages', 'first: 100');
    for (const [query, variables] of [
      [page, { conversations: 100, messages: 100 }],
      [page, {}],
      [literals.replace(/query \([^)]*\)/, 'query'), {}],
    ] as const) {
      expect(refusal(query, variables)).toMatchObject({ extensions: { code: 'DOCUMENT_TOO_LARGE', limit: 10_000 } });
    }
    expect(refusal(page, { conversations: 10, messages: 20 })).toBeUndefined();
  });

  it('counts what fragments hold as often as it comes, however they are nested', () => {
    const chain = Array.from(
      { length: 40 },
      (_, n) =>
        `fragment F${n} on Conversation { ${n === 39 ? 'thread(first: $n) { messages { id } }' : `...F${n + 1} ...F${n + 1}`} }`,
    );
    const query = `query ($n: Int!) { viewer { conversations(first: 1) { nodes { ...F0 } } } } ${chain.join(' ')}`;
    const begun = performance.now();
    expect(refusal(query, { n: 1 })).toMatchObject({ extensions: { code: 'DOCUMENT_TOO_LARGE' } });
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('counts depth through fragments, aliases, directives, root fields, tokens and characters', () => {
    const limits = defaultLimits.document;
    const skips = Array.from({ length: 21 }, (_, n) => `f${n}: roles @skip(if: false)`).join(' ');
    const many = (count: number, what: string): string => Array.from({ length: count }, () => what).join(' ');
    const deep = `{ viewer { conversations(first: 5) { nodes { ...A } } } } fragment A on Conversation { thread { messages { ...B } } }
      fragment B on Message { author { id } siblings { ids } parts { ... on TextPart { text } } }`;
    expect(refusal(deep)).toBeUndefined();
    const shallow = createCompiler({ schema, limits: { ...limits, depth: 6 }, introspection: false });
    expect(shallow(deep)).toMatchObject({
      errors: [{ extensions: { code: 'DOCUMENT_TOO_LARGE', found: 7, limit: 6 } }],
    });
    expect(refusal(`{ ${Array.from({ length: 16 }, (_, n) => `a${n}: viewer { roles }`).join(' ')} }`)).toEqual(
      tooLarge(16, limits.aliases, 'aliases'),
    );
    expect(refusal(`{ viewer { ${skips.replace(/f\d+: /g, '')} } }`)).toEqual(
      tooLarge(21, limits.directives, 'directives'),
    );
    expect(refusal(`{ ${many(11, 'viewer { roles }')} }`)).toEqual(tooLarge(11, limits.rootFields, 'root fields'));
    expect(refusal(`{ viewer { ${many(1_000, 'roles')} } }`)).toEqual(tooLarge(1_001, limits.tokens, 'tokens'));
    expect(refusal(`{ viewer { roles } } ${' '.repeat(limits.length)}`)).toEqual(
      tooLarge(limits.length + 21, limits.length, 'characters'),
    );
  });

  it('leaves the reading of the schema to those who may', () => {
    expect(refusal(getIntrospectionQuery())).toBeUndefined();
  });

  it('says which operations there are, where it is not said which to run', () => {
    const compiled = compile('query A { viewer { roles } } query B { viewer { roles } }');
    if ('errors' in compiled) throw compiled.errors[0];
    for (const name of [undefined, 'C']) {
      expect(() => operationIn(compiled, name)).toThrow(/The document has: A, B/);
    }
    expect(operationIn(compiled, 'B').type).toBe('query');
  });
});

describe('the rate of a person', () => {
  let harness: Harness;
  let raw: Raw;
  /** The clock of the buckets, which stands still but for `pass`. */
  let clock = 0;
  const pass = (ms: number): void => {
    clock += ms;
  };
  beforeAll(async () => {
    const buckets = memorySessions({ now: () => clock });
    harness = await startHarness({
      sessions: (real) => ({ ...real, take: buckets.take }),
      limits: {
        ...defaultLimits,
        person: {
          operations: { burst: 10, perSecond: 2 },
          subscribes: { burst: 3, perSecond: 1 },
          sockets: 3,
          atOnce: 20,
          running: 4,
        },
        socket: { ...defaultLimits.socket, running: 3, frames: { burst: 60, perSecond: 1 } },
      },
    });
  }, 60_000);
  afterAll(() => harness.stop());

  const query = '{ viewer { roles } }';
  const send = async (subject: string, body: string): Promise<Response> =>
    fetch(`${harness.publicUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await harness.token(subject)}` },
      body,
    });
  const post = (subject: string, asked = query): Promise<Response> => send(subject, JSON.stringify({ query: asked }));

  it('is charged for bodies that are no operation, too', async () => {
    for (let n = 0; n < 10; n++) expect((await send('gus', n % 2 === 0 ? '[' : '[]')).status).toBe(400);
    expect((await send('gus', '[')).status).toBe(429);
  });

  it('is refused beyond its burst with when to come back, over POST and sockets alike, and for nobody else', async () => {
    const answers = await Promise.all(Array.from({ length: 11 }, () => post('ana')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(await refused?.json()).toEqual({
      errors: [
        {
          message: 'Too many operations: wait 500 ms and try again.',
          extensions: { code: 'RATE_LIMITED', retryAfter: 500 },
        },
      ],
    });
    raw = await openSignedIn(harness, 'ana');
    expect(await runOn(raw, '1', { query })).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    expect((await post('ben')).status).toBe(200);
  });

  it('keeps the socket, on which it works again after the wait', async () => {
    pass(499);
    expect(await runOn(raw, '2', { query })).toMatchObject([{ extensions: { retryAfter: 1 } }]);
    pass(1);
    expect(await runOn(raw, '3', { query })).toEqual({ data: { viewer: { roles: ['USER'] } } });
  });

  it('counts every command of a mutation', async () => {
    const { input } = await startConversation(harness, 'cem');
    const read = `conversationRead(input: { commandId: "${harness.newId('cem')}", conversation: "${input.conversation}", seq: 1 }) { __typename }`;
    const batch = `mutation { ${Array.from({ length: 10 }, (_, n) => `a${n}: ${read}`).join(' ')} }`;
    expect((await post('cem', batch)).status).toBe(429);
  });

  it('bounds subscriptions by their rate, and what runs on one socket and of one person', async () => {
    const subscription = { query: 'subscription { inbox { complete } }' };
    const [first, second] = await Promise.all([openSignedIn(harness, 'dee'), openSignedIn(harness, 'dee')]);
    for (const id of ['1', '2', '3']) expect(await runOn(first, id, subscription)).toHaveProperty('data');
    expect(await runOn(first, '4', subscription)).toMatchObject([{ extensions: { code: 'TOO_MANY_OPERATIONS' } }]);
    expect(await runOn(second, '1', subscription)).toMatchObject([{ extensions: { code: 'RATE_LIMITED' } }]);
    pass(1_000);
    expect(await runOn(second, '2', subscription)).toHaveProperty('data');
    pass(3_000);
    expect(await runOn(second, '3', subscription)).toMatchObject([
      { extensions: { code: 'TOO_MANY_OPERATIONS' }, message: expect.stringContaining('one person') },
    ]);
    first.send({ id: '1', type: 'complete' });
    await expect.poll(() => runOn(second, '4', subscription)).toHaveProperty('data');
  });

  it('bounds the sockets of a person', async () => {
    const three = [];
    for (let n = 0; n < 3; n++) three.push(await openSignedIn(harness, 'eve'));
    await expect(openSignedIn(harness, 'eve')).rejects.toThrow(/4429.*TOO_MANY_SOCKETS/);
    three[0]?.socket.close();
    await expect
      .poll(() =>
        openSignedIn(harness, 'eve').then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('closes who sends frames without end, for good', async () => {
    const flood = await openSignedIn(harness, 'fay');
    for (let n = 0; n < 100; n++) flood.send({ type: 'ping' });
    expect(await flood.closed).toEqual({ code: 4429, reason: 'RATE_LIMITED: Too many messages.' });
  });
});
