import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError } from 'graphql';
import { CloseCode } from 'graphql-ws';
import { useServer } from 'graphql-ws/use/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Identity } from './identity/identity.js';
import type { Metrics } from './metrics.js';
import type { Pipeline, Prepared } from './pipeline.js';
import type { Verifier } from './tokens.js';

export type SocketsOptions = {
  readonly pipeline: Pipeline;
  readonly verify: Verifier;
  /** The only origin whose pages may open a socket; what is no browser sends none. */
  readonly origin: string;
  readonly now: () => number;
  readonly metrics: Metrics;
};

const LARGEST_FRAME = 64 * 1024;
const MOST_SOCKETS = 20;
const MOST_SUBSCRIPTIONS = 50;
/** A consumer with more than this unread is cut off; it comes back and resumes. In bytes. */
const SLOWEST = 1024 * 1024;
const LONGEST_TIMER = 2 ** 31 - 1;

type Seat = { readonly identity: Identity; subscriptions: number; readonly timers: readonly NodeJS.Timeout[] };

/** Serves GraphQL over WebSocket (graphql-transport-ws) on `/graphql` of a server. Returns how to close it. */
export function serveSockets(server: Server, options: SocketsOptions): () => Promise<void> {
  const { pipeline, verify, origin, now, metrics } = options;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: LARGEST_FRAME, perMessageDeflate: false });
  const seats = new Map<WebSocket, Seat>();

  /** Takes a seat for a person, until their token ends. Says what is wrong instead, as a close code and reason. */
  const sit = async (socket: WebSocket, authorization: unknown): Promise<[number, string] | undefined> => {
    let identity: Identity;
    try {
      identity = await verify(typeof authorization === 'string' ? authorization : undefined);
    } catch (error) {
      return [CloseCode.Forbidden, error instanceof Error ? error.message : 'Forbidden'];
    }
    const taken = [...seats.values()].filter((seat) => seat.identity.user === identity.user).length;
    if (taken >= MOST_SOCKETS) return [CloseCode.TooManyInitialisationRequests, 'Too many sockets: close some.'];
    const left = Math.min(identity.expires - now(), LONGEST_TIMER);
    const expiry = setTimeout(() => socket.close(CloseCode.Forbidden, 'The token has ended: refresh it.'), left);
    const pace = setInterval(() => {
      if (socket.bufferedAmount > SLOWEST) socket.terminate();
    }, 1_000);
    seats.set(socket, { identity, subscriptions: 0, timers: [expiry, pace] });
    metrics.sockets.set(seats.size);
    return undefined;
  };

  const rise = (socket: WebSocket): void => {
    for (const timer of seats.get(socket)?.timers ?? []) clearTimeout(timer);
    seats.delete(socket);
    metrics.sockets.set(seats.size);
  };

  const disposable = useServer<Record<string, unknown>>(
    {
      // Said here, for otherwise NODE_ENV would decide what strangers learn of our errors.
      isProd: true,
      onConnect: async ({ connectionParams, extra }) => {
        const refused = await sit(extra.socket, connectionParams?.['authorization']);
        if (refused) extra.socket.close(...refused);
        return !refused;
      },
      onDisconnect: ({ extra }) => rise(extra.socket),
      onClose: ({ extra }) => rise(extra.socket),
      onSubscribe: async ({ extra }, _id, payload) => {
        const seat = seats.get(extra.socket);
        if (!seat) return [new GraphQLError('Sign in first.', { extensions: { code: 'TOKEN_MISSING' } })];
        if (seat.subscriptions >= MOST_SUBSCRIPTIONS) {
          const message = `At most ${MOST_SUBSCRIPTIONS} operations run on one socket at a time.`;
          return [new GraphQLError(message, { extensions: { code: 'TOO_MANY_OPERATIONS' } })];
        }
        const prepared = await pipeline(payload, seat.identity);
        if ('errors' in prepared) return prepared.errors;
        seat.subscriptions += 1;
        return { ...prepared.args, rootValue: { run: prepared.run, follow: prepared.follow } };
      },
      onComplete: ({ extra }) => {
        const seat = seats.get(extra.socket);
        if (seat) seat.subscriptions -= 1;
      },
      onNext: () => {
        metrics.deliveries.inc();
      },
      execute: (args) => ways(args.rootValue).run(args),
      subscribe: (args) => ways(args.rootValue).follow(args),
    },
    sockets,
  );

  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { pathname } = new URL(request.url ?? '/', origin);
    const { origin: from } = request.headers;
    if (pathname !== '/graphql') return refuse(socket, '404 Not Found');
    if (from !== undefined && from !== origin) return refuse(socket, '403 Forbidden');
    sockets.handleUpgrade(request, socket, head, (opened) => {
      sockets.emit('connection', opened, request);
    });
  };
  server.on('upgrade', upgrade);

  return async () => {
    server.off('upgrade', upgrade);
    // 1012: the server restarts. Clients come back by themselves.
    for (const socket of sockets.clients) socket.close(1012, 'The server is restarting.');
    await disposable.dispose();
  };
}

/** How an operation runs, as it travels from its preparation to its execution. */
function ways(carried: unknown): Ways {
  if (isWays(carried)) return carried;
  throw new Error('an operation came to execution that was not prepared');
}

type Ways = Pick<Exclude<Prepared, { errors: unknown }>, 'run' | 'follow'>;

const isWays = (value: unknown): value is Ways =>
  typeof value === 'object' && value !== null && 'run' in value && 'follow' in value;

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}
