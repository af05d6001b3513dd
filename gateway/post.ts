import type { Context as HonoContext, Handler } from 'hono';
import type { Metrics } from './metrics.js';
import type { Operation, Pipeline } from './pipeline.js';
import { TokenError, type Verifier } from './tokens.js';

export type PostOptions = {
  readonly pipeline: Pipeline;
  readonly verify: Verifier;
  readonly metrics: Metrics;
};

const LARGEST_BODY = 512 * 1024;

/** GraphQL over POST: JSON in, JSON out, a bearer token and no cookies, so that no other site can ask in one's name. */
export function postHandler({ pipeline, verify, metrics }: PostOptions): Handler {
  const handle = async (c: HonoContext): Promise<Response> => {
    if (!/^application\/json\b/i.test(c.req.header('content-type') ?? '')) {
      return c.json(fault('UNSUPPORTED_MEDIA_TYPE', 'Send application/json.'), 415);
    }
    // By hand, for to look at the body as a stream costs more than all the rest.
    const length = Number(c.req.header('content-length') ?? NaN);
    if (!(length <= LARGEST_BODY)) {
      return c.json(fault('BODY_TOO_LARGE', `Send at most ${LARGEST_BODY / 1024} KB, with a content-length.`), 413);
    }
    try {
      const identity = await verify(c.req.header('authorization'));
      const operation = operationOf(await c.req.json().catch(() => undefined));
      if (!operation) return c.json(fault('BAD_REQUEST', 'Send { "query": …, "variables": … }.'), 400);
      const prepared = await pipeline(operation, identity);
      if ('errors' in prepared) return c.json({ errors: prepared.errors }, 400);
      const result = await prepared.run(prepared.args);
      if (Symbol.asyncIterator in result) {
        return c.json(fault('BAD_REQUEST', 'Subscriptions go over a WebSocket.'), 400);
      }
      return c.json(result);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      c.header('www-authenticate', 'Bearer');
      return c.json(fault(error.code, error.message), 401);
    }
  };

  return async (c) => {
    const stop = metrics.operations.startTimer();
    const response = await handle(c);
    stop({ status: response.status });
    return response;
  };
}

/** The body of an answer that is no GraphQL result, in the shape of one. */
export const fault = (code: string, message: string) => ({ errors: [{ message, extensions: { code } }] });

function operationOf(body: unknown): Operation | undefined {
  if (typeof body !== 'object' || body === null || !('query' in body) || typeof body.query !== 'string')
    return undefined;
  const name = 'operationName' in body ? body.operationName : undefined;
  const variables = 'variables' in body ? body.variables : undefined;
  return {
    query: body.query,
    operationName: typeof name === 'string' ? name : undefined,
    variables: isRecord(variables) ? variables : undefined,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
