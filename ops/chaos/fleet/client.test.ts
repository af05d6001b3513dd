import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Placed } from '../../../commands/log/log.js';
import { PARTITIONS, openLogIn } from '../audit.js';
import { type Person, register } from '../person.js';
import { type Server, startServer } from '../server.js';
import { check } from './checker.js';
import { type Client, startFleetClient } from './client.js';

// The clients of the chaos run, against one server that is killed under them: they note what they are told, and the checker
// has nothing to say.

const POSTS = 25;

let data: string;
let server: Server;
const people: Person[] = [];
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-clients-'));
  server = await startServer({ data });
  await server.ready;
  for (const name of ['ana', 'bob']) people.push(await register(server.url, name));
});
afterAll(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

it('send each command until it is decided, and watch without a gap, whatever breaks', async () => {
  const clients = people.map(({ user, authorization }, n): Client =>
    startFleetClient({
      name: `client ${n}`,
      account: { user, authorization: async () => authorization },
      gateways: [server.url],
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      chance: Math.random,
      wait: sleep,
    }),
  );
  const [ana, bob] = clients;
  if (!ana || !bob) throw new Error('nobody is there');
  const id = ana.newId();
  const conversation = `conversation_${id}`;
  const message = (): object => ({
    message: `message_${ana.newId(id)}`,
    reply: `message_${ana.newId(id)}`,
    text: 'a word',
  });
  await ana.send('conversationStart', { conversation, ...message() });
  await ana.send('memberAdd', { conversation, user: `user_${people[1]?.user}`, role: 'WRITER' });
  for (const client of clients) client.watch(id);
  const posting = async (client: Client): Promise<void> => {
    for (let n = 0; n < POSTS; n++) {
      await client.send('messagePost', { conversation, ...message(), parent: null, fork: true });
      if (n % 8 === 3) client.cut();
    }
  };
  const dying = (async () => {
    await sleep(600);
    await server.kill();
    server = await startServer({ data, port: server.port });
    await server.ready;
  })();
  await Promise.all([dying, ...clients.map(posting)]);

  const version = (client: Client): number => client.watching[0]?.updates.at(-1)?.to ?? 0;
  await expect.poll(() => settled(clients, version), { timeout: 60_000, interval: 1_500 }).toBe(true);
  await Promise.all(clients.map((client) => client.leave()));
  expect(await server.stop()).toBe(0);

  const log = openLogIn(data);
  const files: Placed[][] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const file: Placed[] = [];
    for await (const { records } of log.read(partition)) file.push(...records);
    files.push(file);
  }
  await log.close();
  const commands = clients.flatMap((client) => client.commands);
  expect(commands).toHaveLength(2 * POSTS + 2);
  expect(check({ files, commands, watchers: clients.flatMap((client) => client.watching) })).toEqual([]);
});

let before = 0;

/** Whether all are at one version, and were a moment ago. */
function settled(clients: readonly Client[], version: (client: Client) => number): boolean {
  const [first = 0, ...others] = clients.map(version);
  const same = first > 0 && first === before && others.every((each) => each === first);
  before = first;
  return same;
}
