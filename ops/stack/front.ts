import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** One address for several gateways, as a load balancer gives it. */
export type Front = {
  readonly port: number;
  /** Cuts every connection. Resolves when the port is free. */
  close(): Promise<void>;
};

/**
 * Hands connections on 127.0.0.1 to the gateways in turn; one that does not answer is passed over. Rejects with Node's
 * error where the port is taken.
 */
export async function startFront(port: number, gateways: readonly number[]): Promise<Front> {
  const open = new Set<Socket>();
  let turn = 0;
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // Whoever hangs up may do so in any way.
    socket.on('error', () => undefined);
  };
  const pass = (client: Socket, left: number): void => {
    const gateway = connect({ host: '127.0.0.1', port: gateways[turn++ % gateways.length] ?? 0 });
    keep(gateway);
    gateway.once('connect', () => {
      gateway.off('close', next);
      client.pipe(gateway).pipe(client);
      client.once('close', () => gateway.destroy());
      gateway.once('close', () => client.destroy());
    });
    const next = (): void => {
      if (left > 1 && !client.destroyed) pass(client, left - 1);
      else client.destroy();
    };
    gateway.once('close', next);
  };
  // Nothing is read from a client before there is a gateway to hand it to.
  const server = createServer({ pauseOnConnect: true }, (client) => {
    keep(client);
    pass(client, gateways.length);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve);
  });
  return {
    port: portOf(server.address()) ?? port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

const portOf = (address: AddressInfo | string | null): number | undefined =>
  typeof address === 'object' ? address?.port : undefined;
