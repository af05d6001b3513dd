import { MASTER } from '../../commands/keys/wrapping.js';

export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
}

/** Where people's ids come from, together with the provider's subjects, unless another is named. */
export const PEOPLE = 'b6c7d1a4-3f0e-4c1b-9a52-7d0c2f6e8a11';

/** A setting: an environment variable, or a flag of the same name. Secrets have no flag: everybody can see those. */
type Setting = {
  readonly flag: string | undefined;
  readonly value: string;
  readonly fallback: string;
  readonly meaning: string;
};

/** Every setting there is. Help and errors are made from this table. */
export const settings = {
  HOST: {
    flag: 'host',
    value: 'address',
    fallback: '127.0.0.1',
    meaning: 'address to listen on; beyond loopback it wants an https PUBLIC_URL',
  },
  PORT: { flag: 'port', value: '0-65535', fallback: '8080', meaning: 'port; the next free one if it is taken' },
  OPS_PORT: {
    flag: 'ops-port',
    value: '0-65535',
    fallback: 'the one after PORT',
    meaning: 'port of /metrics and operators, on loopback only',
  },
  PUBLIC_URL: {
    flag: 'public-url',
    value: 'url',
    fallback: 'http://localhost:PORT',
    meaning: 'the address that browsers use',
  },
  VERBATIM_DATA: { flag: 'data', value: 'folder', fallback: 'data', meaning: 'folder for all that is kept' },
  REGISTRATION: {
    flag: 'registration',
    value: 'open|closed',
    fallback: 'open on loopback, closed elsewhere',
    meaning: 'whether anybody may make an account',
  },
  GRAPHQL_INTROSPECTION: {
    flag: 'graphql-introspection',
    value: 'on|off',
    fallback: 'on on loopback, off elsewhere',
    meaning: 'whether clients may read the schema',
  },
  GRAPHQL_DOCUMENTS: {
    flag: 'graphql-documents',
    value: 'any|persisted',
    fallback: 'any on loopback, persisted elsewhere',
    meaning: 'documents that are taken: any, or those of the page (and any with a token of scope api)',
  },
  GRAPHIQL: {
    flag: 'graphiql',
    value: 'on|off',
    fallback: 'on on loopback, off elsewhere',
    meaning: 'whether there is a page to try GraphQL, at /graphiql',
  },
  VERBOSE_ERRORS: {
    flag: 'verbose-errors',
    value: 'on|off',
    fallback: 'off',
    meaning: 'whether clients are told what went wrong on our side, beside the id of the fault',
  },
  VERBATIM_MASTER_KEYS: {
    flag: undefined,
    value: 'base64,…',
    fallback: 'keys.db is protected by its file mode alone; a fleet needs one',
    meaning: 'master keys of 32 bytes: the first wraps the keys of content, the others only unwrap',
  },
  VERBATIM_ROLES: {
    flag: undefined,
    value: 'all|role,…',
    fallback: 'all',
    meaning: 'what this process of a fleet does: gateway, commands, projections, assistant, or all of it',
  },
  KAFKA_BROKERS: {
    flag: undefined,
    value: 'host:port,…',
    fallback: 'none: everything is kept in VERBATIM_DATA',
    meaning: 'brokers of the log. With them this process is one of a fleet, and what follows counts',
  },
  KAFKA_PREFIX: {
    flag: undefined,
    value: 'text',
    fallback: 'verbatim.',
    meaning: 'fleet: what the names of the topics and of the group of workers begin with',
  },
  KAFKA_REPLICATION: {
    flag: undefined,
    value: '1-9',
    fallback: '3',
    meaning: 'fleet: copies of each record; all but one of them must be written before it counts',
  },
  PARTITIONS: {
    flag: undefined,
    value: '1-4096',
    fallback: '16',
    meaning: 'fleet: partitions of the log. Fixed for its life',
  },
  DATABASE_URL: {
    flag: undefined,
    value: 'postgres://…',
    fallback: 'none; a fleet needs it',
    meaning: 'fleet: Postgres, or the coordinator of Citus, for views, snapshots and keys',
  },
  REDIS_URL: {
    flag: undefined,
    value: 'redis://…',
    fallback: 'none; a fleet needs it',
    meaning: 'fleet: Redis for what is live; of a cluster several nodes, redis://host:port,host:port',
  },
  OIDC_ISSUER: {
    flag: undefined,
    value: 'url',
    fallback: 'none: people sign in here; a fleet needs it',
    meaning: 'where people sign in, as browsers reach it; in Keycloak https://…/realms/verbatim',
  },
  OIDC_JWKS_URL: {
    flag: undefined,
    value: 'url',
    fallback: 'OIDC_ISSUER/protocol/openid-connect/certs',
    meaning: 'where the keys of the issuer are, as this process reaches it',
  },
  OIDC_CLIENT: {
    flag: undefined,
    value: 'text',
    fallback: 'verbatim-ui',
    meaning: 'the client of the page at the issuer',
  },
  OIDC_ADMIN_URL: {
    flag: undefined,
    value: 'url',
    fallback: 'none: accounts of erased people stay at the issuer',
    meaning: 'the address of Keycloak, as this process reaches it, to erase accounts there',
  },
  OIDC_ADMIN_CLIENT: {
    flag: undefined,
    value: 'text',
    fallback: 'verbatim-admin',
    meaning: 'the client that may do so',
  },
  OIDC_ADMIN_SECRET: {
    flag: undefined,
    value: 'text',
    fallback: 'none; OIDC_ADMIN_URL needs it',
    meaning: 'its secret',
  },
  VERBATIM_NAMESPACE: {
    flag: undefined,
    value: 'uuid',
    fallback: PEOPLE,
    meaning: "fleet: where people's ids come from, together with the issuer's subjects. Fixed for the life of a log",
  },
  OPS_HOST: {
    flag: undefined,
    value: 'address',
    fallback: '127.0.0.1',
    meaning: 'fleet: the address that OPS_PORT listens on. Beyond loopback, keep it inside your own network',
  },
  OPS_TOKEN: {
    flag: undefined,
    value: 'text',
    fallback: 'none: nothing but metrics and health is told there',
    meaning: 'fleet: what operators show on OPS_PORT, at least 32 characters',
  },
  STREAM_MEMORY_MB: {
    flag: undefined,
    value: '0-1024',
    fallback: '6',
    meaning: 'fleet: MB of streams that are kept at hand of each partition that is decided here; others are read again',
  },
  DRAIN_SECONDS: {
    flag: undefined,
    value: '0-600',
    fallback: '10',
    meaning: 'fleet: over how long a gateway that stops closes its sockets, so that not all come back at once',
  },
} as const satisfies Record<string, Setting>;

