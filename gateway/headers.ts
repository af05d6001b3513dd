import { createHash } from 'node:crypto';

/**
 * What browsers may do with our pages: nothing but what they need. `scripts` are inline ones, allowed by their hash;
 * `issuer` is where tokens are fetched from, if that is another origin.
 */
export function securityHeaders(
  publicUrl: string,
  scripts: readonly string[] = [],
  issuer = publicUrl,
): Readonly<Record<string, string>> {
  const { host, protocol, origin } = new URL(publicUrl);
  const provider = new URL(issuer).origin;
  const hashes = scripts.map((script) => ` 'sha256-${createHash('sha256').update(script).digest('base64')}'`);
  const policy = [
    "default-src 'none'",
    `script-src 'self'${hashes.join('')}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "manifest-src 'self'",
    `connect-src 'self' ${protocol === 'https:' ? 'wss' : 'ws'}://${host}${provider === origin ? '' : ` ${provider}`}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    ...(protocol === 'https:' ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/** The scripts that stand in a page itself. */
export const inlineScripts = (html: string): readonly string[] =>
  [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, script = '']) => script);
