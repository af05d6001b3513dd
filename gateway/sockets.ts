import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError } from 'graphql';
import { CloseCode, handleProtocols, makeServer } from 'graphql-ws';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { spend } from '../projections/sessions/bucket.js';
import { addressBehind } from './address.js';
import { RESTARTING, dismiss, dismissAll } from './drain.js';
import type { HostRule } from './hosts.js';
import { type Limits, defaultLimits } from './limits/limits.js';
import { watchReaders } from './limits/readers.js';
import { type Metrics, countRefusal } from './metrics.js';
import { operationOf } from './operation.js';
import type { Send } from './live/shared.js';
import type { Pipeline, Ways } from './pipeline.js';
import { fault } from './post.js';
import { clientError } from './schema/ids.js';
import { createSeats, cut } from './seats.js';
import type { Standing } from './standing.js';
import type { Verifier } from './tokens.js';

export type SocketsOptions = {
  readonly pipeline: Pipeline;
  readonly verify: Verifier;
  readonly standing: Standing;
  readonly limits?: Limits;
  readonly publicUrl: string;
  /** The only origin whose pages may open a socket; what is no browser sends none. */
  readonly origin: string;
  readonly rule: HostRule;
  readonly now: () => number;
  readonly metrics: Metrics;
  /** Told of what is nobody's mistake but ours. */
  readonly onFault: (error: unknown) => void;
};

/**
 * `busy`: the ids of operations that have come and are not over, however they end; some may be completed already.
 * `waiting`: those of them that have no answer yet; a subscription has one as soon as it is followed.
 */
type Extra = { readonly socket: WebSocket; readonly busy: Set<string>; readonly waiting: Set<string> };

/** How sockets end. */
export type ServedSockets = {
  /** Refuses new ones, and closes those that are open one by one, evenly over so many ms. */
  drain(window: number): Promise<void>;
  close(): Promise<void>;
};

/** Ids of operations are sent with every delivery. */
const LONGEST_ID = 100;

