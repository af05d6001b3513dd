import { GraphQLError, parse, specifiedRules } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maskError } from './errors.js';
import { DbError } from '../projections/readmodel/db.js';
import { SessionsError } from '../projections/sessions/sessions.js';
import { type Raw, openSignedIn, runOn } from './raw-testing.js';
import { type Harness, startHarness } from './testing.js';

let harness: Harness;
let raw: Raw;
beforeAll(async () => {
  harness = await startHarness();
  raw = await openSignedIn(harness, 'ana');
}, 60_000);
afterAll(() => harness.stop());

let count = 0;
/** The errors that a request is answered with over POST; those over a socket are the same. */
async function errorsOf(query: string, variables: object = {}, operationName?: string): Promise<unknown> {
  const response = await fetch(`${harness.publicUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await harness.token('ana')}` },
    body: JSON.stringify({ query, variables, operationName }),
  });
  const { errors } = JSON.parse(await response.text());
  const answer = JSON.parse(JSON.stringify(await runOn(raw, String(count++), { query, variables, operationName })));
  expect(Array.isArray(answer) ? answer : answer.errors).toEqual(errors);
  return errors;
}
const coded = (code: string) =>
  expect.arrayContaining([{ message: expect.any(String), locations: expect.any(Array), extensions: { code } }]);

