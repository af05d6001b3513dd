import { connectKafka } from '../../commands/kafka/connect.js';
import type { RoomyKeys } from '../../commands/keys/keys.js';
import { openKeys } from '../../commands/keys/postgres.js';
import { openKafkaLog } from '../../commands/log/kafka.js';
import type { Log } from '../../commands/log/log.js';
import type { Uuid } from '../../domain/ids.js';
import type { KeycloakAccounts } from '../../gateway/identity/keycloak-accounts.js';
import { openPostgres } from '../../projections/readmodel/postgres.js';
import { type FleetConfig, type OidcConfig, readFleet, readOidc } from '../run/fleet-config.js';
import { accountsAt } from '../run/identity.js';
import { pooledRandom } from '../run/random.js';
import { ConfigError, PEOPLE, type Values, allGiven, masterKeysIn } from '../run/settings.js';

/** What is moved into: a fleet that does not run. */
export type NewHouse = {
  readonly log: Log;
  readonly keys: RoomyKeys;
  /** Undefined: no accounts are made from here. */
  readonly accounts: Pick<KeycloakAccounts, 'create' | 'subjects'> | undefined;
  close(): Promise<void>;
};

export type MovingConfig = {
  readonly fleet: FleetConfig;
  readonly oidc: OidcConfig | undefined;
  /** The first is the fleet's; all of them unwrap. */
  readonly masterKeys: readonly Uint8Array[];
};

/** Reads where the fleet is, from the environment that its processes have, too. Throws ConfigError. */
export function readMoving(env: Values): MovingConfig {
  const given = allGiven(env, {});
  const fleet = readFleet(given);
  if (!fleet) {
    throw new ConfigError(
      'KAFKA_BROKERS is not set. Where the fleet is, the environment says, as to its processes: set KAFKA_BROKERS, ' +
        'DATABASE_URL, REDIS_URL, OIDC_ISSUER, VERBATIM_MASTER_KEYS, and PARTITIONS if it is not to be 16.',
    );
  }
  if (fleet.namespace !== PEOPLE) {
    throw new ConfigError(
      `VERBATIM_NAMESPACE is ${fleet.namespace}, but the people of a data folder have their ids from ${PEOPLE}: they would ` +
        'be strangers in the fleet. Leave VERBATIM_NAMESPACE away, here and in the fleet.',
    );
  }
  return { fleet, oidc: readOidc(given), masterKeys: masterKeysIn(given.VERBATIM_MASTER_KEYS) };
}

/** Opens what a fleet keeps; its log is made. Throws KafkaError, DbError, KeysError, ConfigError. */
export async function openFleetHouse(
  { fleet, oidc, masterKeys: masters }: MovingConfig,
  newId: () => Uuid,
): Promise<NewHouse> {
  const { brokers, prefix, partitions, replication } = fleet;
  const clientId = 'verbatim-moving';
  const opened: (() => Promise<unknown> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const each of opened.toReversed()) await each();
  };
  try {
    const accounts = oidc && accountsAt(oidc);
    const db = await openPostgres({ url: fleet.databaseUrl, pool: 1, applicationName: clientId });
    opened.push(db.close);
    const keys = await openKeys({ db, random: pooledRandom(), masters });
    const kafka = connectKafka({ brokers, clientId });
    opened.push(kafka.close);
    const log = await openKafkaLog({ kafka, prefix, partitions, replication, newId });
    opened.push(log.close);
    return { log, keys, accounts, close };
  } catch (error) {
    await close();
    throw error;
  }
}
