import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { hash } from '@node-rs/argon2';
import { SignJWT, decodeJwt, decodeProtectedHeader, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { describeWith } from '../../ops/run/needs.js';
import { freePort } from '../port-testing.js';
import { type Harness, startHarness } from '../testing.js';
import { type Verifier, createVerifier } from '../tokens.js';
import { directoryContract } from './contract.js';
import { keycloakAccounts } from './keycloak-accounts.js';
import { keycloakIssuer } from './keycloak.js';
import { moveAccounts } from './moving.js';
import { type Realm, openRealm, signIn } from './keycloak-testing.js';

// Everything here happens at a real Keycloak, in realms made from the file that installations import.

const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const PORT = await freePort();
const LONG = 120_000;
// A realm is made with its keys, which takes a busy machine its time.
vi.setConfig({ testTimeout: LONG, hookTimeout: LONG });

describeWith('KEYCLOAK_URL', 'people at Keycloak', (url) => {
  directoryContract('the directory of people in a realm', async () => {
    const realm = await openRealm(url);
    await realm.allowAdmin('manage-realm');
    // Small pages, so that people are on several of them.
    const directory = keycloakAccounts({ ...realm.adminClient, page: 5 });
    return {
      directory,
      register: async (login, name) => {
        const subject = randomUUID();
        await directory.create([{ subject, login, name, roles: ['user'] }]);
        return subject;
      },
      close: async () => {
        await realm.close();
      },
    };
  });

  describe('asked for and moved there', () => {
    let realm: Realm;
    beforeAll(async () => {
      realm = await openRealm(url);
    });
    afterAll(() => realm?.close());

    it('are refused with a code that says so to a client that may not, or is none', async () => {
      const refused = { code: 'IDENTITY_REFUSED' };
      const wrong = keycloakAccounts({ ...realm.adminClient, clientSecret: 'wrong' });
      await expect(wrong.find(randomUUID())).rejects.toMatchObject(refused);
      const nowhere = keycloakAccounts({ ...realm.adminClient, realm: 'nowhere' });
      await expect(nowhere.find(randomUUID())).rejects.toMatchObject(refused);
      const mayNot = keycloakAccounts(realm.adminClient);
      const person = { subject: randomUUID(), login: 'x', name: 'x', roles: [] };
      await expect(mayNot.create([person])).rejects.toMatchObject(refused);
      const away = keycloakAccounts({ ...realm.adminClient, baseUrl: 'http://127.0.0.1:1' });
      await expect(away.find(randomUUID())).rejects.toMatchObject({ code: 'IDENTITY_UNREACHABLE' });
    });

    it('keep their subjects, roles and passwords, however often they are moved', async () => {
      await realm.allowAdmin('manage-realm');
      const accounts = keycloakAccounts(realm.adminClient);
      const subject = randomUUID();
      const moved = {
        subject,
        login: 'Moe',
        name: 'Moe Ver',
        roles: ['user', 'ops'],
        password: await hash('correct-horse-moe'),
      } as const;
      expect(await accounts.create([moved])).toBe(1);
      expect(await accounts.create([moved])).toBe(0);
      expect(await accounts.find(subject)).toEqual({ subject, login: 'moe', name: 'Moe Ver', roles: ['user', 'ops'] });
      for (let times = 0; times < 2; times++) {
        const { tokens } = await signIn(realm, 'moe');
        expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: subject, name: 'Moe Ver' });
      }
      const same = { ...moved, subject: randomUUID() };
      await expect(accounts.create([same])).rejects.toMatchObject({ code: 'ACCOUNT_TAKEN' });
      expect(await accounts.find(same.subject)).toBeUndefined();

      // A hash of another kind cannot be taken along: they choose a password when they come.
      const nell = { subject: randomUUID(), login: 'nell', name: 'Nell', roles: [], password: 'of another kind' };
      expect(await moveAccounts([moved, nell], accounts)).toEqual({ made: 1, there: 1 });
      expect(await realm.rest(`/users/${nell.subject}`)).toMatchObject({ requiredActions: ['UPDATE_PASSWORD'] });
      expect(await realm.list(`/users/${nell.subject}/credentials`)).toEqual([]);
    });

    it('are found with a new token once the old one is worth nothing', async () => {
      const accounts = keycloakAccounts(realm.adminClient);
      const ana = await realm.subjectOf('ana');
      expect(await accounts.find(ana)).toMatchObject({ login: 'ana', roles: ['user', 'analyst', 'ops'] });
      await realm.rotateKeys();
      expect(await accounts.find(ana)).toMatchObject({ login: 'ana' });
    });
  });
});

