import SchemaBuilder from '@pothos/core';
import { validate } from 'uuid';
import type { Context } from '../context.js';
import { clientError } from './ids.js';

/** Marks a field that is the same for all who may follow what it belongs to: what is followed may be executed once for many. */
export const shareable = { shareable: true };
/** Marks an argument that only says from where on something is followed. */
export const cursor = { cursor: true };

type Text = { Input: string; Output: string };
type Count = { Input: number; Output: number };

/** One builder for all modules of the schema. */
export const builder = new SchemaBuilder<{
  Context: Context;
  DefaultFieldNullability: false;
  DefaultInputFieldRequiredness: true;
  Scalars: { ID: Text; DateTime: Text; Position: Text; UUID: Text; Offset: Count };
}>({ defaultFieldNullability: false, defaultInputFieldRequiredness: true });

const text = (value: unknown): string => {
  if (typeof value !== 'string') throw clientError('BAD_INPUT', 'A text is expected here.');
  return value;
};

builder.scalarType('DateTime', { description: 'An ISO 8601 time in UTC.', serialize: text, parseValue: text });
builder.scalarType('Position', {
  description: 'A place in the log, opaque. Pass it as `after` to read what a command did.',
  serialize: text,
  parseValue: text,
});
builder.scalarType('UUID', {
  description: 'A bare UUID in lower case: the id of a command, made by the client (version 7).',
  serialize: text,
  parseValue: (value) => {
    const uuid = text(value);
    if (!validate(uuid) || uuid !== uuid.toLowerCase()) {
      throw clientError('BAD_ID', `"${uuid}" is not a UUID in lower case.`);
    }
    return uuid;
  },
});

const count = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw clientError('BAD_INPUT', 'A whole number is expected here.');
  }
  return value;
};

builder.scalarType('Offset', {
  description:
    'A place in a partition of the log, or a number of its records: a whole number that can be beyond 32 bits.',
  serialize: count,
  parseValue: count,
});
