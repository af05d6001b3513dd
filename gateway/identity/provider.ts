import { createLocalJWKSet, exportJWK, generateKeyPair } from 'jose';
import type { Configuration } from 'oidc-provider';
import { SessionNotFound } from 'oidc-provider/lib/helpers/errors.js';
import * as interactionPolicy from 'oidc-provider/lib/helpers/interaction_policy/index.js';
import { Provider } from 'oidc-provider/lib/provider.js';
import { addressBehind } from '../address.js';
import { securityHeaders } from '../headers.js';
import { IdentityError, directoryOf, isRecord, openIdentityStore } from './accounts.js';
import { rowAdapter } from './adapter.js';
import type { EmbeddedProvider } from './identity.js';
import { interactionPages } from './interactions.js';
import { createLimiter } from './limiter.js';
import { messagePage, signOutPage, startAgainPage } from './pages.js';

export type ProviderOptions = {
  readonly file: string;
  readonly publicUrl: string;
  readonly registration: 'open' | 'closed';
  /** What the first account must show; needed wherever strangers can reach the page. */
  readonly firstCode?: string | undefined;
  readonly now: () => number;
  readonly newId: () => string;
  readonly random: (bytes: number) => Uint8Array;
  /** Told that a session is over, by its `sid`, and from when on (ms since 1970) no token of it is good any more. */
  readonly onSessionEnd?: (sid: string, until: number) => void;
  /** Hears of errors that are nobody's mistake but ours; people see a page that says so. */
  readonly onFailure?: (error: unknown) => void;
};

const AUDIENCE = 'verbatim-api';
const CLIENT = 'verbatim-ui';
const RESOURCE = 'urn:verbatim:api';
const DAY = 24 * 3600;
/** How long an access token is good for, in seconds; and for how much the clocks of those who check it may differ. */
const ACCESS_TOKEN = 300;
const LEEWAY = 60;
const FIVE_MINUTES = 5 * 60_000;

/**
 * The embedded identity provider: OpenID Connect by oidc-provider, in this process, under `/oidc`. It makes the same
 * tokens with the same claims as the provider of a fleet, so that nothing else knows which of them it talks to.
 */
