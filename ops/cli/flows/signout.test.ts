import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Browser, openBrowser, person } from '../../../gateway/identity/testing.js';
import { openRaw, runOn } from '../../../gateway/raw-testing.js';
import { at } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';

// Two tabs of one browser, on a real server: a sign-out in one ends the other at once, though its token is still good.

let data: string;
let server: Server;
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-signout-'));
  server = await startServer({ data, env: { GRAPHQL_DOCUMENTS: 'any' } });
  await server.ready;
});
afterAll(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

/** What a tab gets at sign-in; a second one of the same browser needs no password. */
async function openTab(browser: Browser, login?: string): Promise<{ access: string; id: string }> {
  const verifier = randomBytes(32).toString('base64url');
  const redirect = { client_id: 'verbatim-ui', redirect_uri: `${server.url}/auth/callback` };
  const asked = new URLSearchParams({
    ...redirect,
    response_type: 'code',
    scope: 'openid profile',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'x',
    ...(login ? { prompt: 'create' } : {}),
  });
  const first = await browser.open(`/oidc/auth?${asked.toString()}`);
  const back = login ? await browser.submit(first, person(login)) : first;
  const grant = {
    grant_type: 'authorization_code',
    code: back.url.searchParams.get('code') ?? '',
    code_verifier: verifier,
  };
  const body = new URLSearchParams({ ...redirect, ...grant });
  const tokens: unknown = await (await fetch(`${server.url}/oidc/token`, { method: 'POST', body })).json();
  return { access: String(at(tokens, 'access_token')), id: String(at(tokens, 'id_token')) };
}

it('ends every tab at once', async () => {
  const browser = openBrowser({ origin: server.url });
  const [one, two] = [await openTab(browser, 'ada'), await openTab(browser)];
  const elsewhere = await openTab(openBrowser({ origin: server.url }), 'ben');
  const open = async ({ access }: { access: string }) => {
    const raw = await openRaw({ publicUrl: server.url });
    raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${access}` } });
    await raw.next(({ type }) => type === 'connection_ack');
    expect(await runOn(raw, '1', { query: 'subscription { inbox { complete } }' })).toHaveProperty('data');
    return raw;
  };
  const [socket, other] = [await open(two), await open(elsewhere)];

  const leaving = await browser.open(`/oidc/session/end?id_token_hint=${one.id}`);
  const xsrf = /name="xsrf" value="(\w+)"/.exec(leaving.html)?.[1] ?? '';
  await browser.submit(leaving, { xsrf, logout: 'yes' });

  expect(await socket.closed).toEqual({ code: 4401, reason: expect.stringMatching(/^SESSION_ENDED: /) });
  for (const { access } of [one, two]) {
    const refused = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${access}` },
      body: JSON.stringify({ query: '{ viewer { roles } }' }),
    });
    expect(refused.status).toBe(401);
    expect(at(await refused.json(), 'errors')).toMatchObject([{ extensions: { code: 'SESSION_ENDED' } }]);
  }
  expect(await runOn(other, '2', { query: '{ viewer { roles } }' })).toHaveProperty('data');
  other.socket.terminate();
});
