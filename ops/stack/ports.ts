import { randomInt } from 'node:crypto';
import { type Server, createServer } from 'node:net';

/**
 * Below what the system hands to outgoing connections: there, a client that knocks at a server which is down could get
 * the server's own port, and a server that is started again could find its port taken.
 */
const FIRST = 20_000;
const LAST = 32_000;

/** Free ports of 127.0.0.1, all different. Held together until all are found, so that they cannot meet. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = [];
  const found: number[] = [];
  while (found.length < count) {
    const port = randomInt(FIRST, LAST);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(true));
    });
    if (!free) continue;
    held.push(server);
    found.push(port);
  }
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}
