import { once } from 'node:events';
import { createServer } from 'node:http';
import { vi } from 'vitest';
import { WebSocket as Socket, WebSocketServer } from 'ws';

/** What a page sent over a socket. */
export type Heard = {
  readonly type: string;
  readonly id?: string;
  readonly payload?: Record<string, unknown>;
  readonly socket: Socket;
  readonly at: number;
};

export type Gateway = {
  /** Makes it the origin of the page. */
  stub(): void;
  /** What came over all sockets, in order, of one type. */
  heard(type: string): readonly Heard[];
  /** Answers the subscription that this message began. */
  tell(begun: Heard | undefined, type: 'next' | 'error' | 'complete', payload?: unknown): void;
  /** What a socket gets that signs in: an acknowledgement, or the code that it is closed with. */
  greet: (socket: Socket, times: number) => 'ack' | number;
  /** What a posted operation gets. */
  posted: unknown;
  stop(): Promise<void>;
};

/**
 * The gateway's half of the protocol on a real server, with the answers of a test: for what a whole gateway cannot be
 * brought to do.
 */
export async function openGateway(): Promise<Gateway> {
  const all: Heard[] = [];
  const http = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(gateway.posted));
  });
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'graphql-transport-ws' });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const origin = `http://127.0.0.1:${address.port}`;
  const load = fetch;
  let greeted = 0;
  const gateway: Gateway = {
    stub: () => {
      vi.stubGlobal('location', { origin });
      vi.stubGlobal('fetch', (path: string, init: RequestInit) => load(new URL(path, origin), init));
      // The one of jsdom opens nothing where packages are resolved as for a browser.
      vi.stubGlobal('WebSocket', Socket);
    },
    heard: (type) => all.filter((message) => message.type === type),
    tell: (begun, type, payload) => begun?.socket.send(JSON.stringify({ id: begun.id, type, payload })),
    greet: () => 'ack',
    posted: { data: null },
    stop: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
  sockets.on('connection', (socket) => {
    socket.on('message', (frame) => {
      if (!Buffer.isBuffer(frame)) return;
      const message = { ...JSON.parse(frame.toString()), socket, at: Date.now() };
      all.push(message);
      if (message.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
      if (message.type !== 'connection_init') return;
      greeted += 1;
      const greeting = gateway.greet(socket, greeted);
      if (greeting === 'ack') socket.send(JSON.stringify({ type: 'connection_ack' }));
      else socket.close(greeting, 'UNAVAILABLE: as the test says');
    });
  });
  return gateway;
}

/** An error as the gateway writes it. */
export const fault = (code: string, extensions: Record<string, unknown> = {}) => ({
  message: `refused: ${code}`,
  extensions: { code, ...extensions },
});
