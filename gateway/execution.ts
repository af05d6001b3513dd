import { type ExecutionArgs, type ExecutionResult, GraphQLError, createSourceEventStream, execute } from 'graphql';
import { compileLeaves } from './leaves.js';

/** Is told of each event when its result is ready, how many get it, and whether it is executed once for all of them. */
export type OnEvent = (event: unknown, count: number, together: boolean) => void;

export type Execution = {
  /** Runs a query or a mutation. */
  readonly run: (args: ExecutionArgs) => Promise<ExecutionResult>;
  /** Runs a subscription. */
  readonly follow: (
    args: ExecutionArgs,
    onEvent?: OnEvent,
  ) => Promise<ExecutionResult | AsyncIterable<ExecutionResult>>;
  /** Runs a subscription for one event after the other. */
  readonly each: (args: ExecutionArgs) => Each;
};

type Each = (event: unknown) => ExecutionResult | Promise<ExecutionResult>;

type Following = AsyncGenerator<ExecutionResult, void, void>;

/**
 * Execution by graphql-js, for it costs a third of what goes through layers of plugins, of which we need none. What a
 * resolver threw goes through `mask` before it leaves.
 */
export function createExecution(mask: (error: unknown) => GraphQLError): Execution {
  const masked = (result: ExecutionResult): ExecutionResult =>
    result.errors ? { ...result, errors: result.errors.map(mask) } : result;
  const each = (args: ExecutionArgs): Each => {
    const short = compileLeaves(args);
    return (event) => {
      const result = short?.(event) ?? execute({ ...args, rootValue: event });
      return isPromise(result) ? result.then(masked) : masked(result);
    };
  };

  return {
    run: async (args) => masked(await execute(args)),
    follow: async (args, onEvent) => {
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return masked(source);
      return executeEach(source[Symbol.asyncIterator](), each(args), mask, onEvent);
    },
    each,
  };
}

/** Executes each event of a source. A plain object, for `return` must reach a source that is being waited for. */
function executeEach(
  source: AsyncIterator<unknown>,
  each: Each,
  mask: (error: unknown) => GraphQLError,
  onEvent: OnEvent | undefined,
): Following {
  const done = { done: true, value: undefined } as const;
  const leave = async (): Promise<typeof done> => {
    await source.return?.();
    return done;
  };
  const following: Following = {
    next: async () => {
      try {
        const event = await source.next();
        if (event.done) return done;
        const result = each(event.value);
        const value = isPromise(result) ? await result : result;
        onEvent?.(event.value, 1, false);
        return { done: false, value };
      } catch (error) {
        await leave();
        throw mask(error);
      }
    },
    return: leave,
    throw: async (error) => {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]: () => following,
  };
  return following;
}

const isPromise = (value: ExecutionResult | Promise<ExecutionResult>): value is Promise<ExecutionResult> =>
  value instanceof Promise;
