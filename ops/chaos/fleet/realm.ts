import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { derivedId } from '../../../domain/ids.js';
import { PEOPLE } from '../../run/settings.js';
import { at } from '../person.js';
import type { Account } from './client.js';

// A realm of the run's own on a real Keycloak, made from the file that installations import.

export type Realm = {
  readonly issuer: string;
  readonly name: string;
  readonly adminSecret: string;
  /** Makes somebody, and signs them in by Keycloak's own page. Their tokens are renewed before they end. */
  enter(username: string): Promise<Account>;
  /** Drops the realm. */
  close(): Promise<void>;
};

const CALLBACK = '/auth/callback';
const CLIENT = 'verbatim-ui';
/** Tokens are renewed so long before they end, in ms. */
const EARLY_MS = 60_000;

/** `admin` is user:password of the administrator of the whole server. */
export async function openRealm(url: string, admin: string, publicUrl: string): Promise<Realm> {
  const [name, adminSecret] = [`chaos-${randomUUID()}`, randomBytes(24).toString('base64url')];
  const values: Readonly<Record<string, string>> = {
    PUBLIC_URL: publicUrl,
    VERBATIM_GATEWAY_URL: publicUrl,
    VERBATIM_PROGRAM_SECRET: randomBytes(24).toString('base64url'),
    OIDC_ADMIN_SECRET: adminSecret,
  };
  const text = readFileSync(new URL('../../deploy/keycloak/verbatim-realm.json', import.meta.url), 'utf8');
  // As Keycloak itself fills it in where it imports the file.
  const filled = text.replace(/\$\{([A-Z_]+)(?::([^}]*))?\}/g, (whole, key: string, other?: string) => {
    return values[key] ?? other ?? whole;
  });
  const file: unknown = JSON.parse(filled);
  const [username = '', password = ''] = admin.split(/:(.*)/s);
  const grant = { grant_type: 'password', client_id: 'admin-cli', username, password };
  const rest = async (method: string, path: string, body?: object): Promise<void> => {
    const token = at(await post(`${url}/realms/master/protocol/openid-connect/token`, grant), 'access_token');
    const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' };
    const sent = body ? { body: JSON.stringify(body) } : {};
    await answered(await fetch(`${url}/admin/realms${path}`, { method, headers, ...sent }));
  };
  await rest('POST', '', { ...Object(file), realm: name });
  const issuer = `${url}/realms/${name}`;
  return {
    issuer,
    name,
    adminSecret,
    enter: async (person) => {
      const secret = randomBytes(24).toString('base64url');
      await rest('POST', `/${name}/users`, {
        username: person,
        enabled: true,
        email: `${person}@example.com`,
        emailVerified: true,
        firstName: person,
        lastName: 'Person',
        credentials: [{ type: 'password', value: secret, temporary: false }],
      });
      return accountOf(issuer, await signIn(issuer, `${publicUrl}${CALLBACK}`, person, secret));
    },
    close: () => rest('DELETE', `/${name}`),
  };
}

async function answered(response: Response): Promise<string> {
  const text = await response.text();
  if (response.ok) return text;
  throw new Error(`Keycloak answered ${response.status} at ${response.url}: ${text}`);
}

async function post(url: string, form: Readonly<Record<string, string>>): Promise<unknown> {
  return JSON.parse(await answered(await fetch(url, { method: 'POST', body: new URLSearchParams(form) })));
}

/** What the token endpoint gave. */
async function signIn(issuer: string, callback: string, username: string, password: string): Promise<unknown> {
  const verifier = randomBytes(32).toString('base64url');
  const page = new URL(`${issuer}/protocol/openid-connect/auth`);
  page.search = new URLSearchParams({
    client_id: CLIENT,
    response_type: 'code',
    scope: 'openid profile',
    redirect_uri: callback,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: randomBytes(8).toString('hex'),
  }).toString();
  const asked = await fetch(page, { redirect: 'manual' });
  const cookie = asked.headers.getSetCookie().map((line) => line.split(';')[0]);
  const action = /<form[^>]* action="([^"]+)"/.exec(await answered(asked))?.[1]?.replaceAll('&amp;', '&') ?? '';
  const body = new URLSearchParams({ username, password, credentialId: '' });
  const headers = { cookie: cookie.join('; ') };
  const sent = await fetch(action, { method: 'POST', redirect: 'manual', headers, body });
  const code = new URL(sent.headers.get('location') ?? callback).searchParams.get('code');
  if (code === null) throw new Error(`${username} could not sign in: ${sent.status} ${await sent.text()}`);
  return post(`${issuer}/protocol/openid-connect/token`, {
    grant_type: 'authorization_code',
    client_id: CLIENT,
    redirect_uri: callback,
    code_verifier: verifier,
    code,
  });
}

function accountOf(issuer: string, first: unknown): Account {
  let tokens = first;
  let until = endOf(first);
  // A refresh token is good for once: whoever comes meanwhile waits for the same.
  let renewing: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    const token = String(at(tokens, 'refresh_token'));
    const form = { grant_type: 'refresh_token', client_id: CLIENT, refresh_token: token };
    tokens = await post(`${issuer}/protocol/openid-connect/token`, form);
    until = endOf(tokens);
  };
  const [, claims = ''] = String(at(first, 'access_token')).split('.');
  const subject = at(JSON.parse(Buffer.from(claims, 'base64url').toString()), 'sub');
  return {
    user: derivedId(PEOPLE, String(subject)),
    authorization: async () => {
      if (until - EARLY_MS < Date.now()) {
        renewing ??= renew().finally(() => {
          renewing = undefined;
        });
        await renewing;
      }
      return `Bearer ${String(at(tokens, 'access_token'))}`;
    },
  };
}

const endOf = (tokens: unknown): number => Date.now() + Number(at(tokens, 'expires_in')) * 1_000;
