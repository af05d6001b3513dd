import { MASTER } from '../../commands/keys/wrapping.js';

export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
}

/** How this process is to run. What is undefined follows from the port that it gets. */
export type Config = {
  /** The address to listen on. */
  readonly host: string;
  /** The port to begin looking at; 0 takes any. */
  readonly port: number;
  /** The port of /metrics and of operators, on loopback only. Undefined: the one after the port that it gets. */
  readonly opsPort: number | undefined;
  /** Where browsers find it, without a slash at the end. Undefined: http://localhost:<port>. */
  readonly publicUrl: string | undefined;
  /** The folder for all that is kept. */
  readonly data: string;
  readonly registration: 'open' | 'closed';
  /** Whether clients may ask for the schema. */
  readonly introspection: boolean;
  /** Whether anybody may send GraphQL documents of their own, or only programs (tokens of scope `api`). */
  readonly documents: 'any' | 'persisted';
  /** Whether clients are told what went wrong on our side. */
  readonly verboseErrors: boolean;
  /** 32 bytes each: the first wraps the keys of content, all of them unwrap. None: those keys are stored bare. */
  readonly masterKeys: readonly Uint8Array[];
};

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
  VERBOSE_ERRORS: {
    flag: 'verbose-errors',
    value: 'on|off',
    fallback: 'off',
    meaning: 'whether clients are told what went wrong on our side, beside the id of the fault',
  },
  VERBATIM_MASTER_KEYS: {
    flag: undefined,
    value: 'base64,…',
    fallback: 'keys.db is protected by its file mode alone',
    meaning: 'master keys of 32 bytes: the first wraps the keys in keys.db, the others only unwrap',
  },
} as const satisfies Record<string, Setting>;

type Key = keyof typeof settings;
type Given = Partial<Record<Key, string | undefined>>;

const keys = Object.keys(settings).filter((key): key is Key => key in settings);

/** Environment variables, or the values of flags without their dashes. */
type Values = Readonly<Record<string, string | undefined>>;

/** What is given for a setting: a flag outranks its environment variable, and an empty variable counts as none. */
export function givenFor(key: Key, env: Values, flags: Values): string | undefined {
  const { flag } = settings[key];
  return (flag === undefined ? undefined : flags[flag]) ?? (env[key] || undefined);
}

/** Reads the settings. Throws ConfigError. */
export function readConfig(env: Values, flags: Values): Config {
  const given: Given = Object.fromEntries(keys.map((key) => [key, givenFor(key, env, flags)]));
  const host = given.HOST ?? settings.HOST.fallback;
  const local = isLoopback(host);
  const publicUrl = given.PUBLIC_URL === undefined ? undefined : urlIn(given.PUBLIC_URL);
  if (!local && !publicUrl?.startsWith('https://')) {
    throw new ConfigError(
      `HOST=${host} is reachable from other machines, so PUBLIC_URL must be an https address (it is ` +
        `${given.PUBLIC_URL ?? 'not set'}): passwords would travel in the open. This version does not speak TLS itself: ` +
        'put a proxy that does in front of it and set PUBLIC_URL to its address, or leave HOST at 127.0.0.1.',
    );
  }
  return {
    host,
    port: portIn('PORT', given.PORT ?? settings.PORT.fallback),
    opsPort: given.OPS_PORT === undefined ? undefined : portIn('OPS_PORT', given.OPS_PORT),
    publicUrl,
    data: given.VERBATIM_DATA ?? settings.VERBATIM_DATA.fallback,
    registration: oneOf('REGISTRATION', given, ['open', 'closed'], local ? 'open' : 'closed'),
    introspection: oneOf('GRAPHQL_INTROSPECTION', given, ['on', 'off'], local ? 'on' : 'off') === 'on',
    documents: oneOf('GRAPHQL_DOCUMENTS', given, ['any', 'persisted'], local ? 'any' : 'persisted'),
    verboseErrors: oneOf('VERBOSE_ERRORS', given, ['on', 'off'], 'off') === 'on',
    masterKeys: masterKeysIn(given.VERBATIM_MASTER_KEYS),
  };
}

/** Whether an address is reachable from this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

function portIn(key: 'PORT' | 'OPS_PORT', value: string): number {
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

function urlIn(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const bare = url && url.pathname === '/' && !url.search && !url.hash && !url.username;
  if (!bare || !/^https?:$/.test(url.protocol)) {
    throw invalid('PUBLIC_URL', value, 'an http or https address without a path, as https://chat.example.org');
  }
  return url.origin;
}

function oneOf<V extends string>(key: Key, given: Given, allowed: readonly V[], fallback: V): V {
  const value = given[key];
  if (value === undefined) return fallback;
  const found = allowed.find((each) => each === value);
  if (!found) throw invalid(key, value, allowed.join(' or '));
  return found;
}

const invalid = (key: Key, value: string, allowed: string): ConfigError =>
  new ConfigError(`${key} (or --${settings[key].flag}) is "${value}". It takes ${allowed}.`);
