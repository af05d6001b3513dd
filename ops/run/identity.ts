import type { Directory, EmbeddedProvider, Issuer } from '../../gateway/identity/identity.js';
import { keycloakAccounts } from '../../gateway/identity/keycloak-accounts.js';
import { keycloakIssuer } from '../../gateway/identity/keycloak.js';
import { type ProviderOptions, openProvider } from '../../gateway/identity/provider.js';
import { ConfigError } from './config.js';

/** A Keycloak, in place of the embedded provider. */
export type OidcOptions = {
  /** As browsers reach it: https://login.example.org/realms/verbatim. */
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly clientId: string;
  /** How accounts are looked up and erased. Undefined: whoever is erased here keeps an account there, and cannot use it. */
  readonly admin: { readonly url: string; readonly clientId: string; readonly secret: string } | undefined;
};

/** Where tokens and accounts come from. */
export type IdentitySide = {
  readonly issuer: Issuer;
  readonly directory: Directory | undefined;
  /** Where it runs in this process. */
  readonly provider: EmbeddedProvider | undefined;
};

/** The identity provider: embedded, or the Keycloak that `oidc` names. */
export async function openIdentity(
  oidc: OidcOptions | undefined,
  embedded: ProviderOptions,
  onTrouble: (error: unknown) => void,
): Promise<IdentitySide> {
  if (oidc) return keycloakIdentity(oidc, onTrouble);
  const provider = await openProvider(embedded);
  return { issuer: provider, directory: provider.directory, provider };
}

/** A Keycloak as the identity provider. Throws ConfigError where the address of the issuer names no realm. */
export function keycloakIdentity({ admin, ...oidc }: OidcOptions, onTrouble: (error: unknown) => void): IdentitySide {
  const issuer = keycloakIssuer({ ...oidc, onTrouble });
  if (!admin) return { issuer, directory: undefined, provider: undefined };
  const realm = /\/realms\/([^/]+)\/?$/.exec(oidc.issuer)?.[1];
  if (realm === undefined) {
    throw new ConfigError(
      `OIDC_ISSUER is ${oidc.issuer}, and OIDC_ADMIN_URL is set, so it must end in /realms/<name> as Keycloak's do.`,
    );
  }
  const { url: baseUrl, clientId, secret: clientSecret } = admin;
  return { issuer, directory: keycloakAccounts({ baseUrl, realm, clientId, clientSecret }), provider: undefined };
}
