import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { documentError } from '../errors.js';
import type { Limits } from '../limits/limits.js';
import { type Shape, check, shapesOf } from '../limits/shape.js';
import { clientError } from '../schema/ids.js';
import { sharingOf } from './sharing.js';

/** A valid document of a bearable size, what is known of its operations, by name, and how it is shared (see sharing.ts). */
export type Compiled = {
  readonly document: DocumentNode;
  readonly shapes: ReadonlyMap<string | undefined, Shape>;
  readonly sharing: readonly string[] | undefined;
};

export type Compiler = (text: string) => Compiled | { readonly errors: readonly GraphQLError[] };

export type CompilerOptions = {
  readonly schema: GraphQLSchema;
  readonly limits: Limits['document'];
  /** Whether the schema may be asked for. */
  readonly introspection: boolean;
};

/** How many documents are remembered. The page has some dozens; one takes 0.3 MB at the very most. */
const ROOM = 200;
/** Nobody reads more of them, and to find them takes time. */
const MOST_ERRORS = 10;

/**
 * Parses, validates and measures a document; what was found good is remembered. Nothing in here may depend on who asks,
 * for all share what is remembered.
 */
export function createCompiler({ schema, limits, introspection }: CompilerOptions): Compiler {
  const known = new Map<string, Compiled>();
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];

  const compile = (text: string): ReturnType<Compiler> => {
    check('characters', text.length, limits.length, 'Send texts as variables.');
    const document = parsed(text, limits.tokens);
    const errors = validate(schema, document, rules, { maxErrors: MOST_ERRORS });
    if (errors.length > 0) {
      return { errors: errors.map((error) => documentError(error, 'GRAPHQL_VALIDATION_FAILED', introspection)) };
    }
    return { document, shapes: shapesOf(schema, document, limits), sharing: sharingOf(schema, document) };
  };

  return (text) => {
    const found = known.get(text);
    if (found) return found;
    try {
      const compiled = compile(text);
      if ('errors' in compiled) return compiled;
      const [oldest] = known.keys();
      if (known.size >= ROOM && oldest !== undefined) known.delete(oldest);
      known.set(text, compiled);
      return compiled;
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] };
      throw error;
    }
  };
}

function parsed(text: string, maxTokens: number): DocumentNode {
  try {
    return parse(text, { maxTokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    // graphql-js gives this limit no error of its own.
    if (error.message.includes(`more that ${maxTokens} tokens`))
      check('tokens, or more', maxTokens + 1, maxTokens, 'Ask in smaller pieces.');
    throw documentError(error, 'GRAPHQL_PARSE_FAILED', true);
  }
}

/** The operation of a document that is to run. Throws OPERATION_UNKNOWN. */
export function operationIn({ shapes }: Compiled, name: string | undefined): Shape {
  const [only] = shapes.values();
  const shape = name === undefined ? (shapes.size === 1 ? only : undefined) : shapes.get(name);
  if (shape) return shape;
  const names = [...shapes.keys()].map((each) => each ?? 'one without a name').join(', ');
  throw clientError(
    'OPERATION_UNKNOWN',
    `Say in \`operationName\` which operation to run. The document has: ${names}.`,
  );
}
