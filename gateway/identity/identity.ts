import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JWTVerifyGetKey } from 'jose';
import type { Uuid } from '../../domain/ids.js';
import type { Role } from '../../domain/instance.js';

/** Where tokens come from and how they are checked: the embedded provider or Keycloak. */
export type Issuer = {
  /** The `iss` of its tokens; OpenID discovery starts here. */
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly keys: JWTVerifyGetKey;
};

/** Who a checked token speaks for. `user` is UUIDv5(configured namespace, `sub`). */
export type Identity = {
  readonly user: Uuid;
  readonly subject: string;
  readonly name: string;
  readonly roles: readonly Role[];
  /** What the token is good for; `api` is for programs. */
  readonly scopes: readonly string[];
  /** Their address, where the token tells it. */
  readonly email?: string;
  /** The provider's session, where the token names one. */
  readonly session?: string;
  /** When the token ends, in ms since 1970. */
  readonly expires: number;
};

/** The embedded provider: its accounts in a SQLite file of its own, its pages under `/oidc`. */
export type EmbeddedProvider = Issuer & {
  /** Serves a request to `/oidc/…`; the URL is passed as it came. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** The account that took all roles because it was the first, if there is one. */
  first(): { readonly subject: string; readonly roles: readonly Role[] } | undefined;
  /** Of all who have an account. */
  subjects(): readonly string[];
  /** Erases accounts, with all sessions and grants of theirs. May be done again. Throws AccountLeft: then it must be. */
  erase(subjects: readonly string[]): void;
  close(): void;
};
