import { setTimeout as sleep } from 'node:timers/promises';
import { type JWTVerifyGetKey, createLocalJWKSet, createRemoteJWKSet, errors } from 'jose';
import { type Issuer, KeysUnreachable } from './identity.js';

export type IssuerOptions = {
  /** The `iss` of its tokens, as browsers see it: https://login.example.org/realms/verbatim. */
  readonly issuer: string;
  /** Where its keys are, as this process reaches them: http://keycloak:8080/realms/verbatim/protocol/openid-connect/certs. */
  readonly jwksUrl: string;
  readonly clientId?: string;
  readonly audience?: string;
  /** How long its keys are believed before they are asked for again, in ms: so long does a retired one open new doors. */
  readonly cacheMaxAge?: number;
  /**
   * How long after one question for keys there is no second one, in ms: a token of an unknown key waits for so long, for
   * the key may have come since.
   */
  readonly cooldown?: number;
  readonly now?: () => number;
  /** Told once per outage that the keys cannot be read. */
  readonly onTrouble?: (error: KeysUnreachable) => void;
};

/** How long the keys may take to come, in ms. */
const PATIENCE = 3_000;

/**
 * Keycloak as the issuer of tokens. A key that is new there is fetched when the first token of it comes, so that keys are
 * rotated without a restart. While Keycloak is away the keys that are known go on: nobody who is signed in notices. A
 * token of a key that is not known then, and any before the keys ever came, cannot be judged: KeysUnreachable.
 */
export function keycloakIssuer(options: IssuerOptions): Issuer {
  const { issuer, jwksUrl, cooldown = 1_000, now = Date.now, onTrouble = () => {} } = options;
  const remote = createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: options.cacheMaxAge ?? 600_000,
    cooldownDuration: cooldown,
    timeoutDuration: PATIENCE,
  });
  let failure: { readonly at: number; readonly error: KeysUnreachable } | undefined;

  const find = async (...token: Parameters<JWTVerifyGetKey>) => {
    // Then keys may be found, or come, that were asked for before this token was there.
    const areOfBefore = remote.reloading || (remote.fresh && remote.coolingDown);
    try {
      return await remote(...token);
    } catch (error) {
      if (!areOfBefore || !(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await sleep(cooldown);
      return remote(...token);
    }
  };
  /** A key that was known already says nothing about the way there. */
  const noteWay = (): void => {
    if (remote.coolingDown) failure = undefined;
  };

  /** The key of a token among those that came before the outage. */
  const among = async (away: KeysUnreachable, ...token: Parameters<JWTVerifyGetKey>) => {
    const known = remote.jwks();
    if (!known) throw away;
    return createLocalJWKSet(known)(...token).catch((error: unknown) => {
      throw error instanceof errors.JWKSNoMatchingKey ? away : error;
    });
  };

  return {
    issuer,
    audience: options.audience ?? 'verbatim-api',
    clientId: options.clientId ?? 'verbatim-ui',
    keys: async (header, token) => {
      if (failure && now() - failure.at < cooldown) return among(failure.error, header, token);
      try {
        const key = await find(header, token);
        noteWay();
        return key;
      } catch (error) {
        if (aboutToken(error)) {
          noteWay();
          throw error;
        }
        const first = failure === undefined;
        failure = { at: now(), error: new KeysUnreachable(jwksUrl, { cause: error }) };
        if (first) onTrouble(failure.error);
        return among(failure.error, header, token);
      }
    },
  };
}

/** Whether an error says something about the token, and not about the way to the keys. */
const aboutToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported;
