import { type ExecutionArgs, GraphQLObjectType, buildSchema, execute, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { compileLeaves } from './leaves.js';
import { schema } from './schema/schema.js';

const piece = { reply: '11111111-1111-7111-8111-111111111111', attempt: 2, part: 0, offset: 5, text: 'more' };
const named = 'subscription ($id: ID!) { replyDeltas(id: $id) { reply attempt part offset text } }';

const argsOf = (query: string, of = schema): ExecutionArgs => ({
  schema: of,
  document: parse(query),
  variableValues: { id: 'message_x' },
});

describe('a subscription to scalars', () => {
  it.each([
    named,
    'subscription ($id: ID!) { delta: replyDeltas(id: $id) { words: text offset } }',
    'subscription { replyDeltas(id: "message_x") { text } }',
  ])('gets by the short way what it would get by the long one: %s', async (query) => {
    const args = argsOf(query);
    const short = compileLeaves(args)?.(piece);
    expect(short?.data).toBeDefined();
    const long = await execute({ ...args, rootValue: piece });
    expect(JSON.stringify(short)).toBe(JSON.stringify(long));
  });

  it('has a field under whatever name', async () => {
    const args = argsOf('subscription { replyDeltas(id: "message_x") { __proto__: text offset } }');
    const short = JSON.stringify(compileLeaves(args)?.(piece));
    expect(short).toContain('"__proto__":"more"');
    expect(short).toBe(JSON.stringify(await execute({ ...args, rootValue: piece })));
  });

  it('goes the long way from a value on that comes later, and leaves its failure to that', async () => {
    const late = buildSchema('type Query { a: Int } type Event { a: Int } type Subscription { event: Event }');
    const read = compileLeaves(argsOf('subscription { event { a } }', late));
    // An unhandled rejection would fail this run.
    expect(read?.({ event: { a: Promise.reject(new Error('no')) } })).toBeUndefined();
    let asked = 0;
    expect(read?.({ event: { a: () => (asked += 1) } })).toBeUndefined();
    expect(asked).toBe(0);
  });

  it('takes the long way where a type tells its own', () => {
    const told = buildSchema('type Query { a: Int } type Event { a: Int } type Subscription { event: Event }');
    const type = told.getType('Event');
    if (!(type instanceof GraphQLObjectType)) throw new Error('there is no such type');
    type.isTypeOf = () => false;
    expect(compileLeaves(argsOf('subscription { event { a } }', told))).toBeUndefined();
  });

  it.each([
    'subscription ($id: ID!) { replyDeltas(id: $id) { text @include(if: true) } }',
    'subscription ($id: ID!) { replyDeltas(id: $id) { text __typename } }',
    'subscription ($id: ID!) { replyDeltas(id: $id) { ...F } } fragment F on ReplyDelta { text }',
    'subscription ($id: ID!) { replyDeltas(id: $id) { text text } }',
    'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { from messages { id } } }',
    'subscription One { inbox { complete } } subscription Two { inbox { complete } }',
  ])('takes the long way where there is more to it: %s', (query) => {
    expect(compileLeaves(argsOf(query))).toBeUndefined();
  });

  it('takes the long way for an event that has a value missing, late, refused or wrong', () => {
    const small = buildSchema(
      'type Query { a: Int } type Event { must: Int! may: String } type Subscription { event: Event }',
    );
    const read = compileLeaves(argsOf('subscription { event { must may } }', small));
    expect(read?.({ event: { must: 1, may: null } })).toEqual({ data: { event: { must: 1, may: null } } });
    for (const event of [
      null,
      Object.assign(new Error('no'), { must: 1 }),
      { must: null },
      { must: new Error('no') },
      { must: 'not a number' },
    ]) {
      expect(read?.({ event })).toBeUndefined();
    }
    for (const late of [{ must: Promise.resolve(1) }, Promise.resolve({ must: 1 })]) {
      expect(compileLeaves(argsOf('subscription { event { must may } }', small))?.({ event: late })).toBeUndefined();
    }
  });
});
