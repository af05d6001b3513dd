import type { Directory, EmbeddedProvider, Issuer } from '../../gateway/identity/identity.js';
import { type KeycloakAccounts, keycloakAccounts } from '../../gateway/identity/keycloak-accounts.js';
import { keycloakIssuer } from '../../gateway/identity/keycloak.js';
import { type ProviderOptions, openProvider } from '../../gateway/identity/provider.js';
import type { OidcConfig } from './fleet-config.js';
import { ConfigError } from './settings.js';

/** Where tokens and accounts come from. */
export type IdentitySide = {
  readonly issuer: Issuer;
  readonly directory: Directory | undefined;
  /** Where it runs in this process. */
  readonly provider: EmbeddedProvider | undefined;
};

/** The identity provider: embedded, or the Keycloak that `oidc` names. */
export async function openIdentity(
  oidc: OidcConfig | undefined,
  embedded: ProviderOptions,
  onTrouble: (error: unknown) => void,
): Promise<IdentitySide> {
  if (oidc) return keycloakIdentity(oidc, onTrouble);
  const provider = await openProvider(embedded);
  return { issuer: provider, directory: provider.directory, provider };
}

/** A Keycloak as the identity provider. Throws ConfigError where the address of the issuer names no realm. */
export function keycloakIdentity(oidc: OidcConfig, onTrouble: (error: unknown) => void): IdentitySide {
  const { admin: _, ...rest } = oidc;
  return { issuer: keycloakIssuer({ ...rest, onTrouble }), directory: accountsAt(oidc), provider: undefined };
}

/** The accounts in a Keycloak; undefined where nobody may look after them from here. Throws ConfigError as above. */
export function accountsAt({ issuer, admin }: OidcConfig): KeycloakAccounts | undefined {
  if (!admin) return undefined;
  const realm = /\/realms\/([^/]+)\/?$/.exec(issuer)?.[1];
  if (realm === undefined) {
    throw new ConfigError(
      `OIDC_ISSUER is ${issuer}, and OIDC_ADMIN_URL is set, so it must end in /realms/<name> as Keycloak's do.`,
    );
  }
  const { url: baseUrl, clientId, secret: clientSecret } = admin;
  return keycloakAccounts({ baseUrl, realm, clientId, clientSecret });
}
