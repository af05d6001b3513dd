import { writeFileSync } from 'node:fs';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { schema } from './schema.js';

/** The contract with every client, as the committed file holds it. Run as a program, it writes that file. */
export const printed = (): string => `${printSchema(lexicographicSortSchema(schema))}\n`;

export const schemaFile = new URL('./schema.graphql', import.meta.url);

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].replaceAll('\\', '/').split('/').at(-1) ?? '-')) {
  writeFileSync(schemaFile, printed());
}
