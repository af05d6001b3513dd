import * as oauth from 'oauth4webapi';

/** Where to sign in, as the gateway says. */
type Settings = { readonly issuer: string; readonly clientId: string };

/** What a sign-in or a refresh brings. `expires` in ms since 1970. */
export type Tokens = {
  readonly access: string;
  readonly expires: number;
  readonly refresh: string | undefined;
  readonly id: string | undefined;
  /** Whose they are, where the provider says so again. */
  readonly subject: string | undefined;
};

type Pending = { readonly state: string; readonly verifier: string; readonly returnTo: string };

/** The redirect ended without a sign-in: nobody is signed in at the provider, or they turned back. */
export class NotSignedIn extends Error {
  override name = 'NotSignedIn';
  constructor(
    message: string,
    /** Where they wanted to go. */
    readonly returnTo = '/',
  ) {
    super(message);
  }
}

const PENDING = 'verbatim.signing-in';
const callback = (): string => `${location.origin}/auth/callback`;

let discovered: Promise<Provider> | undefined;
type Provider = { readonly server: oauth.AuthorizationServer; readonly client: oauth.Client };

// Plain http is for an installation on one's own machine only.
const plainHttp = { [oauth.allowInsecureRequests]: location.protocol === 'http:' };

async function discover(): Promise<Provider> {
  const settings: Settings = await (await fetch('/config.json')).json();
  const issuer = new URL(settings.issuer);
  const response = await oauth.discoveryRequest(issuer, plainHttp);
  return {
    server: await oauth.processDiscoveryResponse(issuer, response),
    client: { client_id: settings.clientId },
  };
}

const provider = (): Promise<Provider> => {
  discovered ??= discover().catch((error: unknown) => {
    discovered = undefined;
    throw error;
  });
  return discovered;
};

/**
 * Leaves for the provider's page. `none` comes back at once, signed in or not; `create` begins with the form for a new
 * account. What was open is opened again afterwards.
 */
export async function leaveToSignIn(prompt: 'login' | 'create' | 'none', returnTo: string): Promise<never> {
  const { server, client } = await provider();
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const pending: Pending = { state, verifier, returnTo };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const url = new URL(server.authorization_endpoint ?? '');
  const parameters = {
    client_id: client.client_id,
    redirect_uri: callback(),
    response_type: 'code',
    scope: 'openid profile',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    ...(prompt === 'login' ? {} : { prompt }),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  location.assign(url);
  return new Promise(() => undefined);
}

/** Ends a sign-in that comes back to `/auth/callback`. Throws `NotSignedIn`, or what went wrong. */
export async function completeSignIn(): Promise<{ tokens: Tokens; returnTo: string }> {
  const stored = sessionStorage.getItem(PENDING);
  sessionStorage.removeItem(PENDING);
  if (stored === null) throw new NotSignedIn('this sign-in was not begun here');
  const { state, verifier, returnTo }: Pending = JSON.parse(stored);
  const { server, client } = await provider();
  let parameters: URLSearchParams;
  try {
    parameters = oauth.validateAuthResponse(server, client, new URL(location.href), state);
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) throw new NotSignedIn(error.error, returnTo);
    throw error;
  }
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    callback(),
    verifier,
    plainHttp,
  );
  return { tokens: tokensOf(await oauth.processAuthorizationCodeResponse(server, client, response)), returnTo };
}

/** New tokens for a refresh token. Throws `NotSignedIn` if it is no longer good. */
export async function refreshTokens(refresh: string): Promise<Tokens> {
  const { server, client } = await provider();
  const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refresh, plainHttp);
  try {
    return tokensOf(await oauth.processRefreshTokenResponse(server, client, response));
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) throw new NotSignedIn(error.error);
    throw error;
  }
}

/** Leaves for the provider's sign-out, which ends the session for all tabs. */
export async function leaveToSignOut(idToken: string | undefined): Promise<void> {
  const { server, client } = await provider();
  const url = new URL(server.end_session_endpoint ?? '/', location.origin);
  url.searchParams.set('client_id', client.client_id);
  url.searchParams.set('post_logout_redirect_uri', `${location.origin}/`);
  if (idToken !== undefined) url.searchParams.set('id_token_hint', idToken);
  location.assign(url);
}

const tokensOf = (response: oauth.TokenEndpointResponse): Tokens => ({
  access: response.access_token,
  expires: Date.now() + (response.expires_in ?? 60) * 1_000,
  refresh: response.refresh_token,
  id: response.id_token,
  subject: oauth.getValidatedIdTokenClaims(response)?.sub,
});
