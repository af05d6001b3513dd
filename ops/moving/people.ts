import type { KeyMap } from '../../commands/keys/keys.js';
import { personKey } from '../../domain/content.js';
import { derivedId } from '../../domain/ids.js';
import type { StoredAccount } from '../../gateway/identity/accounts.js';
import { DirectoryError } from '../../gateway/identity/identity.js';
import type { KeycloakAccounts } from '../../gateway/identity/keycloak-accounts.js';
import { moveAccounts } from '../../gateway/identity/moving.js';
import { CliError } from '../run/errors.js';
import { PEOPLE } from '../run/settings.js';

export type PeopleCounts = {
  readonly made: number;
  /** Those who were there already, and stay as they are. */
  readonly there: number;
  /** Those who are erased: the fleet has destroyed their keys. */
  readonly erased: number;
};

type Keycloak = Pick<KeycloakAccounts, 'create' | 'subjects'>;

/** Refuses a Keycloak that would not make accounts, before anything else is moved. Throws DirectoryError, CliError. */
export async function checkKeycloak(keycloak: Keycloak): Promise<void> {
  try {
    await keycloak.create([]);
  } catch (error) {
    if (!(error instanceof DirectoryError) || error.code !== 'IDENTITY_REFUSED') throw error;
    throw new CliError(
      error.code,
      `${error.message}. To make accounts it takes manage-realm of realm-management, for as long as they move. Or leave ` +
        'OIDC_ADMIN_URL away: then all but the accounts moves, and --accounts-only brings them later.',
      { cause: error },
    );
  }
}

/**
 * Takes accounts into Keycloak, but for those of people whose keys are destroyed, and looks whether all are there. Throws
 * COPY_BROKEN, DirectoryError.
 */
export async function movePeople(
  people: readonly StoredAccount[],
  keys: KeyMap,
  keycloak: Keycloak,
): Promise<PeopleCounts> {
  const moving = people.filter(({ subject }) => keys.get(personKey(derivedId(PEOPLE, subject))) !== null);
  const moved = await moveAccounts(moving, keycloak);
  const missing = new Set(moving.map(({ subject }) => subject));
  for await (const subjects of keycloak.subjects()) for (const subject of subjects) missing.delete(subject);
  if (missing.size > 0) {
    const message = `${missing.size} of ${moving.length} accounts are not at Keycloak, as the one of ${[...missing][0]}. Run this again.`;
    throw new CliError('COPY_BROKEN', message);
  }
  return { ...moved, erased: people.length - moving.length };
}
