import { hash } from 'node:crypto';
import { errors, jwtVerify } from 'jose';
import { type Uuid, derivedId } from '../domain/ids.js';
import { roles } from '../domain/instance.js';
import { type Identity, type Issuer, KeysUnreachable } from './identity/identity.js';
import { clientError } from './schema/ids.js';

export class TokenError extends Error {
  override name = 'TokenError';
  constructor(
    readonly code: 'TOKEN_MISSING' | 'TOKEN_EXPIRED' | 'TOKEN_INVALID',
    message: string,
  ) {
    super(message);
  }
}

/** Checks a bearer token. Throws `TokenError`; UNAVAILABLE where it cannot be told now. */
export type Verifier = (authorization: string | undefined) => Promise<Identity>;

export type VerifierOptions = {
  readonly issuer: Issuer;
  /** The namespace in which user ids are derived from the provider's subjects. For life. */
  readonly namespace: Uuid;
  readonly now: () => number;
  /** How many checked tokens are remembered until they end, for a check costs more than a request. */
  readonly room?: number;
};

/** Checks tokens of one issuer by jose: signature against its keys, algorithm, issuer, audience, times. */
export function createVerifier({ issuer, namespace, now, room = 10_000 }: VerifierOptions): Verifier {
  const known = new Map<string, Identity>();

  const check = async (token: string): Promise<Identity> => {
    const { payload } = await jwtVerify(token, issuer.keys, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      algorithms: ['RS256'],
      requiredClaims: ['sub', 'exp'],
      currentDate: new Date(now()),
    });
    const { sub = '', exp = 0, name, preferred_username: login, email, scope, scp, sid, roles: claimed } = payload;
    return {
      user: derivedId(namespace, sub),
      subject: sub,
      name: [name, login, 'Somebody'].find((value) => typeof value === 'string' && value !== '')?.toString() ?? '',
      roles: Array.isArray(claimed) ? roles.filter((role) => claimed.includes(role)) : [],
      // A realm file of Keycloak cannot add to `scope` without taking its own scopes away; `scp` is what others call it.
      scopes: [scope, scp].flatMap((each) => (typeof each === 'string' ? each.split(' ') : [])),
      ...(typeof email === 'string' && email !== '' ? { email } : {}),
      ...(typeof sid === 'string' ? { session: sid } : {}),
      expires: exp * 1_000,
    };
  };

  return async (authorization) => {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (!token) throw new TokenError('TOKEN_MISSING', 'Sign in: send an access token as "Authorization: Bearer …".');
    const name = hash('sha256', token, 'base64');
    const hit = known.get(name);
    if (hit && hit.expires > now()) return hit;
    try {
      const identity = await check(token);
      if (known.size >= room) known.clear();
      known.set(name, identity);
      return identity;
    } catch (error) {
      known.delete(name);
      if (error instanceof errors.JWTExpired) throw new TokenError('TOKEN_EXPIRED', 'The token has ended: refresh it.');
      if (error instanceof KeysUnreachable) {
        throw clientError('UNAVAILABLE', 'The server cannot check tokens right now. Try again in a moment.');
      }
      throw new TokenError('TOKEN_INVALID', 'This is not an access token of the issuer for this service.');
    }
  };
}
