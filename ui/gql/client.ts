import { type Client, createClient } from 'graphql-ws';
import { token } from '../auth/session.js';
import type { TypedDocumentString } from './generated/graphql.js';

/** What the gateway answers where it has no data; `code` is stable. */
export class GqlError extends Error {
  override name = 'GqlError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

type Answer<T> = { data?: T; errors?: readonly { message: string; extensions?: { code?: string } }[] };

const post = (body: string, access: string): Promise<Response> =>
  fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${access}` },
    body,
  });

/** Runs a query or a mutation. Throws `GqlError`, or a TypeError where the network is away. */
export async function request<T, V>(document: TypedDocumentString<T, V>, variables: V): Promise<T> {
  const body = JSON.stringify({ query: document.toString(), variables });
  const access = await token();
  let response = await post(body, access);
  if (response.status === 401) response = await post(body, await token(access));
  const { data, errors }: Answer<T> = await response.json();
  const [error] = errors ?? [];
  if (error) throw new GqlError(error.extensions?.code ?? 'UNKNOWN', error.message);
  if (data === undefined) throw new GqlError('UNKNOWN', `The server answered ${response.status}.`);
  return data;
}

/** The gateway's word for "this token has ended": get a new one and come back. */
const FORBIDDEN = 4403;

let socket: Client | undefined;
let refused: string | undefined;

function live(): Client {
  let used: string | undefined;
  socket ??= createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    lazyCloseTimeout: 3_000,
    keepAlive: 12_000,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: async (retries) => {
      const most = Math.min(250 * 2 ** retries, 8_000);
      await new Promise((resolve) => setTimeout(resolve, most / 2 + (Math.random() * most) / 2));
    },
    connectionParams: async () => {
      used = await token(refused);
      refused = undefined;
      return { authorization: `Bearer ${used}` };
    },
    on: {
      closed: (event) => {
        if (event instanceof CloseEvent && event.code === FORBIDDEN) refused = used;
      },
    },
  });
  return socket;
}

/**
 * Follows a subscription over any number of sockets. After a cut it is asked anew with the same variables object, so
 * `onNext` raises in it from where to go on. Returns how to leave.
 */
export function subscribe<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V,
  onNext: (data: T) => void,
  onEnd: (error?: GqlError) => void = () => undefined,
): () => void {
  return live().subscribe<T>(
    { query: document.toString(), variables },
    {
      next: ({ data, errors }) => {
        const [error] = errors ?? [];
        if (data) onNext(data);
        else if (error) onEnd(new GqlError(String(error.extensions?.['code'] ?? 'UNKNOWN'), error.message));
      },
      error: (error) => {
        const [first] = Array.isArray(error) ? error : [];
        onEnd(new GqlError(String(first?.extensions?.code ?? 'UNKNOWN'), String(first?.message ?? error)));
      },
      complete: () => onEnd(),
    },
  );
}