/** Serves GraphQL over WebSocket (graphql-transport-ws) on `/graphql` of a server. */
export function serveSockets(server: Server, options: SocketsOptions): ServedSockets {
  const { pipeline, origin, publicUrl, rule, metrics, onFault, now, limits = defaultLimits } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.socket.frame,
    perMessageDeflate: false,
    handleProtocols,
  });
  const seats = createSeats({ ...options, limits, onCount: (count) => metrics.sockets.set(count) });
  const readers = watchReaders(limits.socket, now, () => metrics.slow.inc());
  const door = createDoor(limits.socket);
  const addressOf = addressBehind(publicUrl.startsWith('https:'));
  const unanswered = new Map<WebSocket, ReadonlySet<string>>();
  let draining = false;

  const protocol = makeServer<Record<string, unknown>, Extra>({
    connectionInitWaitTimeout: limits.socket.init,
    onConnect: async ({ connectionParams, extra: { socket, busy } }) => {
      const authorization = connectionParams?.['authorization'];
      const refusal = await seats.sit(socket, authorization, () => busy.size);
      if (refusal) {
        // The reason begins with the code.
        countRefusal(metrics, refusal[1].split(':')[0] ?? '');
        cut(socket, ...refusal);
      } else door.pass(socket);
      return !refusal;
    },
    onSubscribe: async ({ extra: { socket, waiting } }, id, payload) => {
      try {
        if (id.length > LONGEST_ID)
          throw clientError('BAD_REQUEST', `The id of an operation has at most ${LONGEST_ID} characters.`);
        const { identity } = seats.forOneMore(socket);
        const operation = operationOf(payload);
        if (operation instanceof GraphQLError) return [operation];
        const prepared = await pipeline(operation, identity);
        if ('errors' in prepared) return prepared.errors;
        const follow: Ways['follow'] = (args) => {
          waiting.delete(id);
          return prepared.follow(args, sender(socket, id));
        };
        return { ...prepared.args, rootValue: { run: prepared.run, follow } };
      } catch (error) {
        if (!(error instanceof GraphQLError)) throw error;
        countRefusal(metrics, String(error.extensions['code']));
        return [error];
      }
    },
    // Whoever lost their standing in the meantime was cut off as that became known, and is sent nothing more.
    onNext: ({ extra: { socket } }) => readers.check(socket),
    execute: (args) => ways(args.rootValue).run(args),
    subscribe: (args) => ways(args.rootValue).follow(args),
  });

  sockets.on('connection', (socket: WebSocket, request: IncomingMessage) => {
    door.enter(socket, addressOf(request));
    const leave = readers.watch(socket);
    let frames: number | undefined;
    const busy = new Set<string>();
    const waiting = new Set<string>();
    unanswered.set(socket, waiting);
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(socket, data),
        close: (code, reason) => cut(socket, code ?? CloseCode.InternalServerError, reason ?? ''),
        // A ping may bring a fresh token, for the protocol has no other place for one. The answer says until when it is good.
        onPing: async (payload) => {
          const expires =
            payload && 'authorization' in payload ? await seats.refresh(socket, payload['authorization']) : undefined;
          await send(
            socket,
            JSON.stringify({ type: 'pong', ...(expires === undefined ? {} : { payload: { expires } }) }),
          );
        },
        onMessage: (take) => {
          socket.on('message', (data) => {
            if (socket.readyState !== socket.OPEN) return;
            const { wait, full } = spend(limits.socket.frames, 1, frames, now());
            if (wait > 0) {
              countRefusal(metrics, 'RATE_LIMITED');
              return cut(socket, CloseCode.TooManyInitialisationRequests, 'RATE_LIMITED: Too many messages.');
            }
            frames = full;
            const text = textOf(data);
            const id = idToBegin(text);
            // An id that is completed while its operation is made ready is free for graphql-ws, which would lose the first.
            if (id !== undefined && busy.has(id)) {
              return cut(socket, CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`);
            }
            if (id !== undefined) {
              busy.add(id);
              waiting.add(id);
            }
            take(text)
              .catch((error: unknown) => {
                if (!isClientsType(text)) return cut(socket, CloseCode.BadRequest, 'Invalid message received');
                onFault(error);
                cut(socket, CloseCode.InternalServerError, 'Internal server error');
              })
              .finally(() => {
                if (id === undefined) return;
                busy.delete(id);
                waiting.delete(id);
              });
          });
        },
      },
      { socket, busy, waiting },
    );
    // What breaks the rules of WebSocket is closed by ws itself, which says why in the code.
    socket.on('error', () => undefined);
    socket.once('close', (code, reason) => {
      door.pass(socket);
      leave();
      unanswered.delete(socket);
      seats.rise(socket);
      closed(code, String(reason)).catch(onFault);
    });
  });

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { origin: from, host } = request.headers;
    const path = URL.canParse(request.url ?? '/', origin) ? new URL(request.url ?? '/', origin).pathname : '';
    if (draining) return refuse(socket, '503 Service Unavailable', 'UNAVAILABLE', RESTARTING, ['retry-after: 1']);
    if (rule(host) !== 'serve')
      return refuse(socket, '421 Misdirected Request', 'WRONG_HOST', `Open it at ${publicUrl}.`);
    if (path !== '/graphql') return refuse(socket, '404 Not Found', 'NOT_FOUND', 'WebSockets are at /graphql.');
    if (from !== undefined && from !== origin) {
      return refuse(socket, '403 Forbidden', 'ORIGIN_NOT_ALLOWED', `Only pages of ${origin} may.`);
    }
    if (!door.mayEnter(addressOf(request))) {
      return refuse(socket, '429 Too Many Requests', 'TOO_MANY_SOCKETS', 'Wait, and try again.');
    }
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit('connection', opened, request));
  };
  server.on('upgrade', upgrade);

  return {
    drain: async (window) => {
      draining = true;
      await dismissAll([...sockets.clients], window, (socket) => (unanswered.get(socket)?.size ?? 0) > 0);
    },
    close: async () => {
      draining = true;
      for (const socket of sockets.clients) dismiss(socket);
      readers.stop();
      await new Promise((resolve) => {
        sockets.close(resolve);
      });
      server.off('upgrade', upgrade);
    },
  };
}

/** Counts those who have not yet said who they are: of each address, and of all. */
function createDoor({ unknown, unknownPerAddress }: Limits['socket']) {
  const waiting = new Map<WebSocket, string>();
  const counts = new Map<string, number>();
  return {
    mayEnter: (address: string): boolean => waiting.size < unknown && (counts.get(address) ?? 0) < unknownPerAddress,
    enter: (socket: WebSocket, address: string): void => {
      waiting.set(socket, address);
      counts.set(address, (counts.get(address) ?? 0) + 1);
    },
    pass: (socket: WebSocket): void => {
      const address = waiting.get(socket);
      if (address === undefined) return;
      waiting.delete(socket);
      const left = (counts.get(address) ?? 0) - 1;
      if (left > 0) counts.set(address, left);
      else counts.delete(address);
    },
  };
}

const send = (socket: WebSocket, data: string): Promise<void> =>
  new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    // It fails where the socket has closed meanwhile, of which `close` tells.
    socket.send(data, () => resolve());
  });

/** Whoever has more than this unread gets no more of what goes to many, but what there is when they have read. In bytes. */
const MOST_UNREAD = 1024 * 1024;

const TEXT = { binary: false };
const TAIL = Buffer.from('}');

/** Sends results that are written out already as those of one operation. Of a text each socket would make bytes anew. */
const sender = (socket: WebSocket, id: string): Send => {
  const head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`);
  return (payload) => {
    if (socket.bufferedAmount > MOST_UNREAD) return false;
    if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([head, payload, TAIL]), TEXT);
    return true;
  };
};

/** What a frame says, in whatever pieces it came. */
export const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data).toString();

/** The id of the operation that a message begins; undefined where it begins none. */
function idToBegin(text: string): string | undefined {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || !('type' in message && 'id' in message)) return undefined;
    return message.type === 'subscribe' && typeof message.id === 'string' ? message.id : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a message is of a kind that clients send; graphql-ws throws at the others. */
function isClientsType(text: string): boolean {
  const { type }: { readonly type?: unknown } = JSON.parse(text);
  return ['connection_init', 'ping', 'pong', 'subscribe', 'complete'].some((known) => known === type);
}

/** How an operation runs, as it travels from its preparation to its execution. */
function ways(carried: unknown): Ways {
  if (isWays(carried)) return carried;
  throw new Error('an operation came to execution that was not prepared');
}

const isWays = (value: unknown): value is Ways =>
  typeof value === 'object' && value !== null && 'run' in value && 'follow' in value;

function refuse(socket: Duplex, status: string, code: string, why: string, more: readonly string[] = []): void {
  const body = JSON.stringify(fault(code, why));
  socket.on('error', () => undefined);
  const head = [
    `HTTP/1.1 ${status}`,
    'connection: close',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...more,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
