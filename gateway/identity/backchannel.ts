import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { SessionsError } from '../../projections/sessions/sessions.js';
import { type Issuer, KeysUnreachable } from './identity.js';

// OpenID Connect Back-Channel Logout 1.0: the provider tells that a session is over, in a token that it signed.

/** Why a logout was not taken. `again`: nothing is wrong with it, but it cannot be checked, or kept, now. */
export class LogoutError extends Error {
  override name = 'LogoutError';
  readonly code = 'TOKEN_INVALID';
  constructor(
    message: string,
    readonly again = false,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type LogoutOptions = {
  readonly issuer: Issuer;
  /**
   * Told which session is over, and until when (ms since 1970) a token of it may be about. Rejects with
   * SESSIONS_UNAVAILABLE where that cannot be kept now.
   */
  readonly endSession: (sid: string, until: number) => Promise<void>;
  readonly now: () => number;
};

export const LOGOUT_PATH = '/backchannel-logout';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** How old a logout may be, in seconds. */
const LONGEST_WAY = 120;
/** How far the clock of the provider may be from ours, in seconds: nobody tells again of a logout that was refused. */
const CLOCKS_DIFFER = 30;
/** For how long a logout is known, so that it is taken once, in ms: longer than it can be good, from too early to too old. */
const KNOWN = 2 * (LONGEST_WAY + CLOCKS_DIFFER) * 1_000;
/** Longer than access tokens of any sensible realm live, in ms: from then on nobody needs to be told. */
const TOKENS_LIVE = 3_600_000;

/** Takes logout tokens of the issuer. Rejects with LogoutError. */
export function logoutReceiver({ issuer, endSession, now }: LogoutOptions): (token: string) => Promise<void> {
  /** The ids of those that were taken, and until when they are known, the oldest first. */
  const taken = new Map<string, number>();

  return async (token) => {
    const { payload } = await jwtVerify(token, issuer.keys, {
      issuer: issuer.issuer,
      audience: issuer.clientId,
      algorithms: ['RS256'],
      requiredClaims: ['iat', 'jti', 'events'],
      maxTokenAge: LONGEST_WAY,
      clockTolerance: CLOCKS_DIFFER,
      currentDate: new Date(now()),
    }).catch((cause: unknown) => {
      if (cause instanceof KeysUnreachable) throw new LogoutError('The keys cannot be read now.', true, { cause });
      const why = cause instanceof errors.JOSEError ? `: ${cause.message}` : '';
      throw new LogoutError(`This is no logout token of the issuer for this client${why}.`, false, { cause });
    });
    const { typ } = decodeProtectedHeader(token);
    if (typ !== undefined && !/^(application\/)?(logout\+)?jwt$/i.test(typ)) throw new LogoutError(`It is a ${typ}.`);
    const { events, nonce, sid, jti = '' } = payload;
    if (!isRecord(events) || !isRecord(events[EVENT])) throw new LogoutError('It does not tell of a logout.');
    if (nonce !== undefined) throw new LogoutError('A logout has no nonce.');
    if (typeof sid !== 'string') throw new LogoutError('It names no session (sid): ask the provider to send it.');

    for (const [id, until] of taken) {
      if (until > now()) break;
      taken.delete(id);
    }
    if (taken.has(jti)) throw new LogoutError('This logout was taken before.');
    taken.set(jti, now() + KNOWN);
    try {
      await endSession(sid, now() + TOKENS_LIVE);
    } catch (cause) {
      // It may come again.
      taken.delete(jti);
      if (!(cause instanceof SessionsError)) throw cause;
      throw new LogoutError('That the session is over cannot be kept now. Try again in a moment.', true, { cause });
    }
  };
}

/** Where the provider posts them. What comes here is believed for its signature alone. */
export function logoutRoute(options: LogoutOptions): Hono {
  const take = logoutReceiver(options);
  const app = new Hono();
  app.post(LOGOUT_PATH, bodyLimit({ maxSize: 16 * 1024 }), async (c) => {
    c.header('cache-control', 'no-store');
    try {
      const { logout_token: token } = await c.req.parseBody();
      await take(typeof token === 'string' ? token : '');
      return c.body(null, 200);
    } catch (error) {
      if (!(error instanceof LogoutError)) throw error;
      return c.json({ error: 'invalid_request', error_description: error.message }, error.again ? 503 : 400);
    }
  });
  return app;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
