import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { getRequestListener } from '@hono/node-server';

/** Resolves when the server listens. Rejects with what the system says, as EADDRINUSE. */
export const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

export const portOf = (server: Server): number => addressPort(server.address());

const addressPort = (address: AddressInfo | string | null): number =>
  typeof address === 'object' && address ? address.port : 0;

export const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

/** Has an app of hono answer a request. */
export function answer(
  app: ReturnType<typeof getRequestListener>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  Promise.resolve(app(request, response)).catch(() => response.destroy());
}
