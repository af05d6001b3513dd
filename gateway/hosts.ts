/** What to do with a request by the Host that it names: serve it, send it to the right name, or refuse it. */
export type HostRule = (host: string | undefined) => 'serve' | 'redirect' | 'refuse';

const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Only the public name is served, so that no other name can be made to point here and be trusted (DNS rebinding). Other
 * names of this machine are sent to it, for tokens and redirects belong to one origin.
 */
export function hostRule(publicUrl: string): HostRule {
  const { host } = new URL(publicUrl);
  return (asked = '') => {
    if (asked.toLowerCase() === host) return 'serve';
    return loopback.has(asked.toLowerCase().replace(/:\d+$/, '')) ? 'redirect' : 'refuse';
  };
}
