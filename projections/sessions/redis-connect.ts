import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { scripts } from './redis-scripts.js';
import { SessionsError } from './sessions.js';

/** How long a server may be silent that owes an answer, in ms: then its connection is given up, and with it what was asked. */
export const PATIENCE = 2_000;

/** Attempts to connect again come after 50 ms, and ever later, up to this. In ms. */
const LONGEST_PAUSE = 1_000;

const pause = (attempt: number): number => Math.min(50 * 2 ** Math.min(attempt - 1, 10), LONGEST_PAUSE);

type Node = { readonly host: string; readonly port: number };

/** What connections of one process share, and which server has which of the 16,384 slots of keys and channels. */
export type Servers = {
  readonly client: Redis | Cluster;
  /** The server of a slot, as `host:port`; undefined while nobody knows. */
  of(slot: number): string | undefined;
  all(): ReadonlySet<string>;
  /** A connection of its own to one server, which comes back by itself. */
  connect(server: string): Redis;
  /** Asks anew which server has which slot. */
  lookAgain(): void;
  /** Tells whenever that was asked, by itself too. */
  onLook(listener: () => void): void;
  /** As a reader of errors would name it, without password. */
  readonly address: string;
};

/**
 * The addresses in a URL, `redis[s]://[user:password@]host[:port][/db]` for one server, or with commas between several
 * addresses of a cluster; a comma at the end makes a cluster of one. Throws SESSIONS_URL, never with the password.
 */
export function readUrl(url: string): {
  readonly nodes: readonly Node[];
  readonly cluster: boolean;
  readonly options: Pick<RedisOptions, 'username' | 'password' | 'tls' | 'db'>;
} {
  const wrong = (why: string): SessionsError =>
    new SessionsError(
      'SESSIONS_URL',
      `The address of Redis ${why}. Use redis://host:port for one server, redis://host:port,host:port for a cluster; ` +
        `rediss:// for TLS, user:password@ before the first host.`,
    );
  const [, scheme, login, hosts, db] = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/(\d*))?$/.exec(url) ?? [];
  if (hosts === undefined) throw wrong('cannot be read');
  const cluster = hosts.includes(',');
  const nodes = hosts
    .split(',')
    .filter(Boolean)
    .map((host): Node => {
      if (!URL.canParse(`http://${host}`)) throw wrong(`names a host that is none, ${host}`);
      const { hostname, port } = new URL(`http://${host}`);
      // 80 is what http leaves out.
      return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (host.endsWith(':80') ? 80 : 6379)) };
    });
  if (nodes.length === 0) throw wrong('names no host');
  if (cluster && db) throw wrong('names a database, which a cluster has not');
  const [username, password] = login?.includes(':') ? [login.split(':')[0], login.replace(/^[^:]*:/, '')] : [login];
  return {
    nodes,
    cluster,
    options: {
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password === undefined ? {} : { password: decodeURIComponent(password) }),
      ...(scheme === 'rediss' ? { tls: {} } : {}),
      ...(db ? { db: Number(db) } : {}),
    },
  };
}

export type ConnectOptions = {
  readonly url: string;
  /** What connections are called in `CLIENT LIST`. */
  readonly name: string;
  readonly onTrouble: (error: unknown) => void;
};

/** Begins to connect, and never stops to try, until the client is disconnected. Throws SESSIONS_URL. */
export function connectServers({ url, name, onTrouble }: ConnectOptions): Servers {
  const { nodes, cluster, options } = readUrl(url);
  const common = {
    ...options,
    connectionName: name,
    connectTimeout: PATIENCE,
    // Armed while an answer is owed: a server that stands still is found out, and what was asked of it fails.
    socketTimeout: PATIENCE,
    // What was asked when a connection broke fails at once; nobody knows whether it was done, and a notice that comes
    // twice or late is worse than one that is lost.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // Its promises would be nobody's: subscriptions are made again by redis-topics.ts.
    autoResubscribe: false,
    // A server that has become a replica, behind the same address.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  };
  const connect = (server: string): Redis => {
    const at = server.lastIndexOf(':');
    const redis = new Redis({
      ...common,
      host: server.slice(0, at),
      port: Number(server.slice(at + 1)),
      retryStrategy: pause,
      enableOfflineQueue: false,
      scripts,
    });
    return redis.on('error', onTrouble);
  };

  const address = nodes.map(({ host, port }) => `${host}:${port}`).join(', ');
  const [first] = nodes;
  if (!cluster && first) {
    const server = `${first.host}:${first.port}`;
    const all = new Set([server]);
    return {
      client: connect(server),
      of: () => server,
      all: () => all,
      connect,
      lookAgain: () => undefined,
      onLook: () => undefined,
      address,
    };
  }
  const client = new Cluster([...nodes], {
    scripts,
    redisOptions: common,
    clusterRetryStrategy: pause,
    slotsRefreshTimeout: PATIENCE,
    slotsRefreshInterval: PATIENCE,
    // To try again later would turn the order round.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
  });
  client.on('error', onTrouble);
  return {
    client,
    of: (slot) => client.slots[slot]?.[0],
    all: () => new Set(client.slots.flatMap((servers) => servers.slice(0, 1))),
    connect,
    lookAgain: () => client.refreshSlotsCache(),
    onLook: (listener) => void client.on('refresh', listener),
    address,
  };
}

/** The slot of a key or a channel: CRC16 (XMODEM) of what stands in its first braces, or of all of it. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open);
  let crc = 0;
  for (const byte of Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % 16_384;
}
