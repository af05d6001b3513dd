import { readFileSync } from 'node:fs';
import { UsageError } from '../../run/errors.js';
import { type Command, say } from '../command.js';

/** Published beside the events that it describes, and never changed but by adding to it. */
const file = new URL('../../../domain/schema.json', import.meta.url);

export const schemaCommand: Command = {
  name: 'schema',
  operands: ['[TYPE]'],
  options: {},
  summary: 'Prints the JSON Schema of all events, by type and version, or of one type.',
  more: ['That of what every event has around its data stands under "Envelope".'],
  examples: [
    ['schema', 'all of them, as they are published in domain/schema.json'],
    ['schema MessagePosted', 'every version of one'],
  ],
  run: async ({ operands: [type] }) => {
    const text = readFileSync(file, 'utf8');
    if (type === undefined) return say(text.trimEnd());
    const published: Readonly<Record<string, unknown>> = JSON.parse(text);
    if (!Object.hasOwn(published, type)) {
      throw new UsageError(`There is no "${type}". There are ${Object.keys(published).join(', ')}.`);
    }
    say(JSON.stringify(published[type], null, 2));
  },
};