describeWith('KEYCLOAK_URL', 'tokens of Keycloak', (url) => {
  let realm: Realm;
  beforeAll(async () => {
    const second = {
      clientId: 'another',
      publicClient: true,
      standardFlowEnabled: true,
      redirectUris: ['http://localhost:8080/auth/callback'],
    };
    realm = await openRealm(url);
    await realm.rest('/clients', 'POST', second);
  });
  afterAll(() => realm?.close());

  const verifier = (more: Parameters<Realm['provider']>[0] = {}): Verifier =>
    createVerifier({ issuer: realm.provider(more), namespace: NAMESPACE, now: Date.now });

  it('say what those of the embedded provider say', async () => {
    const { tokens } = await signIn(realm, 'ana');
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
    expect(tokens.expires_in).toBeLessThanOrEqual(300);
    const payload = decodeJwt(tokens.access_token);
    expect(payload).toMatchObject({ aud: 'verbatim-api', preferred_username: 'ana' });
    expect(await verifier()(`Bearer ${tokens.access_token}`)).toEqual({
      user: expect.any(String),
      subject: await realm.subjectOf('ana'),
      name: 'Ana Pop',
      email: 'ana@example.com',
      roles: ['user', 'analyst', 'ops'],
      scopes: expect.arrayContaining(['openid', 'profile', 'email']),
      session: payload['sid'],
      expires: Number(payload.exp) * 1_000,
    });
    // The claim holds roles of the realm that are ours, and no others.
    expect(Object(payload)['roles'].toSorted()).toEqual(['analyst', 'ops', 'user']);
    const { tokens: cleos } = await signIn(realm, 'cleo');
    expect((await verifier()(`Bearer ${cleos.access_token}`)).roles).toEqual(['user']);
  });

  it('are refused where they are for something else, of somebody else, or made up', async () => {
    const { tokens } = await signIn(realm, 'bob');
    const refused = { code: 'TOKEN_INVALID' };
    for (const token of [tokens.id_token, tokens.refresh_token]) {
      await expect(verifier()(`Bearer ${token}`)).rejects.toMatchObject(refused);
    }
    const issuer = `${url}/realms/master`;
    const master = keycloakIssuer({ issuer, jwksUrl: `${issuer}/protocol/openid-connect/certs` });
    const elsewhere = createVerifier({ issuer: master, namespace: NAMESPACE, now: Date.now });
    await expect(elsewhere(`Bearer ${tokens.access_token}`)).rejects.toMatchObject(refused);
    const { kid = '' } = decodeProtectedHeader(tokens.access_token);
    const { privateKey } = await generateKeyPair('RS256');
    const forged = new SignJWT(decodeJwt(tokens.access_token)).setProtectedHeader({ alg: 'RS256', kid });
    await expect(verifier()(`Bearer ${await forged.sign(privateKey)}`)).rejects.toMatchObject(refused);
    const [, body] = tokens.access_token.split('.');
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid })).toString('base64url');
    await expect(verifier()(`Bearer ${none}.${body}.`)).rejects.toMatchObject(refused);
    const hmac = new SignJWT(decodeJwt(tokens.access_token)).setProtectedHeader({ alg: 'HS256', kid });
    const secret = new TextEncoder().encode('the public key, as a secret: an old trick');
    await expect(verifier()(`Bearer ${await hmac.sign(secret)}`)).rejects.toMatchObject(refused);
  });

  it('of another client of the realm are none for the API', async () => {
    const { tokens } = await signIn(realm, 'bob', 'another');
    expect(decodeJwt(tokens.access_token)).toMatchObject({ azp: 'another', preferred_username: 'bob' });
    await expect(verifier()(`Bearer ${tokens.access_token}`)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('of a program are good for any document', async () => {
    const identity = await verifier()(`Bearer ${await realm.programToken()}`);
    expect(identity).toMatchObject({ roles: ['user'], name: 'service-account-verbatim-program' });
    expect(identity.scopes).toContain('api');
    // People get no such scope, whatever they ask for.
    const client = await realm.client();
    const asked = await client.begin({ scope: 'openid profile api' });
    expect((await realm.browser().open(asked.url)).url.searchParams.get('error')).toBe('invalid_scope');
  });

  it('are fetched by a code with its verifier alone', async () => {
    const client = await realm.client();
    const { url: address } = await client.begin();
    const bare = new URL(address);
    for (const name of ['code_challenge', 'code_challenge_method']) bare.searchParams.delete(name);
    expect((await realm.browser().open(bare)).url.searchParams.get('error')).toBe('invalid_request');
    const plain = new URL(address);
    plain.searchParams.set('code_challenge_method', 'plain');
    expect((await realm.browser().open(plain)).url.searchParams.get('error')).toBe('invalid_request');
    const elsewhere = new URL(address);
    elsewhere.searchParams.set('redirect_uri', 'http://localhost:8080/auth/callback/more');
    expect((await realm.browser().open(elsewhere)).status).toBe(400);
    const password = await fetch(`${realm.issuer}/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'verbatim-ui', username: 'ana', password: 'x' }),
    });
    expect(await password.json()).toMatchObject({ error: 'unauthorized_client' });
  });

  it('are refreshed tab by tab; a refresh token used again ends them all, and a page-less sign-in goes on', async () => {
    const { browser, client, tokens } = await signIn(realm, 'ana');
    const silent = await client.begin({ prompt: 'none' });
    const second = await silent.redeem(await browser.open(silent.url));
    // Keycloak tells the age of refresh tokens by the second.
    await sleep(1_100);
    const [mine, other] = [
      await client.refresh(tokens.refresh_token ?? ''),
      await client.refresh(second.refresh_token ?? ''),
    ];
    const next = await client.refresh(mine.refresh_token ?? '');
    expect(next.id_token).toBeDefined();
    expect(decodeJwt(next.access_token)['sid']).toBe(decodeJwt(tokens.access_token)['sid']);
    const refused = { error: 'invalid_grant' };
    await expect(client.refresh(tokens.refresh_token ?? '')).rejects.toMatchObject(refused);
    for (const { refresh_token } of [next, other]) {
      await expect(client.refresh(refresh_token ?? '')).rejects.toMatchObject(refused);
    }
    const again = await client.begin({ prompt: 'none' });
    const back = await again.redeem(await browser.open(again.url));
    expect((await client.refresh(back.refresh_token ?? '')).access_token).toBeTruthy();
  });

  it('are refused to whoever is disabled, and to whoever is unknown', async () => {
    const { client, tokens } = await signIn(realm, 'cleo');
    const cleo = await realm.subjectOf('cleo');
    await realm.rest(`/users/${cleo}`, 'PUT', { enabled: false });
    await expect(client.refresh(tokens.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
    await expect(signIn(realm, 'cleo')).rejects.toMatchObject({ code: 'OAUTH_INVALID_RESPONSE' });
    await realm.rest(`/users/${cleo}`, 'PUT', { enabled: true });
    expect((await signIn(realm, 'cleo')).tokens.access_token).toBeTruthy();
  });

  it('go on when the keys are rotated, without a restart; what a retired key signed is refused', async () => {
    const verify = verifier();
    const before = await signIn(realm, 'ana');
    await verify(`Bearer ${before.tokens.access_token}`);
    await realm.rotateKeys();
    const after = await before.client.refresh(before.tokens.refresh_token ?? '');
    const kidOf = (token: string): unknown => decodeProtectedHeader(token).kid;
    expect(kidOf(after.access_token)).not.toBe(kidOf(before.tokens.access_token));
    expect(await verify(`Bearer ${after.access_token}`)).toMatchObject({ name: 'Ana Pop' });
    // One that is new to a gateway whose keys are of now.
    await expect(verifier({ cacheMaxAge: 0 })(`Bearer ${before.tokens.access_token}`)).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    });
  });
});

describeWith('KEYCLOAK_URL', 'a gateway behind Keycloak', (url) => {
  let realm: Realm;
  let harness: Harness;
  beforeAll(async () => {
    const publicUrl = `http://localhost:${PORT}`;
    realm = await openRealm(url, { publicUrl, gatewayUrl: `http://127.0.0.1:${PORT}` });
    harness = await startHarness({ issuer: realm.provider(), port: PORT });
  });
  afterAll(async () => {
    await harness?.stop();
    await realm?.close();
  });

  const ask = async (token: string, query: string): Promise<{ readonly status: number; readonly body: unknown }> => {
    const response = await fetch(`${harness.publicUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query }),
    });
    return { status: response.status, body: await response.json() };
  };

  /** A socket that said who it is, and the code that it is closed with. */
  const sit = async (token: string): Promise<{ readonly closed: Promise<unknown> }> => {
    const socket = new WebSocket(`ws://localhost:${PORT}/graphql`, 'graphql-transport-ws');
    const closed = once(socket, 'close').then(([code]) => code);
    await once(socket, 'open');
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } }));
    const [message] = await once(socket, 'message');
    expect(String(message)).toContain('connection_ack');
    return { closed };
  };

  it('tells the page where to sign in, and lets it ask there', async () => {
    const config = await fetch(`${harness.publicUrl}/config.json`);
    expect(await config.json()).toEqual({ issuer: realm.issuer, clientId: 'verbatim-ui', audience: 'verbatim-api' });
    const policy = config.headers.get('content-security-policy') ?? '';
    expect(policy).toContain(`connect-src 'self' ws://localhost:${PORT} ${new URL(url).origin};`);
  });

  it('lets operators do what people may not, by the roles of the realm', async () => {
    const lag = '{ lag { view } }';
    const told = { data: { lag: expect.arrayContaining([{ view: 'core' }]) } };
    const [ana, bob] = [await signIn(realm, 'ana'), await signIn(realm, 'bob')];
    expect((await ask(ana.tokens.access_token, lag)).body).toMatchObject(told);
    expect(JSON.stringify((await ask(bob.tokens.access_token, lag)).body)).toContain('FORBIDDEN');
    const accounts = keycloakAccounts(realm.adminClient);
    await accounts.setRoles(await realm.subjectOf('bob'), ['ops']);
    const fresh = await bob.client.refresh(bob.tokens.refresh_token ?? '');
    expect((await ask(fresh.access_token, lag)).body).toMatchObject(told);
    await accounts.setRoles(await realm.subjectOf('bob'), []);
    const poor = await bob.client.refresh(fresh.refresh_token ?? '');
    expect(JSON.stringify((await ask(poor.access_token, lag)).body)).toContain('FORBIDDEN');
  });

  it('serves a program', async () => {
    const { body } = await ask(await realm.programToken(), '{ viewer { roles } }');
    expect(body).toEqual({ data: { viewer: { roles: ['USER'] } } });
  });

  it('cuts off a session that is ended at Keycloak, at once and whoever ended it; others go on', async () => {
    const [one, other] = [await signIn(realm, 'ana'), await signIn(realm, 'ana')];
    const [gone, stays] = [await sit(one.tokens.access_token), await sit(other.tokens.access_token)];
    // As the page does it.
    const leave = new URL(`${realm.issuer}/protocol/openid-connect/logout`);
    leave.searchParams.set('id_token_hint', one.tokens.id_token ?? '');
    leave.searchParams.set('client_id', 'verbatim-ui');
    leave.searchParams.set('post_logout_redirect_uri', `${harness.publicUrl}/`);
    expect((await one.browser.open(leave)).url.href).toBe(`${harness.publicUrl}/`);
    expect(await gone.closed).toBe(4401);
    expect(await ask(one.tokens.access_token, '{ viewer { roles } }')).toMatchObject({ status: 401 });
    expect(await ask(other.tokens.access_token, '{ viewer { roles } }')).toMatchObject({ status: 200 });
    // As an operator does it.
    await realm.rest(`/users/${await realm.subjectOf('ana')}/logout`, 'POST');
    expect(await stays.closed).toBe(4401);
    expect(JSON.stringify((await ask(other.tokens.access_token, '{ viewer { roles } }')).body)).toContain(
      'SESSION_ENDED',
    );
  });

  it('has failed nowhere in all of this', () => {
    expect(harness.failures).toEqual([]);
  });
});
