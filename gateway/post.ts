import { GraphQLError } from 'graphql';
import type { HttpBindings } from '@hono/node-server';
import type { Context, Handler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { statusOf, tooMany } from './errors.js';
import { type Limits, defaultLimits } from './limits/limits.js';
import { createPlaces } from './limits/places.js';
import { type Metrics, countRefusal } from './metrics.js';
import { type Operation, operationOf } from './operation.js';
import type { Pipeline } from './pipeline.js';
import { clientError } from './schema/ids.js';
import { TokenError, type Verifier } from './tokens.js';

export type PostOptions = {
  readonly pipeline: Pipeline;
  readonly verify: Verifier;
  readonly limits?: Limits;
  readonly publicUrl: string;
  readonly metrics: Metrics;
};

/** What is served by Node: answers can be watched until they are sent. */
export type Served = { readonly Bindings: HttpBindings };
type HonoContext = Context<Served>;

/** GraphQL over POST: JSON in, JSON out, a bearer token and no cookies, so that no other site can ask in one's name. */
export function postHandler({
  pipeline,
  verify,
  limits = defaultLimits,
  publicUrl,
  metrics,
}: PostOptions): Handler<Served> {
  const { origin } = new URL(publicUrl);
  const places = createPlaces(limits.person.atOnce);

  const answer = (c: HonoContext, errors: readonly GraphQLError[]): Response => {
    const status = statusOf(errors);
    const wait = errors[0]?.extensions['retryAfter'];
    if (typeof wait === 'number') c.header('retry-after', String(Math.ceil(wait / 1_000)));
    if (status === 401) c.header('www-authenticate', 'Bearer');
    return c.json({ errors }, status);
  };

  const handle = async (c: HonoContext): Promise<Response> => {
    const refusal = refuse(c, origin, limits.body);
    if (refusal) {
      countRefusal(metrics, refusal.code);
      return c.json(fault(refusal.code, refusal.message), refusal.status);
    }
    try {
      const identity = await verify(c.req.header('authorization'));
      // Held until all is sent: an answer that nobody reads is in memory, too.
      const leave = places.take(identity.user);
      if (!leave) return answer(c, [tooMany(limits.person.atOnce)]);
      onceSent(c.env, leave);
      const prepared = await pipeline(() => read(c), identity);
      if ('errors' in prepared) return answer(c, prepared.errors);
      const result = await prepared.run(prepared.args);
      // What did not begin has no data, not even null.
      return result.data === undefined && result.errors ? answer(c, result.errors) : c.json(result);
    } catch (error) {
      if (error instanceof GraphQLError) return answer(c, [error]);
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

/** Tells once when an answer is sent, or never will be: who has left before may have left for good. */
function onceSent({ incoming: { socket }, outgoing }: HttpBindings, tell: () => void): void {
  const done = (): void => {
    outgoing.off('close', done);
    socket.off('close', done);
    tell();
  };
  outgoing.once('close', done);
  // An answer that waits behind another on its connection is not told of its end.
  socket.once('close', done);
  if (socket.destroyed) done();
}

/** The operation in a body. Throws BAD_REQUEST. */
async function read(c: HonoContext): Promise<Operation> {
  const body: unknown = await c.req.json().catch(() => undefined);
  if (body === undefined) throw clientError('BAD_REQUEST', 'The body is not JSON.');
  const operation = operationOf(body);
  if (operation instanceof GraphQLError) throw operation;
  return operation;
}

type Refusal = { readonly status: ContentfulStatusCode; readonly code: string; readonly message: string };

/** What is told from the headers alone. Undefined where nothing is wrong. */
function refuse(c: HonoContext, origin: string, largest: number): Refusal | undefined {
  const no = (status: ContentfulStatusCode, code: string, message: string): Refusal => ({ status, code, message });
  const from = c.req.header('origin');
  if (from !== undefined && from !== origin) {
    return no(403, 'ORIGIN_NOT_ALLOWED', `Only pages of ${origin} may ask here; programs send no Origin.`);
  }
  if (!/^application\/json *(;|$)/i.test(c.req.header('content-type') ?? '')) {
    return no(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send content-type: application/json.');
  }
  if (c.req.header('content-encoding') !== undefined) {
    return no(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, without a content-encoding.');
  }
  // By hand, for to look at the body as a stream costs more than all the rest. The parser of HTTP holds it to its length.
  const length = c.req.header('content-length');
  if (length === undefined) return no(411, 'LENGTH_REQUIRED', 'Send the body with a content-length, not in chunks.');
  if (!(Number(length) <= largest)) return no(413, 'BODY_TOO_LARGE', `Send at most ${largest / 1024} KB.`);
  return undefined;
}

/** The body of an answer that is no GraphQL result, in the shape of one. */
export const fault = (code: string, message: string) => ({ errors: [{ message, extensions: { code } }] });
