import { createServer } from 'node:net';
import { isLoopback } from './config.js';

export class PortError extends Error {
  override name = 'PortError';
  constructor(
    readonly code: 'PORT_BUSY' | 'PORT_NONE_FREE' | 'PORT_FORBIDDEN' | 'HOST_UNKNOWN',
    message: string,
  ) {
    super(message);
  }
}

export type Free = {
  readonly port: number;
  /** A sentence on who has the port that was wanted, where it was taken. */
  readonly busy?: string;
};

/** How far to look beyond the port that was wanted. */
const TRIES = 100;

/** How long a stranger on a port may take to say who it is, in ms. */
const PATIENCE = 500;

/** The wanted port of an address, or the next free one above it; 0 gives any. Throws PortError. */
export async function freePort(host: string, wanted: number): Promise<Free> {
  const last = Math.min(wanted + TRIES, 65_535);
  for (let port = wanted; port <= last; port++) {
    const free = await probe(host, port);
    if (free !== undefined) return port === wanted ? { port: free } : { port: free, busy: await whose(host, wanted) };
  }
  throw new PortError('PORT_NONE_FREE', `All ports from ${wanted} to ${last} of ${host} are taken. Name another PORT.`);
}

/** Binds and lets go: the port that it got, or undefined if it is taken. */
async function probe(host: string, port: number): Promise<number | undefined> {
  const bound = await bind(host, port);
  if (bound === undefined || host !== '127.0.0.1') return bound;
  // Browsers try ::1 first for "localhost": a stranger there would get our visitors.
  return (await bind('::1', bound)) === undefined ? undefined : bound;
}

function bind(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else if (host === '::1')
        resolve(port); // No IPv6 here: nobody else listens there either.
      else reject(refusal(error, host, port));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port));
    });
  });
}

function refusal(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EACCES') {
    return new PortError('PORT_FORBIDDEN', `This user may not listen on port ${port}. Name a PORT of 1024 or above.`);
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new PortError('HOST_UNKNOWN', `HOST=${host} is not an address of this machine. 127.0.0.1 always is.`);
  }
  return error;
}

/** Asks whoever listens there. Another Verbatim names itself in /healthz. */
async function whose(host: string, port: number): Promise<string> {
  const asked = isLoopback(host) ? 'localhost' : host;
  try {
    const answer = await fetch(`http://${asked}:${port}/healthz`, { signal: AbortSignal.timeout(PATIENCE) });
    const body = await answer.text();
    if (/"product":\s*"verbatim"/.test(body))
      return `Port ${port} belongs to another Verbatim, at http://localhost:${port}.`;
    const server = answer.headers.get('server');
    return `Port ${port} is taken by another web server${server ? ` (${server})` : ''}.`;
  } catch {
    return `Port ${port} is taken by another program.`;
  }
}
