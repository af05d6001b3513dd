import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Person, register } from '../../chaos/person.js';
import { type Server, startServer } from '../../chaos/server.js';
import { startWriter } from '../../chaos/writer.js';
import { openLogIn } from '../../run/log.js';
import { type Line, type Ran, parse, places, verbatim } from '../testing.js';

let data: string;
let server: Server;
let people: readonly Person[];
beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'verbatim-replay-'));
  server = await startServer({ data });
  await server.ready;
  // Enough of them for more than one partition.
  people = await Promise.all(['ada', 'bob', 'cleo', 'dora'].map((login) => register(server.url, login)));
});
afterAll(async () => {
  await server.kill();
  rmSync(data, { recursive: true, force: true });
});

const run = (...args: readonly string[]): Ran => verbatim(['replay', '--data', data, ...args]);
const found = async (...args: readonly string[]): Promise<readonly Line[]> => {
  const { code, lines, told } = await run(...args).ended;
  expect({ code, told }).toEqual({ code: 0, told: '' });
  return parse(lines);
};
const idsOf = (lines: readonly Line[]): readonly string[] => lines.map(({ id }) => id);

/** Everybody writes for a while. */
async function load(ms: number): Promise<void> {
  const writers = people.map((person, n) => startWriter({ person, name: `person ${n}`, wait: sleep }));
  await sleep(ms);
  await Promise.all(writers.map(({ stop }) => stop()));
}

const ends = /^Reply(Completed|Failed|Stopped)$/;
const running = (lines: readonly Line[]): number =>
  lines.filter(({ type }) => type === 'ReplyRequested').length - lines.filter(({ type }) => ends.test(type)).length;

/** The whole log, once the last reply has ended and nothing more comes. */
async function settled(): Promise<readonly Line[]> {
  let all: readonly Line[] = [];
  await expect.poll(async () => running((all = await found())), { timeout: 60_000, interval: 500 }).toBe(0);
  return all;
}

describe('a replay through the running server', () => {
  let all: readonly Line[];

  it('follows a log under load: every event once and in order, for whoever comes at the start or in the middle', async () => {
    const early = run('--follow');
    const middle: Ran[] = [];
    const writing = load(4_000);
    await sleep(1_500);
    middle.push(run('--follow'));
    // Nobody reads this one for a while: it must lose nothing by it.
    const slow = run('--follow');
    slow.child.stdout?.pause();
    await writing;
    slow.child.stdout?.resume();
    const followers = [early, slow, ...middle];
    all = await settled();
    for (const follower of followers) await expect.poll(() => follower.lines().length).toBe(all.length);
    expect(new Set(idsOf(all)).size).toBe(all.length);
    expect(places(all).size).toBeGreaterThan(1);
    for (const follower of followers) expect(places(parse(follower.lines()))).toEqual(places(all));
    for (const follower of followers) {
      follower.child.kill('SIGINT');
      expect(await follower.ended).toMatchObject({ code: 0, told: '' });
    }
  });

  it('prints what is in the log, as it is stored and in its order', async () => {
    const copy = `${data}-copy`;
    expect(await verbatim(['backup', copy, '--data', data]).ended).toMatchObject({ code: 0, told: '' });
    const log = openLogIn(copy);
    const stored: object[] = [];
    for (let partition = 0; partition < log.partitions; partition++) {
      for await (const { records } of log.read(partition)) {
        for (const { offset, entry } of records) {
          if (entry.kind === 'event') stored.push({ ...entry.event, position: { partition, offset } });
        }
      }
    }
    await log.close();
    rmSync(copy, { recursive: true });
    const printed = all.toSorted((a, b) => a.position.partition - b.position.partition);
    const tokens = printed.map(({ token }) => ({ token }));
    expect(printed).toEqual(stored.map((each, n) => ({ ...each, ...tokens[n] })));
  });

  it('is oldest first over all partitions', () => {
    const times = all.map(({ at }) => at);
    expect(times).toEqual(times.toSorted());
  });

  it('goes on behind any line with nothing left out and nothing twice', async () => {
    for (const at of [0, Math.floor(all.length / 2), all.length - 2, all.length - 1]) {
      expect(idsOf(await found('--from', all[at]?.token ?? ''))).toEqual(idsOf(all.slice(at + 1)));
    }
  });

  it('takes the position that a command was answered with', async () => {
    const [person] = people;
    const input = { commandId: person?.newId(), conversation: `conversation_${person?.newId()}`, text: 'on its own' };
    const ids = { message: `message_${person?.newId()}`, reply: `message_${person?.newId()}` };
    const query = `mutation ($input: ConversationStartInput!) {
      conversationStart(input: $input) { ... on Accepted { position } } }`;
    const before = await found();
    const answer = await person?.ask(query, { input: { ...input, ...ids } });
    const token = /"position":"([\w-]+)"/.exec(JSON.stringify(answer))?.[1] ?? '';
    const stream = input.conversation.replace('_', '-');
    const known = await found('--stream', stream);
    expect(known.slice(0, 3).map(({ type }) => type)).toEqual([
      'ConversationStarted',
      'MessagePosted',
      'ReplyRequested',
    ]);
    const after = await found('--stream', stream, '--from', token);
    expect(idsOf(known.slice(3))).toEqual(idsOf(after).slice(0, known.length - 3));
    expect(before.filter((line) => line.stream === stream)).toEqual([]);
  });

  it('filters by type, time, partition and number', async () => {
    const types = ['MessagePosted', 'ConversationRenamed'];
    const [since = '', until = ''] = [0.25, 0.75].map((part) => all[Math.floor(all.length * part)]?.at);
    const [first] = all;
    const whole = { until: all.at(-1)?.at ?? '' };
    expect(idsOf(await found('--type', types.join(), '--until', whole.until))).toEqual(
      idsOf(all.filter(({ type, at }) => types.includes(type) && at < whole.until)),
    );
    expect(idsOf(await found('--since', since, '--until', until))).toEqual(
      idsOf(all.filter(({ at }) => at >= since && at < until)),
    );
    expect(idsOf(await found('--partition', String(first?.position.partition), '--until', until))).toEqual(
      idsOf(all.filter(({ position, at }) => position.partition === first?.position.partition && at < until)),
    );
    expect(idsOf(await found('--limit', '5'))).toEqual(idsOf(all.slice(0, 5)));
    expect(idsOf(await found('--limit', '7', '--follow'))).toEqual(idsOf(all.slice(0, 7)));
  });

  it('ends quietly when its reader has read enough', async () => {
    const reading = run('--follow');
    reading.child.stdout?.once('data', () => reading.child.stdout?.destroy());
    const ending = reading.ended;
    await expect.poll(() => reading.lines().length).toBeGreaterThan(0);
    await load(500);
    expect(await ending).toMatchObject({ code: 0, told: '' });
  });

  it.each([
    ['another log', Buffer.from(JSON.stringify({ log: 'another', at: {} })), 1, /^CURSOR_EXPIRED: .*another log/],
    ['no position', Buffer.from('nothing'), 2, /^BAD_POSITION: /],
  ])('refuses a position of %s', async (_, token, code, told) => {
    const ran = await run('--from', token.toString('base64url')).ended;
    expect(ran).toMatchObject({ code, lines: [], told: expect.stringMatching(told) });
  });

  it('refuses a partition that is not there, in the words of the command', async () => {
    const told = expect.stringMatching(/^USAGE: --partition is 4\. This log has the partitions 0 to 3/);
    expect(await run('--partition', '4').ended).toMatchObject({ code: 2, told });
  });
});

