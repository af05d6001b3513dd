import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, graphqlSync, parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import { INTROSPECTION, type Schema, firstDocument, operationsOf } from './schema.js';

const file = join(import.meta.dirname, '../../gateway/schema/schema.graphql');
const real = buildSchema(readFileSync(file, 'utf8'));
const { data } = graphqlSync({ schema: real, source: INTROSPECTION });
const schema: Schema = JSON.parse(JSON.stringify(data?.['schema']));
const operations = operationsOf(schema).flatMap(([kind, fields]) =>
  fields.map((field) => [kind, field.name, field] as const),
);

it('knows every kind of operation', () => {
  expect(new Set(operations.map(([kind]) => kind))).toEqual(new Set(['query', 'mutation', 'subscription']));
});

it.each(operations)('makes a document that holds of the %s %s', (kind, _, field) => {
  const { text, variables } = firstDocument(schema, kind, field);
  expect(validate(real, parse(text))).toEqual([]);
  // Each variable that is declared is there to be filled in.
  const declared = [...text.matchAll(/\$(\w+):/g)].map(([, name]) => name);
  expect(Object.keys(JSON.parse(variables))).toEqual(declared);
});
