import type { IncomingMessage } from 'node:http';

/**
 * Where a request comes from. Behind a proxy, and https is always spoken by one, it is the last address in the list: the
 * one that the proxy itself saw. What stands before it may be made up.
 */
export const addressBehind =
  (proxy: boolean) =>
  ({ headers, socket }: IncomingMessage): string => {
    const told = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').at(-1)?.trim();
    return (proxy && told) || (socket.remoteAddress ?? '');
  };