/** One document for each of graphql-js's own rules; a new rule without one fails. */
const broken: Readonly<Record<string, string>> = {
  ExecutableDefinitionsRule: 'type A { b: Int } { viewer { roles } }',
  UniqueOperationNamesRule: 'query A { viewer { roles } } query A { viewer { roles } }',
  LoneAnonymousOperationRule: '{ viewer { roles } } query A { viewer { roles } }',
  SingleFieldSubscriptionsRule: 'subscription { inbox { complete } again: inbox { complete } }',
  KnownTypeNamesRule: 'query ($a: Nothing) { viewer { roles } }',
  FragmentsOnCompositeTypesRule: '{ viewer { ...A } } fragment A on Int { x }',
  VariablesAreInputTypesRule: 'query ($a: Viewer) { viewer { roles } }',
  ScalarLeafsRule: '{ viewer }',
  FieldsOnCorrectTypeRule: '{ viewer { shoeSize } }',
  UniqueFragmentNamesRule: '{ viewer { ...A } } fragment A on Viewer { roles } fragment A on Viewer { roles }',
  KnownFragmentNamesRule: '{ viewer { ...A } }',
  NoUnusedFragmentsRule: '{ viewer { roles } } fragment A on Viewer { roles }',
  PossibleFragmentSpreadsRule: '{ viewer { ... on Message { id } } }',
  NoFragmentCyclesRule: '{ viewer { ...A } } fragment A on Viewer { ...B } fragment B on Viewer { ...A }',
  UniqueVariableNamesRule: 'query ($a: Int, $a: Int) { viewer { roles } }',
  NoUndefinedVariablesRule: '{ node(id: $id) { id } }',
  NoUnusedVariablesRule: 'query ($a: Int) { viewer { roles } }',
  KnownDirectivesRule: '{ viewer { roles @defer } }',
  UniqueDirectivesPerLocationRule: '{ viewer { roles @skip(if: true) @skip(if: true) } }',
  KnownArgumentNamesRule: '{ viewer(a: 1) { roles } }',
  UniqueArgumentNamesRule: '{ node(id: "a", id: "b") { id } }',
  ValuesOfCorrectTypeRule: '{ viewer { conversations(first: "many") { nodes { id } } } }',
  ProvidedRequiredArgumentsRule: '{ node { id } }',
  VariablesInAllowedPositionRule: 'query ($id: Int) { node(id: $id) { id } }',
  OverlappingFieldsCanBeMergedRule: '{ viewer { a: roles a: user { id } } }',
  UniqueInputFieldNamesRule:
    'mutation { conversationDelete(input: { commandId: "a", commandId: "b", conversation: "c" }) { __typename } }',
  MaxIntrospectionDepthRule: `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
};

describe('errors of graphql-js', () => {
  it.each(specifiedRules.map(({ name }) => name))('have a code and a place: %s', async (rule) => {
    expect(broken).toHaveProperty(rule);
    expect(await errorsOf(broken[rule] ?? '')).toEqual(coded('GRAPHQL_VALIDATION_FAILED'));
  });

  it.each([
    '{ viewer {',
    '{',
    '}',
    'query',
    '{ a(b: ) }',
    '{ "',
    '{ a(b: "\\u00zz") }',
    '?',
    '{ viewer { roles } } extra',
  ])('have a code and a place where nothing can be parsed: %s', async (query) => {
    expect(await errorsOf(query)).toEqual(coded('GRAPHQL_PARSE_FAILED'));
  });

  it.each([
    ['query ($id: ID!) { node(id: $id) { id } }', {}],
    ['query ($id: ID!) { node(id: $id) { id } }', { id: null }],
    ['query ($id: ID!) { node(id: $id) { id } }', { id: { __proto__: 1, x: [] } }],
    ['query ($n: Int!) { viewer { conversations(first: $n) { nodes { id } } } }', { n: '5' }],
    ['query ($n: Int!) { viewer { conversations(first: $n) { nodes { id } } } }', { n: 1.5 }],
    ['query ($n: Int) { viewer { conversations(first: $n) { nodes { id } } } }', { n: null }],
    ['query ($id: UUID!) { commandOutcome(id: $id) { __typename } }', { id: 'x' }],
    [
      'mutation ($input: ConversationDeleteInput!) { conversationDelete(input: $input) { __typename } }',
      { input: { extra: 1 } },
    ],
  ])('have a code where a value does not fit: %s %j', async (query, variables) => {
    const told = JSON.parse(JSON.stringify(await errorsOf(query, variables)));
    for (const error of told) {
      expect(error).toMatchObject({
        message: expect.any(String),
        extensions: { code: expect.stringMatching(/^BAD_(USER_INPUT|ID)$/) },
      });
      expect(Object.keys(error.extensions)).toEqual(['code']);
    }
    expect(told.length).toBeGreaterThan(0);
  });

  it('suggest no names and quote no long texts', async () => {
    const [error] = JSON.parse(JSON.stringify(await errorsOf('{ viewer { rols } }')));
    expect(error.message).toBe('Cannot query field "rols" on type "Viewer".');
    const wish = 'mutation ($input: ConversationDeleteInput!) { conversationDelete(input: $input) { __typename } }';
    expect(JSON.stringify(await errorsOf(wish, { input: { conversatio: 1 } }))).not.toContain('Did you mean');
    const query = 'query ($n: Int!) { viewer { conversations(first: $n) { nodes { id } } } }';
    const [long] = JSON.parse(JSON.stringify(await errorsOf(query, { n: 'x'.repeat(50_000) })));
    expect(long.message.length).toBeLessThan(510);
  });

  it('say which operation, where it is not said which to run', async () => {
    const two = 'query A { viewer { roles } } query B { viewer { roles } }';
    for (const name of [undefined, '', 'C', '__proto__']) {
      expect(await errorsOf(two, {}, name)).toMatchObject([{ extensions: { code: 'OPERATION_UNKNOWN' } }]);
    }
    expect(await errorsOf(two, {}, 'B')).toBeUndefined();
  });
});

describe('errors of ours', () => {
  const masking = { newId: () => 'the-id', onFault: () => undefined, verbose: false, introspection: false };

  it('are masked, with an id to ask about; switched on, they say what it was', () => {
    const told: unknown[] = [];
    const cause = new TypeError('the key of ana is 42');
    const error = new GraphQLError('x', { originalError: cause, path: ['viewer'] });
    const masked = maskError(error, { ...masking, onFault: (id, fault) => told.push([id, fault]) });
    expect(masked.toJSON()).toEqual({
      message: 'Something went wrong on our side.',
      path: ['viewer'],
      extensions: { code: 'INTERNAL', id: 'the-id' },
    });
    expect(told).toEqual([['the-id', cause]]);
    expect(maskError(error, { ...masking, verbose: true }).message).toBe(
      'Something went wrong on our side: the key of ana is 42',
    );
  });

  it.each([
    ['live delivery is', new SessionsError('SESSIONS_UNAVAILABLE', 'Redis does not answer at 10.1.2.3:6379.')],
    ['the views are', new DbError('DB_RESTARTED', 'Postgres cannot be reached: connect ECONNREFUSED 10.1.2.3:5432')],
  ])('say that it passes, where %s away', (_, cause) => {
    for (const error of [cause, new GraphQLError('x', { originalError: cause, path: ['typing'] })]) {
      const masked = maskError(error, { ...masking, onFault: () => expect.unreachable() });
      expect(masked.extensions).toEqual({ code: 'UNAVAILABLE' });
      expect(masked.message).not.toContain('10.1.2.3');
    }
  });

  it('are masked too where a result of ours does not fit its type', () => {
    const [operation] = parse('{ roles }').definitions;
    const nodes = operation && 'selectionSet' in operation ? operation.selectionSet?.selections : undefined;
    const error = new GraphQLError('Enum "Role" cannot represent value: "x"', {
      ...(nodes ? { nodes } : {}),
      path: ['viewer', 'roles'],
    });
    expect(maskError(error, masking).extensions['code']).toBe('INTERNAL');
  });
});
