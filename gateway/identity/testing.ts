import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as client from 'openid-client';
import type { EmbeddedProvider, Issuer } from './identity.js';
import { type ProviderOptions, openProvider } from './provider.js';

/** A provider on a free port of this machine, with its file in a folder of its own. */
export type Place = {
  readonly origin: string;
  readonly file: string;
  readonly failures: readonly unknown[];
  provider(): EmbeddedProvider;
  /** Moves the clock of limits and rows on. In ms. */
  pass(ms: number): void;
  /** Closes the provider and opens it anew on the same file. */
  reopen(): Promise<void>;
  close(): Promise<void>;
};

export async function openPlace(options: Partial<ProviderOptions> = {}): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-identity-'));
  const file = join(folder, 'identity.db');
  const failures: unknown[] = [];
  let provider: EmbeddedProvider | undefined;
  let ahead = 0;
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/oidc/')) provider?.handle(request, response);
    else response.end(`at ${request.url}`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const origin = `http://localhost:${port}`;
  const open = (): Promise<EmbeddedProvider> =>
    openProvider({
      file,
      publicUrl: origin,
      registration: 'open',
      now: () => Date.now() + ahead,
      newId: randomUUID,
      random: randomBytes,
      onFailure: (error) => failures.push(error),
      ...options,
    });
  provider = await open();
  return {
    origin,
    file,
    failures,
    provider: () => {
      if (!provider) throw new Error('the place is closed');
      return provider;
    },
    pass: (ms) => {
      ahead += ms;
    },
    reopen: async () => {
      provider?.close();
      provider = await open();
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      provider?.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export type Page = { readonly status: number; readonly url: URL; readonly html: string; readonly headers: Headers };
export type Fields = Readonly<Record<string, string>>;

/** As much of a browser as sign-in needs: it keeps cookies by path and follows redirects of the provider. */
export type Browser = {
  open(url: URL | string, post?: Fields): Promise<Page>;
  /** Sends the form of a page, filled in. */
  submit(page: Page, fields: Fields): Promise<Page>;
  /** Sends it twice at once, as a double click does, and follows neither answer. The two statuses. */
  submitTwice(page: Page, fields: Fields): Promise<readonly number[]>;
  forget(name: RegExp): void;
};

export function openBrowser({ origin }: Pick<Place, 'origin'>, pages = '/oidc/'): Browser {
  const jar = new Map<string, { readonly path: string; readonly value: string; readonly name: string }>();

  const keep = (line: string, from: URL): void => {
    const [pair = '', ...attributes] = line.split(/; */);
    const [name = '', value = ''] = pair.split(/=(.*)/s);
    const of = (key: string): string | undefined =>
      attributes.find((each) => each.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
    const path = of('path') ?? from.pathname;
    const expires = of('expires');
    if (expires !== undefined && Date.parse(expires) <= Date.now()) jar.delete(`${path} ${name}`);
    else jar.set(`${path} ${name}`, { path, value, name });
  };

  const send = (url: URL, post?: Fields): Promise<Response> => {
    const cookie = [...jar.values()]
      .filter(({ path }) => url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');
    return fetch(url, {
      redirect: 'manual',
      headers: { cookie, accept: 'text/html' },
      ...(post ? { method: 'POST', body: new URLSearchParams(post) } : {}),
    });
  };

  const take = async (url: URL, response: Response): Promise<Page> => {
    for (const line of response.headers.getSetCookie()) keep(line, url);
    const html = await response.text();
    const next = response.headers.get('location');
    if (next === null) return { status: response.status, url, html, headers: response.headers };
    const target = new URL(next, url);
    if (target.pathname.startsWith(pages)) return open(target);
    return { status: response.status, url: target, html: '', headers: response.headers };
  };

  const open: Browser['open'] = async (to, post) => {
    const url = new URL(to, origin);
    return take(url, await send(url, post));
  };

  const actionOf = (page: Page): URL => {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.html)?.[1];
    if (!action) throw new Error(`${page.url.href} has no form:\n${page.html}`);
    return new URL(action.replaceAll('&amp;', '&'), page.url);
  };

  return {
    open,
    submit: (page, fields) => open(actionOf(page), fields),
    submitTwice: async (page, fields) => {
      const answers = await Promise.all([1, 2].map(() => send(actionOf(page), fields)));
      for (const { body } of answers) await body?.cancel();
      return answers.map(({ status }) => status);
    },
    forget: (name) => {
      for (const [key, cookie] of jar) if (name.test(cookie.name)) jar.delete(key);
    },
  };
}

/** The UI's side of the flow, by a certified client. */
export async function openClient(
  place: Pick<Place, 'origin'> & { provider(): Pick<Issuer, 'issuer'> },
  clientId = 'verbatim-ui',
) {
  const configuration = await client.discovery(new URL(place.provider().issuer), clientId, undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  });
  return {
    configuration,
    /** A new sign-in: where to send the browser, and how to go on from the callback. */
    begin: async (parameters: Fields = {}) => {
      const verifier = client.randomPKCECodeVerifier();
      const state = client.randomState();
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: `${place.origin}/auth/callback`,
        scope: 'openid profile',
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        ...parameters,
      });
      const redeem = ({ url: callback }: Page) =>
        client.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedState: state });
      return { url, redeem };
    },
    refresh: (token: string) => client.refreshTokenGrant(configuration, token),
  };
}

/** The stable codes that a page shows. */
export const codesIn = ({ html }: Page): readonly string[] =>
  [...html.matchAll(/data-code="(\w+)"|<code>(\w+)<\/code>/g)].map(([, field, page]) => field ?? page ?? '');

export const person = (login: string, more: Fields = {}): Fields => ({
  login,
  name: '',
  password: 'correct horse battery',
  ...more,
});