export async function openProvider(options: ProviderOptions): Promise<EmbeddedProvider> {
  const { file, publicUrl, registration, firstCode, now, newId, random } = options;
  const { onSessionEnd = () => {}, onFailure = () => {} } = options;
  const { origin, host, protocol, port } = new URL(publicUrl);
  const issuer = `${origin}/oidc`;
  const store = await openIdentityStore({ file, newId, now });
  const { accounts } = store;
  const jwk = await store.secret('signing key', async () => {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    return { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: newId() };
  });
  const cookieKey = await store.secret('cookie key', async () => Buffer.from(random(32)).toString('base64url'));
  if (!isRecord(jwk) || typeof cookieKey !== 'string') throw new IdentityError(`the keys in ${file}`);

  const provider: Provider = new Provider(issuer, {
    ...fixed(origin),
    adapter: rowAdapter(store.rows, now),
    jwks: { keys: [jwk] },
    cookies: {
      keys: [cookieKey],
      // Cookies do not tell ports apart, and two installations on one machine must not end each other's sessions.
      names: {
        session: `verbatim_session${port}`,
        interaction: `verbatim_interaction${port}`,
        resume: `verbatim_resume${port}`,
      },
      long: { signed: true, httpOnly: true, sameSite: 'lax', path: '/oidc' },
      short: { signed: true, httpOnly: true, sameSite: 'lax' },
    },
    findAccount: async (_, subject) => {
      const account = accounts.find(subject);
      if (!account) return undefined;
      const { login, name } = account;
      return { accountId: subject, claims: async () => ({ sub: subject, name, preferred_username: login }) };
    },
    extraTokenClaims: async (_, token) => {
      const account = 'accountId' in token && token.accountId ? accounts.find(token.accountId) : undefined;
      if (!account) return undefined;
      const sid = 'sessionUid' in token && token.sessionUid ? { sid: token.sessionUid } : {};
      return { name: account.name, preferred_username: account.login, roles: [...account.roles], ...sid };
    },
    loadExistingGrant: async ({ oidc }) => {
      const { session, client, result } = oidc;
      if (!session?.accountId || !client) return undefined;
      const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
      const grant = known === undefined ? undefined : await provider.Grant.find(known);
      if (grant) return grant;
      // Our own page needs nobody's consent, the first time or after a grant was revoked.
      const made = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      made.addOIDCScope('openid profile');
      await made.save();
      return made;
    },
  });
  provider.proxy = true;
  provider.on('server_error', (_, error) => onFailure(error));
  provider.on('session.destroyed', ({ uid }) => onSessionEnd(uid, now() + (ACCESS_TOKEN + LEEWAY) * 1_000));
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.status !== 404 || ctx.body !== undefined || ctx.accepts('html') === false) return;
    const note = 'Perhaps the address was cut short, or it is one of an older version.';
    ctx.body = messagePage({ title: 'There is nothing here', note, code: 'NOT_FOUND' });
    ctx.status = 404;
  });

  const headers = securityHeaders(publicUrl);
  const pages = interactionPages({
    provider,
    accounts,
    limits: {
      names: createLimiter({ now, most: 10, window: FIVE_MINUTES }),
      addresses: createLimiter({ now, most: 50, window: FIVE_MINUTES }),
    },
    registration,
    firstCode,
    headers,
    addressOf: addressBehind(protocol === 'https:'),
    onFailure,
  });
  const serve = provider.callback();
  const sweeper = setInterval(() => store.rows.removeExpired(), 600_000).unref();
  const { kty, n, e, kid } = jwk;

  return {
    issuer,
    audience: AUDIENCE,
    clientId: CLIENT,
    keys: createLocalJWKSet({
      keys: [{ kty: String(kty), n: String(n), e: String(e), kid: String(kid), alg: 'RS256' }],
    }),
    handle: (request, response) => {
      // All links and cookies follow from PUBLIC_URL, whatever a proxy says or forgets to say.
      Object.assign(request.headers, { host, 'x-forwarded-host': host, 'x-forwarded-proto': protocol.slice(0, -1) });
      pages(request, response, new URL(request.url ?? '/', origin))
        .then((handled) => {
          if (handled) return;
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          // oidc-provider finds out from these two where it is mounted.
          Object.assign(request, { originalUrl: request.url, url: request.url?.slice('/oidc'.length) });
          return serve(request, response);
        })
        .catch((error: unknown) => {
          onFailure(error);
          response.destroy();
        });
    },
    first: () => accounts.first(),
    directory: directoryOf(accounts),
    close: () => {
      clearInterval(sweeper);
      store.close();
    },
  };
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What is the same for every installation. All lifetimes in seconds. */
function fixed(origin: string): Configuration {
  const policy = interactionPolicy.base();
  policy.add(new interactionPolicy.Prompt({ name: 'create', requestable: true }), 0);
  return {
    clients: [
      {
        client_id: CLIENT,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        redirect_uris: [`${origin}/auth/callback`],
        post_logout_redirect_uris: [`${origin}/`],
      },
    ],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
    pkce: { required: () => true },
    responseTypes: ['code'],
    clientBasedCORS: (_, from) => from === origin,
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    interactions: { policy, url: (_, interaction) => `/oidc/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      // Off, for nothing here uses them: what does not run needs no care.
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      revocation: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => {
          const hint = ctx.oidc.entities.IdTokenHint?.payload;
          ctx.body = signOutPage(form, hint?.sub === ctx.oidc.session?.accountId ? 'by us' : 'by a link');
        },
        postLogoutSuccessSource: async (ctx) => {
          ctx.body = messagePage({
            title: 'Signed out',
            note: 'You are signed out of this browser.',
            way: { href: '/', text: 'Sign in again' },
          });
        },
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => RESOURCE,
        useGrantedResource: async () => true,
        getResourceServerInfo: async () => ({
          // People get no scope here: `api` is for clients that are programs, of which this provider has none yet.
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: ACCESS_TOKEN,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    renderError: async (ctx, out, error) => {
      ctx.type = 'html';
      const note = sentence(out.error_description ?? 'try again in a moment');
      ctx.body =
        error instanceof SessionNotFound
          ? startAgainPage()
          : messagePage({ title: 'That did not work', note, code: out.error.toUpperCase() });
    },
    ttl: {
      AccessToken: ACCESS_TOKEN,
      AuthorizationCode: 60,
      IdToken: 3600,
      RefreshToken: 14 * DAY,
      Interaction: 3600,
      Session: 14 * DAY,
      Grant: 14 * DAY,
    },
  };
}
