import { randomBytes } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { readUrl } from './redis-connect.js';

/** A name before all keys of one test, so that many share a server. */
export const ownPrefix = (): string => `test-${randomBytes(6).toString('hex')}:`;

/** What a test does to a server, beside what it tests. Works on keys and connections of one prefix alone. */
export async function openAdmin(url: string, prefix: string) {
  const { nodes, cluster, options } = readUrl(url);
  const [first] = nodes;
  const client = cluster ? new Cluster([...nodes], { redisOptions: options }) : new Redis({ ...options, ...first });
  client.on('error', () => undefined);
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
  const servers = (): readonly Redis[] => (client instanceof Cluster ? client.nodes('master') : [client]);

  const keys = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const server of servers()) {
      for await (const some of server.scanStream({ match: `${prefix}*` })) found.push(...some);
    }
    return found;
  };

  return {
    keys,
    /** Each key, and its TTL in ms; negative where it has none. */
    ttls: async (): Promise<ReadonlyMap<string, number>> => {
      const found = new Map<string, number>();
      for (const key of await keys()) found.set(key, await client.pttl(key));
      return found;
    },
    /** What FLUSHALL does, to what is ours. */
    flush: async (): Promise<void> => {
      for (const key of await keys()) await client.del(key);
    },
    /** Cuts the connections of the prefix, those of each kind that `which` takes. Returns how many. */
    cut: async (which: (name: string) => boolean = () => true): Promise<number> => {
      let count = 0;
      for (const server of servers()) {
        for (const line of String(await server.client('LIST')).split('\n')) {
          const [, id, name] = /^id=(\d+) .*?name=(\S*)/.exec(line) ?? [];
          if (id === undefined || !name?.includes(prefix) || !which(name)) continue;
          count += Number(await server.client('KILL', 'ID', id));
        }
      }
      return count;
    },
    close: (): void => client.disconnect(),
  };
}
