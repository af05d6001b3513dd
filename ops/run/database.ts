import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Does something as an administrator of the server to which a URL leads. */
export async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server may be stopped under it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** An empty database of one's own on the server that a URL leads to, under a random name. */
export async function ownDatabase(url: string): Promise<{ readonly url: string; readonly drop: () => Promise<void> }> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(url, (client) => client.query(`CREATE DATABASE ${name}`));
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    drop: async () => {
      await onServer(url, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}
