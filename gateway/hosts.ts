/** What to do with a request by the Host that it names: serve it, send it to the right name, or refuse it. */
export type HostRule = (host: string | undefined) => 'serve' | 'redirect' | 'refuse';

const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Only the public name is served, so that no other name can be made to point here and be trusted (DNS rebinding). Other
 * names of this machine are sent to it, for tokens and redirects belong to one origin.
 */
export function hostRule(publicUrl: string): HostRule {
  const { host, protocol } = new URL(publicUrl);
  // As in a URL, the port that goes without saying may be said.
  const silent = protocol === 'https:' ? /:443$/ : /:80$/;
  return (asked = '') => {
    if (asked.toLowerCase().replace(silent, '') === host) return 'serve';
    return isLoopback(asked) ? 'redirect' : 'refuse';
  };
}

/** Whether a Host names this machine, on whatever port: operators come through tunnels, too. */
export const isLoopback = (host = ''): boolean => loopback.has(host.toLowerCase().replace(/:\d+$/, ''));
