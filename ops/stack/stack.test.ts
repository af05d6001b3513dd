import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectKafka } from '../../commands/kafka/connect.js';
import { ensureTopic, eventsTopic } from '../../commands/kafka/topics.js';
import { describeWith } from '../run/needs.js';
import { brokersSeenBy } from './brokers.js';
import { type KafkaStack, startKafka } from './kafka.js';
import { type PostgresStack, startPostgres } from './postgres.js';
import { isAlive } from './processes.js';
import { ask, startRedis } from './redis.js';
import { makeFolder, readState, running } from './state.js';

// Small stacks of their own. Who has brokers to name has the programs installed: nothing is installed by a test.

const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-stack-test-'));
  folders.push(folder);
  makeFolder(folder);
  return folder;
};
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

async function rows(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<object>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Makes a topic of one partition where it is not yet there. */
async function topicOn(brokers: readonly string[]): Promise<{ readonly made: boolean }> {
  const kafka = connectKafka({ brokers, clientId: 'stack-test' });
  try {
    return await ensureTopic(kafka, eventsTopic('stack.', 1, 1));
  } finally {
    await kafka.close();
  }
}

const portOf = (url: string): number => Number(/:(\d+)$/.exec(url)?.[1]);

describeWith('KAFKA_BROKERS', 'each system', () => {
  let kafka: KafkaStack;
  let postgres: PostgresStack;
  beforeAll(async () => {
    const folder = newFolder();
    kafka = await startKafka({ folder: join(folder, 'kafka'), brokers: 1 });
    postgres = await startPostgres({ folder: join(folder, 'postgres') });
  });
  afterAll(async () => {
    await kafka.stop();
    await postgres.stop();
  });

  it('Kafka: keeps its topics over kill -9, and answers nobody while it stands still', async () => {
    const [broker] = kafka.servers;
    const port = portOf(kafka.brokers[0] ?? '');
    expect(await topicOn(kafka.brokers)).toEqual({ made: true });
    await broker?.kill9();
    // What is just going may still take a connection, and reset it.
    await expect
      .poll(() => brokersSeenBy(port).catch((error: unknown) => error))
      .toMatchObject({ code: 'ECONNREFUSED' });
    await broker?.start();
    expect(await topicOn(kafka.brokers)).toEqual({ made: false });
    broker?.pause();
    await expect(brokersSeenBy(port)).rejects.toThrow(`no answer from port ${port}`);
    broker?.resume();
    await expect.poll(() => brokersSeenBy(port).catch(() => [])).toEqual([port]);
  });

  it('PostgreSQL: keeps what it acknowledged over kill -9, and loses what came after a copy in a failover', async () => {
    const { url } = postgres;
    await rows(url, 'create table words (n int)');
    await rows(url, 'insert into words values (1)');
    await postgres.restart();
    await rows(url, 'insert into words values (2)');
    await postgres.copy();
    await rows(url, 'insert into words values (3)');
    await postgres.restart();
    expect(await rows(url, 'select n from words order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await postgres.failOver();
    expect(await rows(url, 'select n from words order by n')).toEqual([{ n: 1 }, { n: 2 }]);
    await expect(postgres.failOver()).rejects.toMatchObject({ code: 'STACK_FOLDER' });
    expect(await rows(url, 'select count(*)::int as n from words')).toEqual([{ n: 2 }]);
  });

  it('PostgreSQL: lets nobody in who does not know its password', async () => {
    const { password, port } = new URL(postgres.url);
    expect(password).toMatch(/^[\w-]{32}$/);
    await expect(rows(`postgres://postgres:other@127.0.0.1:${port}/verbatim`, 'select 1')).rejects.toMatchObject({
      code: '28P01',
    });
  });

  it('Redis: forgets everything when it is told to, and when it is killed', async () => {
    const redis = await startRedis({ folder: newFolder(), kind: 'single' });
    const port = portOf(redis.url);
    await ask(port, 'SET word said');
    expect(await ask(port, 'GET word')).toBe('$4\r\nsaid');
    await redis.flush();
    expect(await ask(port, 'GET word')).toBe('$-1');
    await ask(port, 'SET word said');
    await redis.servers[0]?.kill9();
    await redis.servers[0]?.start();
    expect(await ask(port, 'GET word')).toBe('$-1');
    await redis.stop();
    await expect(ask(port, 'PING')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('Redis Cluster: every node knows where a key is, and one that was killed comes back to its slots', async () => {
    const cluster = await startRedis({ folder: newFolder(), kind: 'cluster' });
    const ports = cluster.url.replace('redis://', '').split(',').map(portOf);
    expect(ports).toHaveLength(3);
    // The slot of this key is 12182, of the last third.
    expect(await ask(ports[0] ?? 0, 'GET foo')).toBe(`-MOVED 12182 127.0.0.1:${ports[2]}`);
    expect(await ask(ports[2] ?? 0, 'SET foo bar')).toBe('+OK');
    await cluster.servers[2]?.kill9();
    await cluster.servers[2]?.start();
    await expect.poll(() => ask(ports[2] ?? 0, 'GET foo')).toBe('$-1');
    await cluster.stop();
  });
});

describeWith('KAFKA_BROKERS', 'npm run stack', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = newFolder();
  /** What it says, and its exit code. */
  const stack = async (...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> => {
    const args = ['--import', 'tsx', 'ops/stack/main.ts', ...words, '--folder', folder];
    try {
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
      return { code: 0, said: stdout };
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || !('stderr' in error)) throw error;
      return { code: Number(error.code), said: String(error.stderr) };
    }
  };
  const start = () => stack('start', '--keycloak', 'off');
  afterAll(() => stack('stop'));

  it('starts, tells, stops, and goes on in the same folder', async () => {
    expect(await stack('env')).toMatchObject({ code: 1, said: expect.stringContaining('STACK_NONE') });
    const { code, said } = await start();
    expect(code).toBe(0);
    const { systems, fleet, servers } = running(folder);
    expect(Object.keys(systems)).toEqual(['KAFKA_BROKERS', 'DATABASE_URL', 'REDIS_URL']);
    expect(said).toContain(`export DATABASE_URL=${systems['DATABASE_URL']}\n`);
    expect((await stack('env')).said).toBe(said);
    expect(JSON.parse((await stack('env', '--json', '--tests')).said)).toEqual(systems);
    expect(fleet).toMatchObject({ KAFKA_REPLICATION: '1', PUBLIC_URL: 'http://localhost:8080' });
    expect(await start()).toMatchObject({ code: 1, said: expect.stringContaining('STACK_RUNNING') });

    await rows(systems['DATABASE_URL'] ?? '', 'create table words (n int)');
    expect(await topicOn([systems['KAFKA_BROKERS'] ?? ''])).toEqual({ made: true });
    const [kafka] = servers;
    process.kill(kafka?.pid ?? 0, 'SIGKILL');
    await expect.poll(async () => (await stack('status')).said).toMatch(/^kafka 1 +is dead/m);
    expect(await stack('stop')).toMatchObject({ code: 0 });
    expect(servers.filter(isAlive)).toEqual([]);
    expect(readState(folder)).toBeUndefined();

    expect(await start()).toMatchObject({ code: 0 });
    const again = running(folder).systems;
    expect(await rows(again['DATABASE_URL'] ?? '', 'select * from words')).toEqual([]);
    expect(await topicOn([again['KAFKA_BROKERS'] ?? ''])).toEqual({ made: false });
    expect(await stack('stop')).toMatchObject({ code: 0 });
    expect(existsSync(folder)).toBe(true);
  });

  it.each([
    [['go'], '"go" is not something to do'],
    [['start', '--kafka', '2'], '--kafka is "2". It takes 1 or 3.'],
    [['start', '--brokers', '3'], "Unknown option '--brokers'"],
  ])('does not take %j', async (words, why) => {
    expect(await stack(...words)).toMatchObject({ code: 2, said: expect.stringContaining(why) });
  });
});
