import { DirectoryError } from './identity.js';

export type RestOptions = {
  /** Where Keycloak is, as this process reaches it: http://keycloak:8080. */
  readonly baseUrl: string;
  readonly realm: string;
  /** A confidential client with a service account. What that may do is what we may do. */
  readonly clientId: string;
  readonly clientSecret: string;
};

/**
 * Asks Keycloak's admin API for a path of the realm, as `/users`. Resolves with the JSON of the answer, or with undefined
 * where it has none or what was asked for is not there. Rejects with DirectoryError.
 */
export type Rest = (path: string, method?: string, body?: object) => Promise<unknown>;

/** How long an answer may take, in ms. */
const PATIENCE = 15_000;
/** A token is renewed this long before it ends, in ms. */
const EARLY = 10_000;

/** The admin REST API of one realm, with a token of a client that is kept until it ends. */
export function keycloakRest({ baseUrl, realm, clientId, clientSecret }: RestOptions): Rest {
  const address = baseUrl.replace(/\/$/, '');
  let token: Promise<{ readonly value: string; readonly ends: number }> | undefined;

  const send = async (path: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(`${address}${path}`, { ...init, redirect: 'error', signal: AbortSignal.timeout(PATIENCE) });
    } catch (cause) {
      throw unreachable(`Keycloak does not answer at ${address}: is it up?`, { cause });
    }
  };

  const askForToken = async () => {
    const asked = performance.now();
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    });
    const path = `/realms/${realm}/protocol/openid-connect/token`;
    const response = await send(path, { method: 'POST', body });
    const answer = await jsonOf(response);
    if (response.status >= 500) throw unreachable(`Keycloak cannot give a token now (${response.status})`);
    if (!response.ok) {
      const why = `Keycloak gives no token to the client ${clientId} in the realm ${realm} (${response.status})`;
      throw new DirectoryError('IDENTITY_REFUSED', `${why}: are they there, and is the secret right?`);
    }
    const { access_token: value, expires_in: seconds } = recordOf(answer);
    if (typeof value !== 'string' || typeof seconds !== 'number') throw unexpected('POST', path, response.status);
    return { value, ends: asked + seconds * 1_000 };
  };

  const freshToken = async (): Promise<string> => {
    const kept = await token?.catch(() => undefined);
    if (kept && kept.ends - EARLY > performance.now()) return kept.value;
    token = askForToken();
    return (await token).value;
  };

  const ask = async (path: string, method: string, body: object | undefined): Promise<Response> =>
    send(`/admin/realms/${realm}${path}`, {
      method,
      headers: { authorization: `Bearer ${await freshToken()}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });

  return async (path, method = 'GET', body) => {
    let response = await ask(path, method, body);
    if (response.status === 401) {
      // The token is of a key that was retired, or of a Keycloak that was made anew.
      await response.body?.cancel();
      token = undefined;
      response = await ask(path, method, body);
    }
    const { status } = response;
    const answer = await jsonOf(response);
    if (status === 404) return undefined;
    if (response.ok) return answer;
    if (status === 409) throw new DirectoryError('ACCOUNT_TAKEN', `Keycloak has that already: ${wordsOf(answer)}`);
    if (status === 401 || status === 403) {
      const why = `Keycloak does not let the client ${clientId} do ${method} ${path}`;
      throw new DirectoryError('IDENTITY_REFUSED', `${why}: give its service account the role that is missing`);
    }
    if (status >= 500) throw unreachable(`Keycloak failed at ${method} ${path} (${status}): look at its log`);
    throw unexpected(method, path, status, wordsOf(answer));
  };
}

const unreachable = (message: string, options?: ErrorOptions): DirectoryError =>
  new DirectoryError('IDENTITY_UNREACHABLE', message, options);

export const unexpected = (method: string, path: string, status: number, words = ''): DirectoryError =>
  new DirectoryError(
    'IDENTITY_UNEXPECTED',
    `Keycloak answered ${method} ${path} in a way that is not known (${status}) ${words}`.trim(),
  );

/** The body, if it is JSON. */
const jsonOf = async (response: Response): Promise<unknown> => {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

const wordsOf = (answer: unknown): string => {
  const { errorMessage, error } = recordOf(answer);
  return [errorMessage, error].find((each) => typeof each === 'string')?.toString() ?? 'it does not say what';
};
