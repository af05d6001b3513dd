import { type ExecutionArgs, type ExecutionResult, GraphQLError, createSourceEventStream, execute } from 'graphql';
import { compileLeaves } from './leaves.js';

/** How a prepared operation runs: a query or a mutation by `run`, a subscription by `follow`. */
export type Execution = {
  readonly run: (args: ExecutionArgs) => Promise<ExecutionResult>;
  /** `onEvent` is told of each event when its result is ready, for whoever counts them. */
  readonly follow: (
    args: ExecutionArgs,
    onEvent?: (event: unknown) => void,
  ) => Promise<ExecutionResult | AsyncIterable<ExecutionResult>>;
};

type Following = AsyncGenerator<ExecutionResult, void, void>;

/**
 * Execution by graphql-js, for it costs a third of what goes through layers of plugins, of which we need none. What a
 * resolver threw goes through `mask` before it leaves.
 */
export function createExecution(mask: (error: unknown) => GraphQLError): Execution {
  const masked = (result: ExecutionResult): ExecutionResult =>
    result.errors ? { ...result, errors: result.errors.map(mask) } : result;

  return {
    run: async (args) => masked(await execute(args)),
    follow: async (args, onEvent) => {
      const source = await createSourceEventStream(args);
      if (!(Symbol.asyncIterator in source)) return masked(source);
      return executeEach(source[Symbol.asyncIterator](), args, masked, mask, onEvent);
    },
  };
}

/** Executes each event of a source. A plain object, for `return` must reach a source that is being waited for. */
function executeEach(
  source: AsyncIterator<unknown>,
  args: ExecutionArgs,
  masked: (result: ExecutionResult) => ExecutionResult,
  mask: (error: unknown) => GraphQLError,
  onEvent: ((event: unknown) => void) | undefined,
): Following {
  const short = compileLeaves(args);
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
        const result = short?.(event.value) ?? execute({ ...args, rootValue: event.value });
        const value = masked(isPromise(result) ? await result : result);
        onEvent?.(event.value);
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
