import { type Client, type SubscribePayload, createClient } from 'graphql-ws';
import type { GraphQLFormattedError } from 'graphql';
import { createSignal } from 'solid-js';
import { ended, token, tokenEnds } from '../auth/session.js';
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

type Answer<T> = { data?: T; errors?: readonly GraphQLFormattedError[] };

const post = (body: string, access: string): Promise<Response> =>
  fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${access}` },
    body,
  });

/** Runs a query or a mutation. Throws `GqlError`, or a TypeError where the network is away. */
export async function request<T, V>(document: TypedDocumentString<T, V>, variables: V): Promise<T> {
  const body = JSON.stringify({ documentId: hashOf(document), variables });
  const access = await token();
  let response = await post(body, access);
  if (response.status === 401) response = await post(body, await token(access));
  const { data, errors }: Answer<T> = await response.json();
  const [error] = errors ?? [];
  if (error) throw errorOf(error);
  if (data === undefined) throw new GqlError('UNKNOWN', `The server answered ${response.status}.`);
  return data;
}

/** What the gateway knows a document by: the page sends no texts. */
function hashOf(document: Pick<TypedDocumentString<unknown, unknown>, '__meta__'>): string {
  const hash: unknown = document.__meta__?.['hash'];
  if (typeof hash === 'string') return hash;
  throw new Error('this document has no hash: npm run codegen');
}

/** The gateway's word for "this token has ended": get a new one and come back. */
const FORBIDDEN = 4403;
/** Its word for "you may be here no longer": signed out elsewhere, suspended, erased. */
const UNAUTHORIZED = 4401;
/** A socket gets a fresh token this long before its own ends, in ms: a hidden tab may be woken only once a minute. */
const RENEWED = 100_000;
const SILENT = 4408;
const SILENCE_MS = 6_000;
const FATAL_PAUSE_MS = 5_000;

const [online, setOnline] = createSignal(navigator.onLine);
addEventListener('online', () => setOnline(true));
addEventListener('offline', () => setOnline(false));
const [open, setOpen] = createSignal(true);

/** Whether news can reach this page. It begins with the hope that they can. */
export const connected = (): boolean => online() && open();

let client: Client | undefined;
let refused: string | undefined;

function live(): Client {
  client ??= openClient();
  return client;
}

function openClient(): Client {
  let used: string | undefined;
  let socket: WebSocket | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let renewal: ReturnType<typeof setTimeout> | undefined;

  /** Sends a fresh token in a ping, in time, for as long as the socket is open. */
  const renewInTime = (): void => {
    clearTimeout(renewal);
    const left = (tokenEnds() ?? 0) - Date.now();
    renewal = setTimeout(
      () => {
        renew().catch(() => undefined); // The socket closes with 4403, and comes back with what there is then.
      },
      Math.max(left - Math.min(RENEWED, left / 2), 1_000),
    );
  };
  const renew = async (): Promise<void> => {
    const fresh = await token(used);
    used = fresh;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({ type: 'ping', payload: { authorization: `Bearer ${fresh}` } }));
    renewInTime();
  };

  return createClient({
    url: `${location.origin.replace(/^http/, 'ws')}/graphql`,
    lazyCloseTimeout: 3_000,
    keepAlive: 12_000,
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: async (retries) => {
      const most = Math.min(250 * 2 ** retries, 8_000);
      await new Promise((resolve) => {
        setTimeout(resolve, most / 2 + (Math.random() * most) / 2);
        addEventListener('online', resolve, { once: true });
      });
    },
    connectionParams: async () => {
      used = await token(refused);
      refused = undefined;
      return { authorization: `Bearer ${used}` };
    },
    on: {
      connected: (opened) => {
        if (opened instanceof WebSocket) socket = opened;
        setOpen(true);
        renewInTime();
      },
      // A network that went away closes nothing: a ping without an answer does.
      ping: (received) => {
        if (!received) silence = setTimeout(() => socket?.close(SILENT, 'no answer to a ping'), SILENCE_MS);
      },
      pong: () => clearTimeout(silence),
      closed: (event) => {
        clearTimeout(silence);
        clearTimeout(renewal);
        setOpen(false);
        if (!(event instanceof CloseEvent)) return;
        if (event.code === FORBIDDEN) refused = used;
        if (event.code === UNAUTHORIZED) ended();
      },
    },
  });
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
  let leave: (() => void) | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  // The protocol wants a `query`; beside an empty one, the `documentId` counts.
  const payload: SubscribePayload & { readonly documentId: string } = {
    query: '',
    documentId: hashOf(document),
    variables,
  };
  const ask = (): void => {
    leave = live().subscribe<T>(payload, {
      next: ({ data, errors }) => {
        const [error] = errors ?? [];
        if (data) onNext(data);
        else if (error) onEnd(errorOf(error));
      },
      error: (error) => {
        // Anything but an answer: the socket was closed for good, as for too many of them. That too may pass.
        if (Array.isArray(error)) onEnd(errorOf(error[0]));
        else again = setTimeout(ask, FATAL_PAUSE_MS);
      },
      complete: () => onEnd(),
    });
  };
  ask();
  return () => {
    clearTimeout(again);
    leave?.();
  };
}

function errorOf(error: GraphQLFormattedError | undefined): GqlError {
  const code = error?.extensions?.['code'];
  return new GqlError(typeof code === 'string' ? code : 'UNKNOWN', error?.message ?? 'The server gave no reason.');
}
