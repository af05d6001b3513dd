import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { LOGOUT_PATH, logoutRoute } from './backchannel.js';
import { SessionsError } from '../../projections/sessions/sessions.js';
import { type Issuer, KeysUnreachable } from './identity.js';

const { publicKey, privateKey } = await generateKeyPair('RS256');
const stranger = await generateKeyPair('RS256');
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let ended: readonly { readonly sid: string; readonly until: number }[];
let failure: Error | undefined;
let at: number;
let issuer: Issuer;
let app: ReturnType<typeof logoutRoute>;
beforeEach(async () => {
  ended = [];
  failure = undefined;
  at = 1_800_000_000_000;
  issuer = {
    issuer: 'https://login.test/realms/verbatim',
    audience: 'verbatim-api',
    clientId: 'verbatim-ui',
    keys: createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256' }] }),
  };
  app = open(issuer);
});

const open = (of: Issuer) =>
  logoutRoute({
    issuer: of,
    endSession: async (sid, until) => {
      if (failure) throw failure;
      ended = [...ended, { sid, until }];
    },
    now: () => at,
  });

let tokens = 0;
type Claims = Readonly<Record<string, unknown>>;
const tokenOf = (claims: Claims = {}, header: { readonly typ?: string } = {}, key = privateKey): Promise<string> =>
  new SignJWT({
    iss: issuer.issuer,
    aud: issuer.clientId,
    iat: at / 1_000,
    jti: `logout-${tokens++}`,
    sid: 'the session',
    events: { [EVENT]: {} },
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', ...header })
    .sign(key);

const post = async (token: string, to = app): Promise<{ readonly status: number; readonly said: string }> => {
  const response = await to.request(LOGOUT_PATH, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  });
  expect(response.headers.get('cache-control')).toBe('no-store');
  return { status: response.status, said: await response.text() };
};

describe('a logout that the provider tells of', () => {
  it('ends its session, for as long as a token of it may be about', async () => {
    expect(await post(await tokenOf())).toEqual({ status: 200, said: '' });
    expect(ended).toEqual([{ sid: 'the session', until: at + 3_600_000 }]);
  });

  it('is taken once', async () => {
    const token = await tokenOf();
    expect((await post(token)).status).toBe(200);
    expect(await post(token)).toMatchObject({ status: 400, said: expect.stringContaining('taken before') });
    // When its id is forgotten it is too old.
    at += 10 * 60_000;
    expect((await post(await tokenOf())).status).toBe(200);
    expect((await post(token)).status).toBe(400);
    expect(ended).toHaveLength(2);
  });

  it.each([30, -150])('is taken though the clocks differ, %d s from now, and once', async (seconds) => {
    const token = await tokenOf({ iat: at / 1_000 + seconds });
    expect((await post(token)).status).toBe(200);
    expect(ended).toHaveLength(1);
    // For as long as it would be good.
    for (; at <= 1_800_000_000_000 + (seconds + 151) * 1_000; at += 5_000) expect((await post(token)).status).toBe(400);
    expect(ended).toHaveLength(1);
  });

  it.each<[string, Claims, { readonly typ?: string }?]>([
    ['of another issuer', { iss: 'https://login.test/realms/other' }],
    ['for another client', { aud: 'another' }],
    ['for the API', { aud: 'verbatim-api' }],
    ['that is an ID token', { events: undefined, nonce: 'n' }],
    ['with a nonce', { nonce: 'n' }],
    ['of another event', { events: { 'http://schemas.openid.net/event/other': {} } }],
    ['whose event is no object', { events: { [EVENT]: 'yes' } }],
    ['without a session', { sid: undefined, sub: 'ana' }],
    ['without an id', { jti: undefined }],
    ['that is old', { iat: 1_799_999_800 }],
    ['that is older than a slow clock explains', { iat: 1_799_999_849 }],
    ['from the future', { iat: 1_800_000_100 }],
    ['from further ahead than a slow clock explains', { iat: 1_800_000_031 }],
    ['that has ended', { exp: 1_799_999_970 }],
    ['that says it is an access token', {}, { typ: 'at+jwt' }],
  ])('is not one %s', async (_, claims, header) => {
    const { status, said } = await post(await tokenOf(claims, header));
    expect([status, JSON.parse(said)]).toMatchObject([400, { error: 'invalid_request' }]);
    expect(ended).toEqual([]);
  });

  it('is not one that others signed, or nobody', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      iss: issuer.issuer,
      aud: issuer.clientId,
      iat: at / 1_000,
      jti: 'j',
      sid: 's',
      events: { [EVENT]: {} },
    };
    for (const token of [
      await tokenOf({}, {}, stranger.privateKey),
      `${part({ alg: 'none' })}.${part(claims)}.`,
      'garbage',
      '',
    ]) {
      expect((await post(token)).status).toBe(400);
    }
    const large = await app.request(LOGOUT_PATH, { method: 'POST', body: `logout_token=${'x'.repeat(20_000)}` });
    expect(large.status).toBe(413);
    expect(ended).toEqual([]);
  });

  it('is for later while the keys cannot be read', async () => {
    const away = open({ ...issuer, keys: () => Promise.reject(new KeysUnreachable('https://login.test/certs')) });
    const token = await tokenOf();
    expect((await post(token, away)).status).toBe(503);
    expect((await post(token)).status).toBe(200);
  });

  it('is for later while its end cannot be kept, and may come again', async () => {
    failure = new SessionsError('SESSIONS_UNAVAILABLE', 'Redis does not answer at 10.1.2.3:6379.');
    const token = await tokenOf();
    const { status, said } = await post(token);
    expect([status, JSON.parse(said)]).toMatchObject([503, { error: 'invalid_request' }]);
    expect(said).not.toContain('10.1.2.3');
    failure = undefined;
    expect((await post(token)).status).toBe(200);
    expect((await post(token)).status).toBe(400);
  });
});
