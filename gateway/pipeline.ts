import { type ExecutionArgs, type GraphQLError, OperationTypeNode } from 'graphql';
import type { Uuid } from '../domain/ids.js';
import type { Rate } from '../projections/sessions/sessions.js';
import type { Context, Services } from './context.js';
import { createCompiler, operationIn } from './documents/compile.js';
import type { Documents } from './documents/documents.js';
import { maskError, tooFast, tooMany } from './errors.js';
import { type Execution, type OnEvent, createExecution } from './execution.js';
import type { Identity } from './identity/identity.js';
import { type Limits, defaultLimits } from './limits/limits.js';
import { createPlaces } from './limits/places.js';
import type { Seat } from './live/groups.js';
import { type Send, createLiveGroups, seatFor } from './live/shared.js';
import { type Loaders, createLoaders } from './loaders.js';
import type { Operation } from './operation.js';
import { createRegistrar } from './register.js';
import { clientError } from './schema/ids.js';
import { schema } from './schema/schema.js';
import type { Standing } from './standing.js';

/** How a prepared operation runs: a query or a mutation by `run`, a subscription by `follow`. */
export type Ways = {
  readonly run: Execution['run'];
  /** Where there is `send`, results that are the same for many may go that way, and not through what is returned. */
  readonly follow: (args: ExecutionArgs, send?: Send, onEvent?: OnEvent) => ReturnType<Execution['follow']>;
};

/** A request made ready to run, or what is wrong with it. */
export type Prepared = { readonly errors: readonly GraphQLError[] } | ({ readonly args: ExecutionArgs } & Ways);

/**
 * Takes an operation, or how to read the one of a POST: that costs more than a refusal, so it is done once it is paid for.
 * What is read that way cannot be followed.
 */
export type Pipeline = (operation: Operation | (() => Promise<Operation>), identity: Identity) => Promise<Prepared>;

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
 * What a context has of its own. A class, for an object with a getter of its own takes longer to make than many an
 * operation takes to run.
 */
class Own {
  seat: Seat | undefined;
  readonly #services: Services;
  #load: Loaders | undefined;

  constructor(
    services: Services,
    readonly identity: Identity,
  ) {
    this.#services = services;
  }

  /** Made when they are first asked for: many operations load nothing. */
  get load(): Loaders {
    this.#load ??= createLoaders(this.#services, this.identity);
    return this.#load;
  }
}

/**
 * The one way of an operation, over POST and WebSocket alike: rate, standing, document, limits, context, run. What is not
 * in here holds on one of them only.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { services, documents, standing, limits = defaultLimits, introspection, verbose = false } = options;
  const masking = { ...options, verbose, introspection };
  const mask = (error: unknown): GraphQLError => maskError(error, masking);
  const execution = createExecution(mask);
  const compile = createCompiler({ schema, limits: limits.document, introspection });
  const register = createRegistrar(services);
  const groups = createLiveGroups(services);
  const shared = { ...services, groups, lasting: new Set<Uuid>() };

  const take = async (what: string, { user }: Identity, rate: Rate, count = 1): Promise<void> => {
    const wait = await services.sessions.take(`${what}:${user}`, rate, count);
    if (wait > 0) throw tooFast(wait);
  };

  /** What an operation has loaded is in memory all at once, so that a person may run only so many. */
  const places = createPlaces(limits.person.atOnce);
  const runFor =
    ({ user }: Identity): Execution['run'] =>
    async (args) => {
      const leave = places.take(user);
      return leave ? execution.run(args).finally(leave) : { errors: [tooMany(limits.person.atOnce)] };
    };

  const prepare: Pipeline = async (asked, identity) => {
    const { operations, subscribes } = limits.person;
    await take('operations', identity, operations);
    const { registered } = await standing.check(identity);
    const posted = typeof asked === 'function';
    const operation = posted ? await asked() : asked;
    const compiled = compile(documents(operation, identity));
    if ('errors' in compiled) return compiled;
    const operationName = operation.operationName || undefined;
    const { type, rootFields, checkCost } = operationIn(compiled, operationName);
    checkCost(operation.variables);
    // Every root field of a mutation is a command.
    if (type === OperationTypeNode.MUTATION && rootFields > 1) {
      await take('operations', identity, operations, rootFields - 1);
    }
    if (type === OperationTypeNode.SUBSCRIPTION) {
      if (posted) throw clientError('BAD_REQUEST', 'Subscriptions go over a WebSocket.');
      await take('subscribes', identity, subscribes);
    }
    // Whoever is in the view reads while the write side is away.
    if (!registered) await register(identity);
    const own = new Own(services, identity);
    const contextValue: Context = Object.assign(own, shared);
    const { document, sharing } = compiled;
    const args: ExecutionArgs = { schema, document, contextValue, variableValues: operation.variables, operationName };
    const follow: Ways['follow'] = (given, send, onEvent) => {
      if (send && sharing)
        own.seat = seatFor({ services, groups, execution, args: given, variables: sharing, send, onEvent });
      return execution.follow(given, onEvent);
    };
    return { args, run: runFor(identity), follow };
  };

  return (operation, identity) => prepare(operation, identity).catch((error: unknown) => ({ errors: [mask(error)] }));
}
