import { type DocumentNode, type ExecutionArgs, type ExecutionResult, type GraphQLError, Kind } from 'graphql';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Pipeline, Ways } from './pipeline.js';

/** What takes from a part of a millisecond to some seconds, in seconds. */
export const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the gateway counts, by Prometheus' conventions. Labels have few values, and none that a client chose. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    operations: new Histogram({
      name: 'verbatim_graphql_post_duration_seconds',
      help: 'Time from a GraphQL POST to its answer, by HTTP status.',
      labelNames: ['status'],
      buckets: BUCKETS,
      registers,
    }),
    executed: new Histogram({
      name: 'verbatim_graphql_operation_duration_seconds',
      help: 'Time of a GraphQL operation, of a subscription until it is attached, by type, transport and outcome (ok, or the code of the first error).',
      labelNames: ['type', 'transport', 'outcome'],
      buckets: BUCKETS,
      registers,
    }),
    refusals: new Counter({
      name: 'verbatim_refusals_total',
      help: 'Requests, operations and sockets that a limit refused, by code.',
      labelNames: ['code'],
      registers,
    }),
    sockets: new Gauge({ name: 'verbatim_sockets', help: 'Open and authenticated WebSockets.', registers }),
    slow: new Counter({
      name: 'verbatim_slow_consumers_total',
      help: 'Sockets that were cut off because they did not read.',
      registers,
    }),
    subscriptions: new Gauge({
      name: 'verbatim_subscriptions',
      help: 'Running subscriptions, by field.',
      labelNames: ['field'],
      registers,
    }),
    deliveries: new Counter({
      name: 'verbatim_deliveries_total',
      help: 'Events handed to sockets, by the field that is subscribed to.',
      labelNames: ['field'],
      registers,
    }),
    shared: new Counter({
      name: 'verbatim_shared_deliveries_total',
      help: 'Of these, those that were executed once for all who follow the same, by the field that is subscribed to.',
      labelNames: ['field'],
      registers,
    }),
    delay: new Histogram({
      name: 'verbatim_delivery_delay_seconds',
      help: 'Time from an event until it is handed to a socket, or to all that it is executed once for, by the field that is subscribed to.',
      labelNames: ['field'],
      buckets: BUCKETS,
      registers,
    }),
    faults: new Counter({
      name: 'verbatim_faults_total',
      help: 'Errors that were ours and not the client’s.',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** Codes that limits refuse with. */
const refused: ReadonlySet<string> = new Set([
  'RATE_LIMITED',
  'DOCUMENT_TOO_LARGE',
  'DOCUMENT_NOT_ALLOWED',
  'DOCUMENT_UNKNOWN',
  'BODY_TOO_LARGE',
  'LENGTH_REQUIRED',
  'ORIGIN_NOT_ALLOWED',
  'UNSUPPORTED_MEDIA_TYPE',
  'TOO_MANY_OPERATIONS',
  'TOO_MANY_SOCKETS',
]);

/** Codes that are told apart: every one that the code knows. Any other is `OTHER`, so that nobody can make up labels. */
const known: ReadonlySet<string> = new Set([
  ...refused,
  'BAD_ID',
  'BAD_INPUT',
  'BAD_POSITION',
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'CURSOR_EXPIRED',
  'ERASED',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'INTERNAL',
  'NOT_FOUND',
  'OPERATION_UNKNOWN',
  'SESSION_ENDED',
  'SUSPENDED',
  'TOKEN_EXPIRED',
  'TOKEN_INVALID',
  'TOKEN_MISSING',
  'UNAVAILABLE',
]);

const codeOf = (errors: readonly GraphQLError[]): string => {
  const code = String(errors[0]?.extensions?.['code']);
  return known.has(code) ? code : 'OTHER';
};

/** Counts a refusal, if a limit was the reason. */
export function countRefusal({ refusals }: Pick<Metrics, 'refusals'>, code: string): void {
  if (refused.has(code)) refusals.inc({ code });
}

/** The same pipeline, whose operations are counted and timed from outside. */
export function measurePipeline(metrics: Metrics, transport: 'post' | 'socket', pipeline: Pipeline): Pipeline {
  const { executed, deliveries, shared, delay, subscriptions } = metrics;

  return async (operation, identity) => {
    const begun = performance.now();
    const prepared = await pipeline(operation, identity);
    const time = (type: string, errors: readonly GraphQLError[] | undefined): void => {
      const outcome = errors && errors.length > 0 ? codeOf(errors) : 'ok';
      countRefusal(metrics, outcome);
      executed.observe({ type, transport, outcome }, (performance.now() - begun) / 1_000);
    };
    if ('errors' in prepared) {
      time('unknown', prepared.errors);
      return prepared;
    }
    const { type, field } = kindOf(prepared.args);

    const run: Ways['run'] = async (args) => {
      const result = await prepared.run(args);
      time(type, result.errors);
      return result;
    };
    const follow: Ways['follow'] = async (args, send) => {
      const counter = deliveries.labels({ field });
      const result = await prepared.follow(args, send, (event, count, together) => {
        counter.inc(count);
        if (together) shared.inc({ field }, count);
        if (!isTimed(event)) return;
        delay.observe({ field }, Math.max(0, Date.now() - Date.parse(event.at)) / 1_000);
      });
      if (!(Symbol.asyncIterator in result)) {
        time(type, result.errors);
        return result;
      }
      time(type, undefined);
      subscriptions.inc({ field });
      return onEnd(result, () => subscriptions.dec({ field }));
    };
    return { args: prepared.args, run, follow };
  };
}

/** Whether it is known when what is delivered happened. */
const isTimed = (event: unknown): event is { readonly at: string } =>
  typeof event === 'object' && event !== null && 'at' in event && typeof event.at === 'string';

type Kinds = { readonly type: string; readonly field: string };
const kinds = new WeakMap<DocumentNode, Map<string, Kinds>>();

/** What kind of operation this is, and its first field: a name of the schema, for the document is valid. */
function kindOf({ document, operationName }: ExecutionArgs): Kinds {
  const name = operationName ?? '';
  const remembered = kinds.get(document) ?? new Map<string, Kinds>();
  kinds.set(document, remembered);
  const found = remembered.get(name);
  if (found) return found;
  const operation = document.definitions.find(
    (each) => each.kind === Kind.OPERATION_DEFINITION && (name === '' || each.name?.value === name),
  );
  if (operation?.kind !== Kind.OPERATION_DEFINITION) return { type: 'unknown', field: 'other' };
  const [first] = operation.selectionSet.selections;
  const kind = { type: operation.operation, field: first?.kind === Kind.FIELD ? first.name.value : 'other' };
  remembered.set(name, kind);
  return kind;
}

/** The same results, and word once when there are no more of them. */
function onEnd(
  results: AsyncIterable<ExecutionResult>,
  ended: () => void,
): AsyncGenerator<ExecutionResult, void, void> {
  const source = results[Symbol.asyncIterator]();
  let told = false;
  const end = (): void => {
    if (!told) ended();
    told = true;
  };
  const done = { done: true, value: undefined } as const;
  const leave = async (): Promise<typeof done> => {
    end();
    await source.return?.();
    return done;
  };
  const same: AsyncGenerator<ExecutionResult, void, void> = {
    next: () =>
      source.next().then(
        (next) => {
          if (!next.done) return next;
          end();
          return done;
        },
        (error: unknown) => {
          end();
          throw error;
        },
      ),
    return: leave,
    throw: async (error) => {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]: () => same,
  };
  return same;
}
