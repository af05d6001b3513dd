import {
  type ASTVisitor,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  NoSchemaIntrospectionCustomRule,
  type ValidationContext,
  parse,
} from 'graphql';
import { type Plugin, createYoga } from 'graphql-yoga';
import { type Sent, isUndecided } from '../commands/client/client.js';
import { contentOf, limits, personKey } from '../domain/content.js';
import { nameFor, streamOf } from '../domain/ids.js';
import { type Context, PATIENCE, type Services } from './context.js';
import type { Identity } from './identity/identity.js';
import { createLoaders } from './loaders.js';
import { schema } from './schema/schema.js';

/** A GraphQL request as both transports hand it over. */
export type Operation = {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Record<string, unknown> | null | undefined;
};

/** A request made ready to run, or what is wrong with its document. */
export type Prepared =
  | { readonly errors: readonly GraphQLError[] }
  | { readonly args: ExecutionArgs; readonly run: Run; readonly follow: Run };
type Run = (args: ExecutionArgs) => Promise<ExecutionResult | AsyncIterable<ExecutionResult>>;

export type Pipeline = (operation: Operation, identity: Identity) => Promise<Prepared>;

export type PipelineOptions = {
  readonly services: Services;
  /** Whether the schema may be asked for. Off unless switched on. */
  readonly introspection: boolean;
  /** Told of what a resolver threw that is not the client's to mend; the client gets the id, and no more. */
  readonly onFault: (id: string, error: unknown) => void;
  readonly newId: () => string;
};

const MOST_TOKENS = 1_000;
const DEEPEST = 10;
const MOST_ALIASES = 15;

/**
 * The one way of an operation, over POST and WebSocket alike: parse, validate, limit, make the context, run. What is not
 * in here holds on one of them only.
 */
export function createPipeline({ services, introspection, onFault, newId }: PipelineOptions): Pipeline {
  const limited: Plugin = {
    onParse: ({ setParseFn }) => {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: MOST_TOKENS }));
    },
    onValidate: ({ addValidationRule }) => {
      addValidationRule(shapeLimits);
      if (!introspection) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
  const yoga = createYoga<object, Context>({
    schema,
    plugins: [limited],
    logging: false,
    maskedErrors: {
      maskError: (error) => mask(error, newId, onFault),
    },
  });
  const register = registrar(services);

  return async (operation, identity) => {
    // The types speak of a Request, which sockets do not have; the context is given by hand below.
    const enveloped = yoga.getEnveloped();
    let document: DocumentNode;
    try {
      document = enveloped.parse(operation.query);
    } catch (error) {
      return { errors: [error instanceof GraphQLError ? error : new GraphQLError('The document cannot be parsed.')] };
    }
    const errors = enveloped.validate(enveloped.schema, document);
    if (errors.length > 0) return { errors };
    await register(identity);
    const contextValue: Context = { ...services, identity, load: createLoaders(services, identity) };
    const args: ExecutionArgs = {
      schema: enveloped.schema,
      document,
      contextValue: await enveloped.contextFactory(contextValue),
      variableValues: operation.variables,
      operationName: operation.operationName,
    };
    return { args, run: enveloped.execute, follow: enveloped.subscribe };
  };
}

/** Limits that need no types: how deep a document goes, and how often it names a field anew. */
function shapeLimits(context: ValidationContext): ASTVisitor {
  let depth = 0;
  let aliases = 0;
  return {
    Field: {
      enter: (node) => {
        depth += 1;
        if (node.alias) aliases += 1;
        if (depth === DEEPEST + 1) context.reportError(tooLarge(`is more than ${DEEPEST} fields deep`));
        if (aliases === MOST_ALIASES + 1) context.reportError(tooLarge(`has more than ${MOST_ALIASES} aliases`));
      },
      leave: () => {
        depth -= 1;
      },
    },
  };
}

const tooLarge = (what: string): GraphQLError =>
  new GraphQLError(`The document ${what}. Ask in smaller pieces.`, { extensions: { code: 'DOCUMENT_TOO_LARGE' } });

/** What the client can mend goes out as it is; of everything else it gets an id to ask about. */
function mask(error: unknown, newId: () => string, onFault: PipelineOptions['onFault']): Error {
  const cause = error instanceof GraphQLError ? error.originalError : error;
  if (error instanceof GraphQLError && (!cause || cause instanceof GraphQLError)) return error;
  const id = newId();
  onFault(id, cause);
  const at = error instanceof GraphQLError ? { nodes: error.nodes ?? [], path: error.path ?? [] } : {};
  return new GraphQLError('Something went wrong on our side.', { ...at, extensions: { code: 'INTERNAL', id } });
}

/**
 * Whoever comes with a valid token for the first time is registered: the identity provider is the master of accounts,
 * the log of what they do. The command is named after the person, so that it is done once however often it is sent.
 */
function registrar({ client, core }: Services): (identity: Identity) => Promise<void> {
  const known = new Map<string, Promise<Sent>>();

  const send = async ({ user, name }: Identity): Promise<Sent> => {
    const plain = name.slice(0, limits.name).toWellFormed();
    const stream = streamOf('user', user);
    const sent = await client.send({
      id: nameFor(stream, user, 'register'),
      actor: user,
      stream,
      key: personKey(user),
      type: 'RegisterUser',
      data: { name: { plain, content: contentOf.name(user) }, chars: plain.length },
    });
    if (sent.status === 'accepted') await core.reached(sent.position, PATIENCE);
    return sent;
  };

  return async (identity) => {
    const sending = known.get(identity.user) ?? send(identity);
    known.set(identity.user, sending);
    const sent = await sending.catch(() => undefined);
    // Refused for good is as good as done: under another name by now, or erased. Only what was not decided is sent again.
    if (!sent || isUndecided(sent)) known.delete(identity.user);
  };
}
