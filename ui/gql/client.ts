import { type Client, type SubscribePayload, createClient } from 'graphql-ws';
import type { GraphQLFormattedError } from 'graphql';
import { createSignal } from 'solid-js';
import { ended, token, tokenEnds } from '../auth/session.js';
import type { TypedDocumentString } from './generated/graphql.js';
import { openPause } from './pause.js';

/** What the gateway answers where something failed; `code` is stable. `retryAfter`: the ms to wait before asking again. */
export class GqlError extends Error {
  override name = 'GqlError';
  constructor(
    readonly code: string,
    message: string,
    readonly retryAfter = 0,
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
  const { __meta__: meta } = document;
  const hash: unknown = meta?.['hash'];
  if (typeof hash === 'string') return hash;
  throw new Error('this document has no hash: npm run codegen');
}

/** The gateway's word for "this token has ended": get a new one and come back. */
const FORBIDDEN = 4403;
/** Its word for "you may be here no longer": signed out elsewhere, suspended, erased. */
const UNAUTHORIZED = 4401;
/** Its word for "come back, I am going": others are there, or it is back in a moment. Nobody need be told, unless it takes longer. */
const RESTARTING = 1012;
const RETURN_MS = 1_000;
const UNNOTICED_MS = 4_000;
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
  let restarting = false;
  let absence: ReturnType<typeof setTimeout> | undefined;

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
      // All who were on that server come back: not all at once.
      const pause = restarting ? Math.random() * RETURN_MS : most / 2 + (Math.random() * most) / 2;
      restarting = false;
      await new Promise((resolve) => {
        setTimeout(resolve, pause);
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
        clearTimeout(absence);
        absence = undefined;
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
        restarting = codeOf(event) === RESTARTING;
        if (restarting) absence ??= setTimeout(() => setOpen(false), UNNOTICED_MS);
        else setOpen(false);
        if (codeOf(event) === FORBIDDEN) refused = used;
        if (codeOf(event) === UNAUTHORIZED) ended();
      },
    },
  });
}

/**
 * Follows a subscription over any number of sockets. After a cut it is asked anew with the same variables object, so
 * `onNext` raises in it from where to go on. It ends once, with the error if there was one: then it is left already, and
 * a result with errors is one, whatever data stands beside them. Returns how to leave, after which nothing is told.
 */
export function subscribe<T, V extends Record<string, unknown>>(
  document: TypedDocumentString<T, V>,
  variables: V,
  onNext: (data: T) => void,
  onEnd: (error?: GqlError) => void,
): () => void {
  let over = false;
  let release: (() => void) | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const pause = openPause(FATAL_PAUSE_MS);
  // The protocol wants a `query`; beside an empty one, the `documentId` counts.
  const payload: SubscribePayload & { readonly documentId: string } = {
    query: '',
    documentId: hashOf(document),
    variables,
  };
  const leave = (): void => {
    over = true;
    clearTimeout(again);
    release?.();
  };
  const end = (error?: GqlError): void => {
    if (over) return;
    leave();
    onEnd(error);
  };
  const ask = (): void => {
    release = live().subscribe<T>(payload, {
      next: ({ data, errors }) => {
        if (over) return;
        pause.reset();
        if (errors?.length) end(errorOf(errors[0]));
        else if (data) onNext(data);
      },
      error: (error) => {
        if (Array.isArray(error)) return end(errorOf(error[0]));
        // Anything but an answer: the socket was closed for good. That too may pass, as too many of them do, unless the
        // session is over: then the page shows the sign-in.
        if (!over && codeOf(error) !== UNAUTHORIZED) again = setTimeout(ask, pause.next());
      },
      complete: () => end(),
    });
  };
  ask();
  return leave;
}

/** Runs a document of somebody's own, of any kind, and tells each result as it comes. Returns how to leave. */
export const explore = (
  query: string,
  variables: Record<string, unknown>,
  onResult: (result: unknown) => void,
  onEnd: () => void,
): (() => void) =>
  live().subscribe(
    { query, variables },
    {
      next: onResult,
      error: (error) => {
        onResult(Array.isArray(error) ? { errors: error } : { errors: [{ message: 'The connection was closed.' }] });
        onEnd();
      },
      complete: onEnd,
    },
  );

/** What a socket was closed with, if this is of a closing. */
const codeOf = (event: unknown): unknown =>
  typeof event === 'object' && event !== null && 'code' in event ? event.code : undefined;

function errorOf(error: GraphQLFormattedError | undefined): GqlError {
  const { code, retryAfter } = error?.extensions ?? {};
  return new GqlError(
    typeof code === 'string' ? code : 'UNKNOWN',
    error?.message ?? 'The server gave no reason.',
    typeof retryAfter === 'number' ? retryAfter : 0,
  );
}
