import { type Uuid, isUuid } from '../../domain/ids.js';
import { ConfigError, type Given, type Key, invalid, numberIn, settings, urlIn } from './settings.js';

export const roleNames = ['gateway', 'commands', 'projections', 'assistant'] as const;
export type RoleName = (typeof roleNames)[number];

/** Whether a role sends commands, and so seals and opens content. What only decides or projects needs no key. */
export const opens = (role: RoleName): boolean => role === 'gateway' || role === 'assistant';

/** What a process is in a fleet, and where the systems are that it stands on. */
export type FleetConfig = {
  readonly roles: readonly RoleName[];
  readonly brokers: readonly string[];
  /** What the names of topics and groups begin with. */
  readonly prefix: string;
  readonly replication: number;
  readonly partitions: number;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly namespace: Uuid;
  readonly opsHost: string;
  /** What operators show. Undefined: there is nothing for them. */
  readonly opsToken: string | undefined;
  /** What the streams at hand of one partition may take, in bytes. */
  readonly streamRoom: number;
  /** Over how long sockets are closed at the end, in ms. */
  readonly drainMs: number;
};

export type OidcConfig = {
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly clientId: string;
  /** How accounts are erased there. Undefined: they are not. */
  readonly admin: { readonly url: string; readonly clientId: string; readonly secret: string } | undefined;
};

/** Reads what makes this process one of a fleet; undefined where no brokers are named. Throws ConfigError. */
export function readFleet(given: Given): FleetConfig | undefined {
  if (given.KAFKA_BROKERS === undefined) {
    if (given.VERBATIM_ROLES === undefined || given.VERBATIM_ROLES === 'all') return undefined;
    throw new ConfigError(
      `VERBATIM_ROLES is "${given.VERBATIM_ROLES}", but KAFKA_BROKERS is not set: a process without brokers is the whole ` +
        'product. Set KAFKA_BROKERS, DATABASE_URL and REDIS_URL, or leave VERBATIM_ROLES away.',
    );
  }
  const roles = rolesIn(given.VERBATIM_ROLES ?? settings.VERBATIM_ROLES.fallback);
  if (roles.some(opens)) {
    required(given, 'VERBATIM_MASTER_KEYS', 'openssl rand -base64 32 makes one; who opens content takes the same.');
  }
  if (roles.includes('gateway')) required(given, 'OIDC_ISSUER', 'In Keycloak it ends in /realms/verbatim.');
  return {
    roles,
    brokers: brokersIn(given.KAFKA_BROKERS),
    prefix: prefixIn(given.KAFKA_PREFIX ?? settings.KAFKA_PREFIX.fallback),
    replication: numberIn('KAFKA_REPLICATION', given, 1, 9),
    partitions: numberIn('PARTITIONS', given, 1, 4_096),
    databaseUrl: schemed('DATABASE_URL', given, /^postgres(ql)?:$/, 'postgres://user:password@host:5432/verbatim'),
    redisUrl: schemed('REDIS_URL', given, /^rediss?:$/, 'redis://host:6379'),
    namespace: namespaceIn(given.VERBATIM_NAMESPACE ?? settings.VERBATIM_NAMESPACE.fallback),
    opsHost: given.OPS_HOST ?? settings.OPS_HOST.fallback,
    opsToken: tokenIn(given.OPS_TOKEN),
    streamRoom: numberIn('STREAM_MEMORY_MB', given, 0, 1_024) * 2 ** 20,
    drainMs: numberIn('DRAIN_SECONDS', given, 0, 600) * 1_000,
  };
}

/** Reads where people sign in; undefined where they do so here. Throws ConfigError. */
export function readOidc(given: Given): OidcConfig | undefined {
  if (given.OIDC_ISSUER === undefined) return undefined;
  const issuer = pathUrlIn('OIDC_ISSUER', given.OIDC_ISSUER);
  return {
    issuer,
    jwksUrl:
      given.OIDC_JWKS_URL === undefined
        ? `${issuer}/protocol/openid-connect/certs`
        : pathUrlIn('OIDC_JWKS_URL', given.OIDC_JWKS_URL),
    clientId: given.OIDC_CLIENT ?? settings.OIDC_CLIENT.fallback,
    admin: adminIn(given),
  };
}

function required(given: Given, key: Key, hint: string): string {
  const value = given[key];
  if (value) return value;
  throw new ConfigError(`KAFKA_BROKERS is set, so this process is one of a fleet and needs ${key}. ${hint}`);
}

function rolesIn(value: string): readonly RoleName[] {
  if (value === 'all') return roleNames;
  return value.split(',').map((name) => {
    const found = roleNames.find((each) => each === name.trim());
    if (!found) throw invalid('VERBATIM_ROLES', value, `all, or some of ${roleNames.join(', ')} with commas between`);
    return found;
  });
}

function brokersIn(value: string): readonly string[] {
  return value.split(',').map((broker) => {
    const trimmed = broker.trim();
    if (/^[^\s:/]+:\d{1,5}$/.test(trimmed)) return trimmed;
    throw invalid('KAFKA_BROKERS', value, 'host:port, several with commas between, as kafka-1:9092,kafka-2:9092');
  });
}

function prefixIn(value: string): string {
  if (/^[a-zA-Z0-9._-]{0,100}$/.test(value)) return value;
  throw invalid('KAFKA_PREFIX', value, 'up to 100 letters, digits, dots, dashes and underscores');
}

/** An address with a secret in it, perhaps: what is wrong is told without it. */
function schemed(key: 'DATABASE_URL' | 'REDIS_URL', given: Given, scheme: RegExp, example: string): string {
  const value = required(given, key, `As ${example}.`);
  // Several nodes stand behind commas; the first tells what it is.
  const [first = ''] = value.split(',');
  if (URL.canParse(first) && scheme.test(new URL(first).protocol)) return value;
  throw new ConfigError(
    `${key} is not an address that it takes, as ${example} (it is not repeated here, for it may hold a password).`,
  );
}

function pathUrlIn(key: Key, value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value.replace(/\/$/, '');
  throw invalid(key, value, 'an http or https address, as https://id.example.org/realms/verbatim');
}

function adminIn(given: Given): OidcConfig['admin'] {
  if (given.OIDC_ADMIN_URL === undefined) return undefined;
  return {
    url: urlIn('OIDC_ADMIN_URL', given.OIDC_ADMIN_URL),
    clientId: given.OIDC_ADMIN_CLIENT ?? settings.OIDC_ADMIN_CLIENT.fallback,
    secret: adminSecretIn(given),
  };
}

function adminSecretIn({ OIDC_ADMIN_SECRET: secret }: Given): string {
  if (secret) return secret;
  throw new ConfigError(
    'OIDC_ADMIN_URL is set, and needs OIDC_ADMIN_SECRET: the secret of the client OIDC_ADMIN_CLIENT.',
  );
}

function namespaceIn(value: string): Uuid {
  if (isUuid(value)) return value;
  throw invalid('VERBATIM_NAMESPACE', value, 'a UUID in lower case');
}

function tokenIn(value: string | undefined): string | undefined {
  if (value === undefined || value.length >= 32) return value;
  throw new ConfigError('OPS_TOKEN is shorter than 32 characters. openssl rand -base64 32 makes a good one.');
}
