import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDocuments } from '../documents/documents.js';
import { publishDocuments, sha256 } from '../documents/manifest.js';
import { createVerifier } from '../tokens.js';
import { type Browser, type Place, codesIn, openBrowser, openClient, openPlace, person } from './testing.js';

// The whole way through a real server, by a certified client: what the page of the chat does, and what goes wrong on it.

let place: Place;
/** Sessions that ended, with when their last token does (ms since 1970). */
const ended = new Map<string, number>();
let client: Awaited<ReturnType<typeof openClient>>;
beforeAll(async () => {
  place = await openPlace({ onSessionEnd: (sid, until) => ended.set(sid, until) });
  client = await openClient(place);
});
afterAll(async () => {
  await place.close();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const NAMESPACE = '7d9b7a4e-2f3c-5d5e-8a6b-0c1d2e3f4000';

let people = 0;
/** Somebody new, signed in, with the tokens that they got. */
async function newcomer(browser: Browser = openBrowser(place)) {
  const login = `person-${people++}`;
  const { url, redeem } = await client.begin({ prompt: 'create' });
  const form = await browser.open(url);
  const callback = await browser.submit(form, person(login, { name: `Person ${people}` }));
  return { login, browser, callback, tokens: await redeem(callback) };
}

describe('the provider', () => {
  it('describes itself where its issuer says, with what its client needs and no more', () => {
    const metadata = client.configuration.serverMetadata();
    expect(metadata).toMatchObject({
      issuer: `${place.origin}/oidc`,
      authorization_endpoint: `${place.origin}/oidc/auth`,
      token_endpoint: `${place.origin}/oidc/token`,
      end_session_endpoint: `${place.origin}/oidc/session/end`,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
    });
    expect(metadata['registration_endpoint']).toBeUndefined();
  });

  it('greets a new installation with the form for the first account, which takes all roles', async () => {
    const browser = openBrowser(place);
    const { url, redeem } = await client.begin();
    const form = await browser.open(url);
    expect(form.html).toContain('Create the first account');
    const callback = await browser.submit(form, person('Ada', { name: 'Ada Lovelace' }));
    expect(callback.url.href).toContain(`${place.origin}/auth/callback?code=`);
    const tokens = await redeem(callback);
    expect(tokens.expires_in).toBe(300);
    const first = place.provider().first();
    expect(first?.roles).toEqual(['user', 'analyst', 'ops']);
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      sub: first?.subject,
      name: 'Ada Lovelace',
      preferred_username: 'Ada',
      roles: ['user', 'analyst', 'ops'],
      sid: expect.any(String),
    });
    expect(tokens.claims()?.sub).toBe(first?.subject);
  });

  it('makes access tokens that the gateway accepts, and others that it does not', async () => {
    const { tokens, login } = await newcomer();
    const { issuer, audience, keys } = place.provider();
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
    const { payload } = await jwtVerify(tokens.access_token, keys, { issuer, audience, typ: 'at+jwt' });
    expect(payload).toMatchObject({ preferred_username: login, roles: ['user'], aud: 'verbatim-api' });

    const verify = createVerifier({
      issuer: place.provider(),
      namespace: NAMESPACE,
      now: Date.now,
    });
    expect(await verify(`Bearer ${tokens.access_token}`)).toMatchObject({
      subject: payload.sub,
      roles: ['user'],
      session: payload['sid'],
    });
    await expect(verify(`Bearer ${tokens.id_token}`)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    await expect(verify(`Bearer ${tokens.refresh_token}`)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('gives nobody the scope of programs, whatever the page asks for, so that persisted documents bind all people', async () => {
    const { browser } = await newcomer();
    const { url, redeem } = await client.begin({ scope: 'openid profile api' });
    const tokens = await redeem(await browser.open(url));
    const refreshed = await client.refresh(tokens.refresh_token ?? '');
    const document = '{ viewer { roles } }';
    const manifest = publishDocuments({ entries: [] }, [document], '2026-01-31');
    const documents = createDocuments({ manifest, arbitrary: false, now: Date.now });
    const verify = createVerifier({ issuer: place.provider(), namespace: NAMESPACE, now: Date.now });
    for (const { access_token } of [tokens, refreshed]) {
      const identity = await verify(`Bearer ${access_token}`);
      expect(identity.scopes).not.toContain('api');
      expect(() => documents({ query: '{ viewer { user { id } } }' }, identity)).toThrow(/documents of its own page/);
      expect(documents({ documentId: `sha256:${sha256(document)}` }, identity)).toBe(document);
    }
  });

  it('lets the second sign-in of a session pass without a form, and without a page if asked so', async () => {
    const { browser, tokens } = await newcomer();
    for (const parameters of [{}, { prompt: 'none' }]) {
      const again = await client.begin(parameters);
      const callback = await browser.open(again.url);
      expect(decodeJwt((await again.redeem(callback)).access_token).sub).toBe(decodeJwt(tokens.access_token).sub);
    }
    const stranger = await openBrowser(place).open((await client.begin({ prompt: 'none' })).url);
    expect(stranger.url.searchParams.get('error')).toBe('login_required');
  });

  it('asks again once the session cookie is lost, and knows the person again', async () => {
    const { browser, login, tokens } = await newcomer();
    browser.forget(/session/);
    const { url, redeem } = await client.begin();
    const form = await browser.open(url);
    expect(form.html).toContain('Welcome back');
    const back = await redeem(await browser.submit(form, person(login.toUpperCase())));
    expect(decodeJwt(back.access_token).sub).toBe(decodeJwt(tokens.access_token).sub);
  });

  it('rotates refresh tokens; an old one used again ends them all, and signing in again needs no consent', async () => {
    const { browser, tokens } = await newcomer();
    const stolen = tokens.refresh_token ?? '';
    const second = await client.refresh(stolen);
    expect(second.refresh_token).not.toBe(stolen);
    expect(second.id_token).toBeDefined();
    expect(decodeJwt(second.access_token)['roles']).toEqual(['user']);
    const third = await client.refresh(second.refresh_token ?? '');
    await expect(client.refresh(stolen)).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(client.refresh(third.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });

    const { url, redeem } = await client.begin({ prompt: 'none' });
    const again = await redeem(await browser.open(url));
    expect((await client.refresh(again.refresh_token ?? '')).access_token).toBeTruthy();
  });

  it('ends a session at sign-out at once where our page asks for it, and its refresh tokens with it', async () => {
    const { browser, tokens } = await newcomer();
    const end = new URL('/oidc/session/end', place.origin);
    end.searchParams.set('id_token_hint', tokens.id_token ?? '');
    end.searchParams.set('post_logout_redirect_uri', `${place.origin}/`);
    const leaving = await browser.open(end);
    expect(leaving.html).toContain('Signing out');
    expect(leaving.html).toContain('/oidc/submit.js');
    const left = await browser.submit(leaving, { xsrf: xsrfOf(leaving.html), logout: 'yes' });
    expect(left.url.href).toBe(`${place.origin}/`);
    const { sid, exp = 0 } = decodeJwt(tokens.access_token);
    expect(ended.get(String(sid))).toBeGreaterThanOrEqual(exp * 1_000);
    expect((await browser.open((await client.begin()).url)).html).toContain('Welcome back');
    await expect(client.refresh(tokens.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('asks before it signs out whoever only followed a link', async () => {
    const { browser } = await newcomer();
    const asked = await browser.open('/oidc/session/end');
    expect(asked.html).toContain('Sign out of Verbatim?');
    expect(asked.html).not.toContain('<script');
    const forged = await browser.submit(asked, { xsrf: 'guessed', logout: 'yes' });
    expect(forged.status).toBe(400);
    expect((await browser.open((await client.begin()).url)).url.searchParams.has('code')).toBe(true);
    const meant = await browser.open('/oidc/session/end');
    const left = await browser.submit(meant, { xsrf: xsrfOf(meant.html), logout: 'yes' });
    expect(left.html).toContain('You are signed out');
    expect((await browser.open((await client.begin()).url)).html).toContain('Welcome back');
  });

  it('refuses a code without its verifier, another redirect, and a page of another origin', async () => {
    const { browser } = await newcomer();
    const { url } = await client.begin();
    const code = (await browser.open(url)).url.searchParams.get('code') ?? '';
    const redirect_uri = `${place.origin}/auth/callback`;
    const stolen = { client_id: 'verbatim-ui', grant_type: 'authorization_code', code, redirect_uri };
    for (const more of [{}, { code_verifier: 'x'.repeat(43) }]) {
      const body = new URLSearchParams({ ...stolen, ...more });
      const refused = await fetch(`${place.origin}/oidc/token`, { method: 'POST', body });
      expect([refused.status, await refused.json()]).toMatchObject([400, { error: 'invalid_grant' }]);
    }
    const elsewhere = await browser.open(
      (await client.begin({ redirect_uri: 'http://localhost:1/auth/callback' })).url,
    );
    expect([elsewhere.status, codesIn(elsewhere)]).toEqual([400, ['INVALID_REDIRECT_URI']]);
    const bare = new URL('/oidc/auth', place.origin);
    bare.search = `client_id=verbatim-ui&response_type=code&scope=openid&redirect_uri=${place.origin}/auth/callback`;
    expect((await browser.open(bare)).url.searchParams.get('error')).toBe('invalid_request');
    const foreign = await fetch(`${place.origin}/oidc/token`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: new URLSearchParams({ client_id: 'verbatim-ui', grant_type: 'refresh_token', refresh_token: 'x' }),
    });
    expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([400, null]);
  });

  it('keeps keys, accounts and sessions over a restart', async () => {
    const { browser, login, tokens } = await newcomer();
    await place.reopen();
    const { issuer, audience, keys } = place.provider();
    const { payload } = await jwtVerify(tokens.access_token, keys, { issuer, audience });
    expect((await client.refresh(tokens.refresh_token ?? '')).access_token).toBeTruthy();
    const again = await client.begin({ prompt: 'none' });
    expect((await browser.open(again.url)).url.searchParams.has('code')).toBe(true);
    const fresh = openBrowser(place);
    const { url, redeem } = await client.begin();
    const back = await redeem(await fresh.submit(await fresh.open(url), person(login)));
    expect(decodeJwt(back.access_token).sub).toBe(payload.sub);
  });

  it('has failed nowhere in all of this', () => {
    expect(place.failures).toEqual([]);
  });

  it('says nothing on the terminal, not even when it is loaded', async () => {
    const said = [vi.spyOn(console, 'info'), vi.spyOn(console, 'warn'), vi.spyOn(console, 'error')];
    await place.reopen();
    await newcomer();
    for (const spy of said) expect(spy).not.toHaveBeenCalled();
    const load = `await import(${JSON.stringify(new URL('provider.ts', import.meta.url).href)})`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', load];
    expect(await promisify(execFile)(process.execPath, args)).toEqual({ stdout: '', stderr: '' });
  });
});

const xsrfOf = (html: string): string => /name="xsrf" value="(\w+)"/.exec(html)?.[1] ?? '';
