import { readFileSync } from 'node:fs';
import { type GraphQLNamedType, isEnumType, isInputObjectType, isInterfaceType, isObjectType } from 'graphql';
import { expect, it } from 'vitest';
import { titleOf } from './mutations/texts.js';
import { printed, schemaFile } from './print.js';
import { schema } from './schema.js';

it('is printed in the committed file (npm run schema writes it)', () => {
  expect(readFileSync(schemaFile, 'utf8')).toBe(printed());
});

it('describes every type, field and value', () => {
  const undescribed = Object.values(schema.getTypeMap())
    .filter(({ name }) => !name.startsWith('__') && !['String', 'Int', 'Float', 'Boolean', 'ID'].includes(name))
    .flatMap((type) => [type.description ? [] : [type.name], undescribedIn(type)].flat());
  expect(undescribed).toEqual([]);
});

function undescribedIn(type: GraphQLNamedType): readonly string[] {
  const members =
    isObjectType(type) || isInterfaceType(type) || isInputObjectType(type) ? Object.values(type.getFields()) : [];
  return members.filter(({ description }) => !description).map(({ name }) => `${type.name}.${name}`);
}

it('has an enum for every closed set of words', () => {
  const enums = Object.values(schema.getTypeMap()).filter((type) => isEnumType(type) && !type.name.startsWith('__'));
  expect(enums.map(({ name }) => name).toSorted()).toEqual([
    'ErrorCode',
    'FeedbackValue',
    'MemberRole',
    'ReplyStatus',
    'Role',
    'Theme',
  ]);
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
