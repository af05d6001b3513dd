import { type FleetConfig, type OidcConfig, readFleet, readOidc } from './fleet-config.js';
import { ConfigError, type Values, allGiven, masterKeysIn, oneOf, portIn, settings, urlIn } from './settings.js';

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
  /** Whether there is a page to try GraphQL, at /graphiql. */
  readonly explorer: boolean;
  /** Whether clients are told what went wrong on our side. */
  readonly verboseErrors: boolean;
  /** 32 bytes each: the first wraps the keys of content, all of them unwrap. None: those keys are stored bare. */
  readonly masterKeys: readonly Uint8Array[];
  /** Where people sign in. Undefined: at the embedded provider. */
  readonly oidc: OidcConfig | undefined;
  /** What it is in a fleet. Undefined: the whole product in this process, kept in `data`. */
  readonly fleet: FleetConfig | undefined;
};

/** Reads the settings. Throws ConfigError. */
export function readConfig(env: Values, flags: Values): Config {
  const given = allGiven(env, flags);
  const host = given.HOST ?? settings.HOST.fallback;
  const local = isLoopback(host);
  const publicUrl = given.PUBLIC_URL === undefined ? undefined : urlIn('PUBLIC_URL', given.PUBLIC_URL);
  const fleet = readFleet(given);
  // In a container one listens on all of its addresses, and who may reach it is decided outside.
  const near = fleet && publicUrl && isLoopback(new URL(publicUrl).hostname);
  if (!local && !near && !publicUrl?.startsWith('https://')) {
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
    explorer: oneOf('GRAPHIQL', given, ['on', 'off'], local ? 'on' : 'off') === 'on',
    verboseErrors: oneOf('VERBOSE_ERRORS', given, ['on', 'off'], 'off') === 'on',
    masterKeys: masterKeysIn(given.VERBATIM_MASTER_KEYS),
    oidc: readOidc(given),
    fleet,
  };
}

/** Whether an address is reachable from this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
