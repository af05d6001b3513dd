import { once } from 'node:events';
import { WebSocket } from 'ws';

/** Opens a socket to an address of http, for GraphQL where a protocol is named. */
export async function openSocket(url: string, protocol?: 'graphql-transport-ws'): Promise<WebSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), protocol ?? [], { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** A socket that has subscribed to something, speaking graphql-transport-ws by hand. What it gets are `next` frames. */
export async function subscribe(
  url: string,
  authorization: string,
  query: string,
  variables: Readonly<Record<string, unknown>>,
): Promise<WebSocket> {
  const socket = await openSocket(`${url}/graphql`, 'graphql-transport-ws');
  const say = (message: object): void => socket.send(JSON.stringify(message));
  say({ type: 'connection_init', payload: { authorization } });
  await once(socket, 'message');
  say({ id: '1', type: 'subscribe', payload: { query, variables } });
  return socket;
}

/** The text of a message, by its number: of a common length. */
export const textOf = (n: number): string => `message ${n}: ${'twenty characters.. '.repeat(10)}`;

/** Resolves when a frame has come that holds some words. */
export const heard = (socket: WebSocket, what: string): Promise<void> =>
  new Promise((resolve) => {
    const listen = (data: unknown): void => {
      if (!String(data).includes(what)) return;
      socket.off('message', listen);
      resolve();
    };
    socket.on('message', listen);
  });
