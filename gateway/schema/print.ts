import { writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { reference } from './reference.js';
import { schema } from './schema.js';

const file = (path: string): URL => new URL(path, import.meta.url);

/** What is made from the schema and committed: the contract with every client, and the page that explains it. */
export const printed: readonly { readonly file: URL; readonly text: () => string }[] = [
  { file: file('./schema.graphql'), text: () => `${printSchema(lexicographicSortSchema(schema))}\n` },
  { file: file('../../ops/docs/graphql.md'), text: reference },
];

// Run as a program, it writes those files.
if (process.argv[1] && import.meta.url.endsWith(process.argv[1].replaceAll('\\', '/').split('/').at(-1) ?? '-')) {
  for (const { file: path, text } of printed) writeFileSync(path, text());
}