export type Key = keyof typeof settings;
export type Given = Partial<Record<Key, string | undefined>>;

const keys = Object.keys(settings).filter((key): key is Key => key in settings);

/** Environment variables, or the values of flags without their dashes. */
export type Values = Readonly<Record<string, string | undefined>>;

/** What is given for a setting: a flag outranks its environment variable, and an empty variable counts as none. */
export function givenFor(key: Key, env: Values, flags: Values): string | undefined {
  const { flag } = settings[key];
  return (flag === undefined ? undefined : flags[flag]) ?? (env[key] || undefined);
}

/** All that is given, by the keys of the table. */
export const allGiven = (env: Values, flags: Values): Given =>
  Object.fromEntries(keys.map((key) => [key, givenFor(key, env, flags)]));

export function portIn(key: 'PORT' | 'OPS_PORT', value: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65_535) throw invalid(key, value, 'a whole number from 0 to 65535');
  return port;
}

/** The master keys in the variable VERBATIM_MASTER_KEYS. What is wrong with one is told by its place alone. */
export function masterKeysIn(value: string | undefined): readonly Uint8Array[] {
  if (!value) return [];
  return value.split(',').map((text, at) => {
    const bytes = new Uint8Array(Buffer.from(text.trim(), 'base64'));
    if (/^[A-Za-z0-9+/]{43}=$/.test(text.trim()) && bytes.length === MASTER) return bytes;
    throw new ConfigError(
      `VERBATIM_MASTER_KEYS holds something in place ${at + 1} that is not a key. It takes 32 bytes in base64, several ` +
        'separated by commas; openssl rand -base64 32 makes one.',
    );
  });
}

/** An address without a path. */
export function urlIn(key: Key, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const bare = url && url.pathname === '/' && !url.search && !url.hash && !url.username;
  if (!bare || !/^https?:$/.test(url.protocol)) {
    throw invalid(key, value, 'an http or https address without a path, as https://chat.example.org');
  }
  return url.origin;
}

export function oneOf<V extends string>(key: Key, given: Given, allowed: readonly V[], fallback: V): V {
  const value = given[key];
  if (value === undefined) return fallback;
  const found = allowed.find((each) => each === value);
  if (!found) throw invalid(key, value, allowed.join(' or '));
  return found;
}

export function numberIn(key: Key, given: Given, from: number, to: number): number {
  const value = given[key] ?? settings[key].fallback;
  const number = Number(value);
  if (!/^\d{1,9}$/.test(value) || number < from || number > to) {
    throw invalid(key, value, `a whole number from ${from} to ${to}`);
  }
  return number;
}

export function invalid(key: Key, value: string, allowed: string): ConfigError {
  const { flag } = settings[key];
  return new ConfigError(`${key}${flag === undefined ? '' : ` (or --${flag})`} is "${value}". It takes ${allowed}.`);
}
