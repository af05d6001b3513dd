import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  type GraphQLNamedType,
  Kind,
  getVariableValues,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  parse,
  validate,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { flows } from './flows.js';
import { titleOf } from './mutations/texts.js';
import { printed } from './print.js';
import { knownCodes } from './reference.js';
import { schema } from './schema.js';

const types = Object.values(schema.getTypeMap()).filter(
  (type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type),
);

it.each(printed.map(({ file, text }) => [fileURLToPath(file).split('/').at(-1), file, text] as const))(
  '%s is what the schema makes of it (npm run schema writes it)',
  (_, file, text) => {
    expect(readFileSync(file, 'utf8')).toBe(text());
  },
);

it('describes every type, field, argument, value and input field', () => {
  expect(types.flatMap((type) => [...(type.description ? [] : [type.name]), ...undescribedIn(type)])).toEqual([]);
});

function undescribedIn(type: GraphQLNamedType): readonly string[] {
  const fields = isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
  const parts = [
    ...fields,
    ...fields.flatMap(({ name, args }) => args.map((arg) => ({ ...arg, name: `${name}(${arg.name})` }))),
    ...(isInputObjectType(type) ? Object.values(type.getFields()) : []),
    ...(isEnumType(type) ? type.getValues() : []),
  ];
  return parts.filter(({ description }) => !description?.trim()).map(({ name }) => `${type.name}.${name}`);
}

it('has an enum for every closed set of words', () => {
  const enums = types.filter((type) => isEnumType(type));
  expect(enums.map(({ name }) => name).toSorted()).toEqual([
    'ErrorCode',
    'FeedbackValue',
    'FinishReason',
    'InboxFilter',
    'MemberRole',
    'ReplyStatus',
    'Role',
    'Theme',
  ]);
});

describe('the reference', () => {
  it.each(flows.map((flow) => [flow.title, flow] as const))('has a document that holds: %s', (_, flow) => {
    const document = parse(flow.document);
    expect(validate(schema, document)).toEqual([]);
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      const { errors } = getVariableValues(schema, definition.variableDefinitions ?? [], flow.variables ?? {});
      expect(errors).toBeUndefined();
    }
  });

  it('explains every code that a request can fail with', () => {
    const root = fileURLToPath(new URL('..', import.meta.url));
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) => /(?<!\.test|testing)\.ts$/.test(file) && !file.startsWith('identity'),
    );
    const thrown = sources.flatMap((file) =>
      [
        ...readFileSync(`${root}/${file}`, 'utf8').matchAll(
          /(?:clientError|fault|TokenError)\(\s*'([A-Z_]+)'|extensions: \{ code: '([A-Z_]+)'/g,
        ),
      ].map(([, given = '', written = '']) => given || written),
    );
    expect(thrown.length).toBeGreaterThan(10);
    expect(thrown.filter((code) => !knownCodes.has(code))).toEqual([]);
  });
});

it.each([
  ['Hello', 'Hello'],
  ['  # Plan **this**, `now`\nand more', 'Plan this, now'],
  ['```\n```', '```'],
  ['word '.repeat(30), `${'word '.repeat(11)}word…`],
  ['x'.repeat(80), `${'x'.repeat(60)}…`],
  [`${'x'.repeat(59)}😀😀`, `${'x'.repeat(59)}…`],
])('makes a title of %j', (text, title) => {
  expect(titleOf(text)).toBe(title);
});