describe('the operators’ port', () => {
  const announced = (): { opsUrl: string; token: string } => ({
    ...JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')),
    token: readFileSync(join(data, 'ops.token'), 'utf8').trim(),
  });

  it.each(['', 'Bearer ', 'Bearer wrong'])('gives neither log nor backup for "%s"', async (authorization) => {
    const { opsUrl } = announced();
    for (const [method, path] of [
      ['GET', '/log'],
      ['POST', '/backup?to=/tmp/stolen'],
    ] as const) {
      const answer = await fetch(`${opsUrl}${path}`, { method, headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(await answer.json()).toEqual({ code: 'TOKEN_INVALID', message: expect.stringContaining('ops.token') });
    }
  });

  it('shows its health and metrics to anybody on this machine', async () => {
    const { opsUrl } = announced();
    for (const path of ['/healthz', '/readyz', '/metrics']) expect((await fetch(`${opsUrl}${path}`)).status).toBe(200);
  });

  it('has a token for its owner’s eyes, another one at each start', async () => {
    const { token } = announced();
    expect(statSync(join(data, 'ops.token')).mode & 0o777).toBe(0o600);
    await server.stop();
    server = await startServer({ data, port: server.port });
    await server.ready;
    expect(announced().token).not.toBe(token);
  });
});

describe('a server that is killed', () => {
  // More than any pipe takes in before somebody reads it.
  beforeAll(async () => {
    const [person] = people;
    const query = 'mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename } }';
    for (let n = 0; n < 4; n++) {
      const ids = { commandId: person?.newId(), conversation: `conversation_${person?.newId()}` };
      const messages = { message: `message_${person?.newId()}`, reply: `message_${person?.newId()}` };
      await person?.ask(query, { input: { ...ids, ...messages, text: 'x'.repeat(90_000) } });
    }
  });

  it('ends a follow with a message and 1', async () => {
    const following = run('--follow');
    await expect.poll(() => following.lines().length).toBeGreaterThan(0);
    await server.kill();
    expect(await following.ended).toMatchObject({
      code: 1,
      told: expect.stringMatching(/^SERVER_GONE: The server ended/),
    });
  });

  it('leaves files that are replayed alike, and are nobody else’s meanwhile', async () => {
    // Nobody reads it, so it stands still with the files open.
    const reading = run();
    reading.child.stdout?.pause();
    await expect.poll(() => reading.child.stdout?.readableLength).toBeGreaterThan(0);
    const second = await startServer({ data });
    await expect(second.ready).rejects.toThrow(/DATA_LOCKED/);
    reading.child.stdout?.resume();
    const { code, lines, told } = await reading.ended;
    expect({ code, told }).toEqual({ code: 0, told: '' });

    const offline = await found();
    expect(await run('--follow').ended).toMatchObject({ code: 1, told: expect.stringMatching(/^NOT_RUNNING: /) });
    server = await startServer({ data });
    await server.ready;
    const through = await found();
    expect(idsOf(through.slice(0, offline.length))).toEqual(idsOf(offline));
    expect(parse(lines)).toEqual(offline);
  });
});
