import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Person, at, register } from './person.js';
import { type Server, startServer } from './server.js';

let data: string;
let servers: Server[];
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-start-'));
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  rmSync(data, { recursive: true, force: true });
});

async function started(options: { port?: number; env?: Record<string, string> } = {}): Promise<Server> {
  const server = await startServer({ data, ...options });
  servers.push(server);
  return server;
}

/** What a server says that does not start. */
async function refusal(options: { env?: Record<string, string> } = {}): Promise<string> {
  const server = await started(options);
  await expect(server.ready).rejects.toThrow('ended with 1 before it was ready');
  return server.output();
}

/** Starts a conversation with some words. Answers with the id of their message. */
async function write(person: Person, text: string): Promise<string> {
  const message = `message_${person.newId()}`;
  const input = {
    commandId: person.newId(),
    conversation: `conversation_${person.newId()}`,
    message,
    reply: `message_${person.newId()}`,
    text,
  };
  const query = 'mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename } }';
  expect(await person.ask(query, { input })).toEqual({ conversationStart: { __typename: 'Accepted' } });
  return message;
}

const textOf = async (person: Person, id: string): Promise<unknown> => {
  const query = 'query ($id: ID!) { node(id: $id) { ... on Message { parts { ... on TextPart { text } } } } }';
  return at(await person.ask(query, { id }), 'node', 'parts', 0, 'text');
};

describe('a second start on the same folder', () => {
  it('is refused, names the first one and where it is, and does not disturb it', async () => {
    const first = await started();
    await first.ready;
    const { pid }: { pid: number } = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8'));
    const said = await refusal();
    expect(said).toMatch(/^DATA_LOCKED: /m);
    expect(said).toContain(`in use by process ${pid}, at ${first.url}`);
    expect(said).not.toMatch(/^ +at /m);
    const person = await register(first.url, 'ada');
    expect(await textOf(person, await write(person, 'still here'))).toBe('still here');
    expect(await first.stop()).toBe(0);
  });
});

describe('a damaged log', () => {
  it('is refused at the start, said in a line with what to do, and nothing in the folder is touched', async () => {
    const server = await started();
    await server.ready;
    const person = await register(server.url, 'ada');
    for (let n = 0; n < 20; n++) await write(person, `words ${n}`);
    expect(await server.stop()).toBe(0);

    const files = ['log.db', 'keys.db', 'identity.db'].map((name) => join(data, name));
    const [log = ''] = files;
    const whole = readFileSync(log);
    const flipped = Buffer.from(whole);
    const place = flipped.lastIndexOf('"MessagePosted"');
    flipped[place + 3] = (flipped[place + 3] ?? 0) ^ 1;
    const damages: readonly (() => void)[] = [
      () => writeFileSync(log, flipped),
      () => truncateSync(log, Math.floor(statSync(log).size / 2)),
      () => writeFileSync(log, 'no database '.repeat(1_000)),
    ];
    for (const damage of damages) {
      damage();
      const before = files.map((file) => readFileSync(file));
      const said = await refusal();
      expect(said).toMatch(/^LOG_CORRUPT: .*The log is damaged: restore it from a backup/m);
      expect(said).not.toMatch(/^ +at /m);
      expect(files.map((file) => readFileSync(file))).toEqual(before);
    }
    writeFileSync(log, whole);
    const again = await started();
    await again.ready;
    expect(await again.stop()).toBe(0);
  });
});

describe('a master key', () => {
  it('is given, changed and dropped by restarts, and without it the server does not start', async () => {
    const [first = '', second = ''] = [1, 2].map(() => randomBytes(32).toString('base64'));
    const under = (...keys: readonly string[]) => ({ env: { VERBATIM_MASTER_KEYS: keys.join(',') } });
    const server = await started();
    await server.ready;
    const { port } = server;
    const person = await register(server.url, 'ada');
    const message = await write(person, 'under which key?');
    expect(await server.stop()).toBe(0);

    for (const keys of [[first], [second, first], [second]]) {
      const next = await started({ port, ...under(...keys) });
      await next.ready;
      expect(await textOf(person, message)).toBe('under which key?');
      expect(await next.stop()).toBe(0);
      for (const key of keys) expect(next.output()).not.toContain(key.slice(0, 20));
    }
    for (const options of [{}, under(first)]) {
      const said = await refusal(options);
      expect(said).toMatch(/^KEYS_LOCKED: .*fingerprint [0-9a-f]{16}.*VERBATIM_MASTER_KEYS/m);
      expect(said).not.toContain(first.slice(0, 20));
    }
  });
});
