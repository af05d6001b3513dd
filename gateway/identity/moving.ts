import type { StoredAccount } from './accounts.js';
import type { KeycloakAccounts } from './keycloak-accounts.js';

/** How many people go at a time. */
const BATCH = 100;

/**
 * Takes the accounts of an embedded provider into Keycloak: under the same subjects, so that they are the same people, with
 * their roles and the hashes of their passwords. May be done again: whoever is there already stays as they are. Rejects
 * with DirectoryError, as ACCOUNT_TAKEN where somebody else has the name of one.
 */
export async function moveAccounts(
  people: Iterable<StoredAccount>,
  keycloak: Pick<KeycloakAccounts, 'create'>,
): Promise<{ readonly made: number; readonly there: number }> {
  const all = [...people];
  let made = 0;
  for (let from = 0; from < all.length; from += BATCH) made += await keycloak.create(all.slice(from, from + BATCH));
  return { made, there: all.length - made };
}
