import { type ExecutionArgs, type GraphQLError, OperationTypeNode } from 'graphql';
import type { Rate } from '../projections/sessions/sessions.js';
import type { Context, Services } from './context.js';
import { createCompiler, operationIn } from './documents/compile.js';
import type { Documents } from './documents/documents.js';
import { maskError, tooFast } from './errors.js';
import { type Execution, createExecution } from './execution.js';
import type { Identity } from './identity/identity.js';
import { type Limits, defaultLimits } from './limits/limits.js';
import { type Loaders, createLoaders } from './loaders.js';
import type { Operation } from './operation.js';
import { createRegistrar } from './register.js';
import { schema } from './schema/schema.js';
import type { Standing } from './standing.js';

/** A request made ready to run, or what is wrong with it. */
export type Prepared = { readonly errors: readonly GraphQLError[] } | ({ readonly args: ExecutionArgs } & Execution);

export type Pipeline = (operation: Operation, identity: Identity) => Promise<Prepared>;

export type PipelineOptions = {
  readonly services: Services;
  readonly documents: Documents;
  readonly standing: Pick<Standing, 'check'>;
  readonly limits?: Limits;
  /** Whether the schema may be asked for. Off unless switched on. */
  readonly introspection: boolean;
  /** Whether clients are told what went wrong on our side. Off unless switched on. */
  readonly verbose?: boolean;
  /** Told of what a resolver threw that is not the client's to mend; the client gets the id, and no more. */
  readonly onFault: (id: string, error: unknown) => void;
  readonly newId: () => string;
};

/**
 * The one way of an operation, over POST and WebSocket alike: rate, standing, document, limits, context, run. What is not
 * in here holds on one of them only.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { services, documents, standing, limits = defaultLimits, introspection, verbose = false } = options;
  const masking = { ...options, verbose };
  const mask = (error: unknown): GraphQLError => maskError(error, masking);
  const execution = createExecution(mask);
  const compile = createCompiler({ schema, limits: limits.document, introspection });
  const register = createRegistrar(services);

  const take = async (what: string, { user }: Identity, rate: Rate, count = 1): Promise<void> => {
    const wait = await services.sessions.take(`${what}:${user}`, rate, count);
    if (wait > 0) throw tooFast(wait);
  };

  const prepare = async (operation: Operation, identity: Identity): Promise<Prepared> => {
    const { operations, subscribes } = limits.person;
    await take('operations', identity, operations);
    await standing.check(identity);
    const compiled = compile(documents(operation, identity));
    if ('errors' in compiled) return compiled;
    const operationName = operation.operationName || undefined;
    const { type, rootFields, checkCost } = operationIn(compiled, operationName);
    checkCost(operation.variables);
    // Every root field of a mutation is a command.
    if (type === OperationTypeNode.MUTATION && rootFields > 1) {
      await take('operations', identity, operations, rootFields - 1);
    }
    if (type === OperationTypeNode.SUBSCRIPTION) await take('subscribes', identity, subscribes);
    await register(identity);
    // Made when they are first asked for: many operations load nothing, and to make them costs more than to run those.
    let load: Loaders | undefined;
    const contextValue: Context = {
      ...services,
      identity,
      get load() {
        load ??= createLoaders(services, identity);
        return load;
      },
    };
    const { document } = compiled;
    const args: ExecutionArgs = { schema, document, contextValue, variableValues: operation.variables, operationName };
    return { args, ...execution };
  };

  return (operation, identity) => prepare(operation, identity).catch((error: unknown) => ({ errors: [mask(error)] }));
}
