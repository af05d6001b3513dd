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

/** The keys of the issuer cannot be read: whether a token is good cannot be told now. */
export class KeysUnreachable extends Error {
  override name = 'KeysUnreachable';
  readonly code = 'IDENTITY_UNREACHABLE';
  constructor(address: string, options?: ErrorOptions) {
    super(`the keys that tokens are checked by cannot be read from ${address}: is the identity provider up?`, options);
  }
}

/** A person as the identity provider knows them. `subject` never changes; `login` is what they type. */
export type Account = {
  readonly subject: string;
  readonly login: string;
  readonly name: string;
  readonly roles: readonly Role[];
};

/** The people who have an account: what the product asks of whichever provider keeps them. Rejects with DirectoryError. */
export type Directory = {
  /** The subjects of all who are not erased, in pages. Programs are none of them. */
  subjects(): AsyncIterable<readonly string[]>;
  find(subject: string): Promise<Account | undefined>;
  /** Replaces the roles of a person; `user` goes without saying. Tokens that are out keep the old ones until they end. */
  setRoles(subject: string, roles: readonly Role[]): Promise<void>;
  /** Erases accounts, with all sessions and grants of theirs. May be done again, and of subjects that nobody has. */
  erase(subjects: readonly string[]): Promise<void>;
};

/**
 * Why a directory did not do what it was asked: IDENTITY_UNREACHABLE (it gives no answer: try again), IDENTITY_REFUSED (it
 * does not let us), IDENTITY_UNEXPECTED (an answer that nobody foresaw), ACCOUNT_UNKNOWN, ACCOUNT_TAKEN (the login or the
 * address is somebody else's).
 */
export class DirectoryError extends Error {
  override name = 'DirectoryError';
  constructor(
    readonly code:
      'IDENTITY_UNREACHABLE' | 'IDENTITY_REFUSED' | 'IDENTITY_UNEXPECTED' | 'ACCOUNT_UNKNOWN' | 'ACCOUNT_TAKEN',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const unknownAccount = (subject: string): DirectoryError =>
  new DirectoryError('ACCOUNT_UNKNOWN', `nobody has an account with the subject ${subject}`);

/** The embedded provider: its accounts in a SQLite file of its own, its pages under `/oidc`. */
export type EmbeddedProvider = Issuer & {
  /** Serves a request to `/oidc/…`; the URL is passed as it came. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** The account that took all roles because it was the first, if there is one. */
  first(): { readonly subject: string; readonly roles: readonly Role[] } | undefined;
  /** Its accounts. To erase some may reject with AccountLeft: then it must be done again. */
  readonly directory: Directory;
  close(): void;
};
