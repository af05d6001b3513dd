import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Uuid, bucketOf, timedId } from '../../domain/ids.js';

/** Somebody with an account and a token, who talks to a server as the page does. */
export type Person = {
  readonly user: Uuid;
  /** What they send to say who they are. */
  readonly authorization: string;
  /** A new id at this person's home. */
  newId(): Uuid;
  /**
   * Asks over POST, again where it was too fast. Throws where there is no answer, or not one from GraphQL, or one with
   * errors.
   */
  ask(query: string, variables?: object): Promise<unknown>;
};

/** The value at a path in an answer, or undefined. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = Object.entries(found).find(([name]) => name === String(step))?.[1];
  }
  return found;
}

/** Registers by the forms that a browser would be shown, and gets a token by code and PKCE. */
export const register = (url: string, login: string): Promise<Person> => enter(url, login, 'register');

/** Signs in somebody who is registered, in the same way. */
export const signIn = (url: string, login: string): Promise<Person> => enter(url, login, 'login');

async function enter(url: string, login: string, step: 'register' | 'login'): Promise<Person> {
  const { issuer, clientId } = await config(url);
  const verifier = randomBytes(32).toString('base64url');
  const callback = `${url}/auth/callback`;
  const jar = new Map<string, string>();

  const visit = async (to: URL, form?: Record<string, string>): Promise<URL> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = form ? { method: 'POST', body: new URLSearchParams(form) } : {};
    const response = await fetch(to, { redirect: 'manual', headers: { cookie }, ...body });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      jar.set(name, value);
    }
    const location = response.headers.get('location');
    if (!location) {
      if (response.ok) return to;
      throw new Error(`${to.pathname} answered ${response.status}: ${await response.text()}`);
    }
    const next = new URL(location, to);
    return next.href.startsWith(callback) ? next : visit(next);
  };

  const auth = new URL(`${issuer}/auth`);
  auth.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    scope: 'openid',
    redirect_uri: callback,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: randomBytes(8).toString('hex'),
    prompt: step === 'register' ? 'create' : 'login',
  }).toString();
  const page = await visit(auth);
  const back = await visit(new URL(`${page.pathname}/${step}`, url), { login, password: `the password of ${login}` });
  const code = back.searchParams.get('code');
  if (!code) throw new Error(`the sign-in of ${login} ended at ${back.href}`);

  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: clientId,
      redirect_uri: callback,
      code_verifier: verifier,
      code,
    }),
  });
  const token = at(await response.json(), 'access_token');
  if (typeof token !== 'string') throw new Error(`no token for ${login}: ${response.status}`);
  return withToken(url, token);
}

/** Somebody who has a token already, as of another provider. */
export async function withToken(url: string, token: string): Promise<Person> {
  const authorization = `Bearer ${token}`;
  const ask: Person['ask'] = async (query, variables = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: JSON.stringify({ query, variables }),
    });
    const answer: unknown = await response.json();
    const errors = at(answer, 'errors');
    const tooFast = at(errors, 0, 'extensions', 'retryAfter');
    if (typeof tooFast === 'number') {
      await sleep(tooFast);
      return ask(query, variables);
    }
    if (errors) throw new Error(`GraphQL answered ${response.status}: ${JSON.stringify(errors)}`);
    return at(answer, 'data');
  };
  const id = at(await ask('{ viewer { user { id } } }'), 'viewer', 'user', 'id');
  const user = typeof id === 'string' ? id.slice('user_'.length) : '';
  return {
    user,
    authorization,
    ask,
    newId: () => timedId(Date.now(), new Uint8Array(randomBytes(16)), bucketOf(user)),
  };
}

async function config(url: string): Promise<{ issuer: string; clientId: string }> {
  const told: unknown = await (await fetch(`${url}/config.json`)).json();
  const [issuer, clientId] = [at(told, 'issuer'), at(told, 'clientId')];
  if (typeof issuer !== 'string' || typeof clientId !== 'string') throw new Error('the server does not say its issuer');
  return { issuer, clientId };
}
