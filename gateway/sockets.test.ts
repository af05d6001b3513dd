import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM } from '../domain/decider.js';
import { nameFor, streamOf } from '../domain/ids.js';
import { defaultLimits } from './limits/limits.js';
import { type Raw, openRaw, openSignedIn, runOn } from './raw-testing.js';
import { clientError } from './schema/ids.js';
import { createSeats } from './seats.js';
import { type Harness, startConversation, startHarness } from './testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({
    limits: {
      ...defaultLimits,
      socket: { ...defaultLimits.socket, init: 1_500, unknownPerAddress: 5, stalled: 5_000 },
    },
  });
}, 60_000);
afterAll(() => harness.stop());

const query = '{ viewer { user { name } } }';
const inbox = 'subscription { inbox { complete } }';
const bearer = async (subject: string, changes = {}): Promise<string> =>
  `Bearer ${await harness.token(subject, changes)}`;
/** How many are signed in, by the gateway's own count. */
const openSockets = async (): Promise<number> => {
  const metrics = await (await fetch(`${harness.opsUrl}/metrics`)).text();
  return Number(/^verbatim_sockets (\d+)$/m.exec(metrics)?.[1]);
};
const refresh = async (raw: Raw, authorization: string): Promise<unknown> => {
  raw.send({ type: 'ping', payload: { authorization } });
  return (await raw.next(({ type }) => type === 'pong')).payload;
};

describe('a token on a live socket', () => {
  it('is followed by a fresh one, in a ping, and the socket goes on when the first one ends', async () => {
    const raw = await openSignedIn(harness, 'ana', { seconds: 5 });
    expect(await runOn(raw, 'kept', { query: inbox })).toHaveProperty('data');
    const told = await refresh(raw, await bearer('ana', { seconds: 300 }));
    expect(told).toEqual({ expires: expect.any(Number) });
    const ended = await Promise.race([raw.closed, new Promise((resolve) => setTimeout(resolve, 6_000))]);
    expect(ended).toBeUndefined();
    expect(await runOn(raw, '2', { query })).toEqual({ data: { viewer: { user: { name: 'ana' } } } });
    raw.socket.terminate();
  });

  it('counts where none came that is good: the socket closes with 4403 then', async () => {
    const raw = await openSignedIn(harness, 'ana', { seconds: 5 });
    const before = await refresh(raw, await bearer('ana', { seconds: 1 }));
    expect(await refresh(raw, await bearer('ana', { seconds: 300, foreign: true }))).toEqual(before);
    expect(await refresh(raw, 'nonsense')).toEqual(before);
    expect(await raw.closed).toEqual({ code: 4403, reason: expect.stringMatching(/^TOKEN_EXPIRED: /) });
  });

  it('is of the same person, or the socket closes for good', async () => {
    const raw = await openSignedIn(harness, 'ana');
    raw.send({ type: 'ping', payload: { authorization: await bearer('ben') } });
    expect(await raw.closed).toEqual({ code: 4400, reason: expect.stringMatching(/^TOKEN_INVALID: .*another person/) });
  });

  it('is not echoed, and a ping without one is only answered', async () => {
    const raw = await openSignedIn(harness, 'ana');
    expect(await refresh(raw, await bearer('ana'))).not.toHaveProperty('authorization');
    raw.send({ type: 'ping', payload: { secret: 'x' } });
    expect(await raw.next(({ type }) => type === 'pong')).toEqual({ type: 'pong' });
    raw.socket.terminate();
  });
});

describe('who may be here no longer', () => {
  const tell = async (subject: string, type: 'SuspendUser' | 'ReinstateUser' | 'EraseUser') => {
    const stream = streamOf('user', harness.userOf(subject));
    const aim = { id: nameFor(stream, harness.userOf(subject), type), actor: SYSTEM, stream };
    const sent = await harness.client.send(
      type === 'EraseUser'
        ? { ...aim, type, data: { by: 'ops' } }
        : { ...aim, type, data: { by: 'ops', reason: 'tested' } },
    );
    expect(sent.status).toBe('accepted');
  };
  const codeOf = async (subject: string, changes = {}): Promise<unknown> => {
    const response = await fetch(`${harness.publicUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: await bearer(subject, changes) },
      body: JSON.stringify({ query }),
    });
    const { errors } = JSON.parse(await response.text());
    return { status: response.status, code: errors?.[0]?.extensions.code };
  };

  it('is cut off at once, on every socket, when suspended; and comes back when reinstated', async () => {
    const [one, two] = await Promise.all([openSignedIn(harness, 'sue'), openSignedIn(harness, 'sue')]);
    expect(await runOn(one, '1', { query: inbox })).toHaveProperty('data');
    expect(await runOn(two, '1', { query })).toHaveProperty('data');
    await tell('sue', 'SuspendUser');
    for (const { closed } of [one, two]) {
      expect(await closed).toEqual({ code: 4401, reason: expect.stringMatching(/^SUSPENDED: /) });
    }
    expect(await codeOf('sue')).toEqual({ status: 403, code: 'SUSPENDED' });
    await expect(openSignedIn(harness, 'sue')).rejects.toThrow(/4401.*SUSPENDED/);
    await tell('sue', 'ReinstateUser');
    await expect.poll(() => codeOf('sue')).toEqual({ status: 200, code: undefined });
  });

  it('is cut off at once when erased', async () => {
    const raw = await openSignedIn(harness, 'eli');
    await runOn(raw, '1', { query });
    await tell('eli', 'EraseUser');
    expect(await raw.closed).toEqual({ code: 4401, reason: expect.stringMatching(/^ERASED: /) });
    expect(await codeOf('eli')).toEqual({ status: 403, code: 'ERASED' });
  });

  it('is cut off at once when their session ends, and only that session', async () => {
    const [mine, other] = [{ claims: { sid: 'mine' } }, { claims: { sid: 'other' } }];
    const [raw, stays] = await Promise.all([openSignedIn(harness, 'sid', mine), openSignedIn(harness, 'sid', other)]);
    await harness.sessions.endSession('mine', Date.now() + 60_000);
    expect(await raw.closed).toEqual({ code: 4401, reason: expect.stringMatching(/^SESSION_ENDED: /) });
    expect(await codeOf('sid', mine)).toEqual({ status: 401, code: 'SESSION_ENDED' });
    expect(await codeOf('sid', other)).toEqual({ status: 200, code: undefined });
    expect(await runOn(stays, '1', { query })).toHaveProperty('data');
    stays.socket.terminate();
  });
});

describe('a seat', () => {
  it('is refused for now where the standing cannot be watched, and a fresh token changes nothing then', async () => {
    const { socket } = await openRaw(harness);
    let away = true;
    const seats = createSeats({
      verify: async (seconds) => {
        const expires = Date.now() + Number(seconds) * 1_000;
        return { user: 'u', subject: 'u', name: 'U', roles: [], scopes: [], expires };
      },
      standing: {
        check: async () => ({ registered: true }),
        watch: async () => {
          if (away) throw clientError('UNAVAILABLE', 'Not now.');
          return () => undefined;
        },
        stop: () => undefined,
      },
      limits: defaultLimits,
      now: Date.now,
      onCount: () => undefined,
    });
    expect(await seats.sit(socket, '60', () => 0)).toEqual([1013, 'UNAVAILABLE: Not now.']);
    seats.rise(socket);
    away = false;
    expect(await seats.sit(socket, '60', () => 0)).toBeUndefined();
    const until = await seats.refresh(socket, '1');
    away = true;
    expect(await seats.refresh(socket, '600')).toBe(until);
    seats.rise(socket);
    socket.terminate();
  });
});

describe('the door', () => {
  it('waits for who does not say who they are, and then closes', async () => {
    const raw = await openRaw(harness);
    expect(await raw.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  it('lets in so many of one address who have not said it, and more when they have', async () => {
    const waiting = await Promise.all(Array.from({ length: 5 }, () => openRaw(harness)));
    await expect(openRaw(harness)).rejects.toThrow(/429/);
    waiting[0]?.send({ type: 'connection_init', payload: { authorization: await bearer('ana') } });
    await waiting[0]?.next(({ type }) => type === 'connection_ack');
    waiting.push(await openRaw(harness));
    await Promise.all(waiting.slice(1).map(({ closed }) => closed));
    waiting[0]?.socket.terminate();
  });

  it('answers to its public name and to its own pages only', async () => {
    const { port } = new URL(harness.publicUrl);
    const statusFor = async (headers: Record<string, string>, path = '/graphql'): Promise<number | undefined> => {
      const upgrade = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'graphql-transport-ws',
      };
      const request = httpRequest({ port, host: '127.0.0.1', path, headers: { ...upgrade, ...headers } }).end();
      const [answer] = await Promise.race([once(request, 'response'), once(request, 'upgrade')]);
      answer.destroy();
      return answer.statusCode;
    };
    const host = `localhost:${port}`;
    expect(await statusFor({ host })).toBe(101);
    expect(await statusFor({ host, origin: harness.publicUrl })).toBe(101);
    expect(await statusFor({ host, origin: 'null' })).toBe(403);
    expect(await statusFor({ host, origin: 'https://evil.example' })).toBe(403);
    expect(await statusFor({ host: 'evil.example', origin: harness.publicUrl })).toBe(421);
    expect(await statusFor({ host: `127.0.0.1:${port}` })).toBe(421);
    expect(await statusFor({ host }, '/elsewhere')).toBe(404);
  });

  it('closes with 1009 for a frame that is too long, and 4400 for what is no message', async () => {
    const long = await openSignedIn(harness, 'ana');
    long.send({ id: '1', type: 'subscribe', payload: { query: ' '.repeat(70_000) } });
    expect((await long.closed).code).toBe(1009);
    for (const message of ['nonsense', '{"type":"connection_ack"}', '{"type":"error","id":"1","payload":[]}', '[]']) {
      const raw = await openSignedIn(harness, 'ana');
      raw.send(message);
      expect((await raw.closed).code).toBe(4400);
    }
  });
});

describe('an operation that is completed before it has begun', () => {
  const watch = 'subscription ($id: ID!) { conversationEvents(id: $id, asOf: 0) { to } }';

  it('keeps its id until it is over, and leaves nothing behind', async () => {
    const { input } = await startConversation(harness, 'ida');
    const payload = { query: watch, variables: { id: input.conversation } };
    const begin = { id: 'x', type: 'subscribe', payload };
    for (let n = 0; n < 20; n++) {
      const raw = await openSignedIn(harness, 'ida');
      for (const frame of [begin, { id: 'x', type: 'complete' }, begin]) raw.send(frame);
      expect((await raw.closed).code).toBe(4409);
    }
    // Whoever has gone is remembered for a moment, and then by nothing either.
    await expect.poll(() => harness.attached()).toBe(0);
  });

  it('counts until it is over', async () => {
    const { input } = await startConversation(harness, 'lea');
    const raw = await openSignedIn(harness, 'lea');
    const payload = { query: watch, variables: { id: input.conversation } };
    for (let n = 0; n < defaultLimits.socket.running; n++) {
      raw.send({ id: `${n}`, type: 'subscribe', payload });
      raw.send({ id: `${n}`, type: 'complete' });
    }
    expect(await runOn(raw, 'one more', { query })).toMatchObject([{ extensions: { code: 'TOO_MANY_OPERATIONS' } }]);
    raw.socket.terminate();
  });
});

describe('a consumer that reads nothing', () => {
  it('is cut off, costs no memory and no other consumer anything, and resumes', { timeout: 150_000 }, async () => {
    const { input } = await startConversation(harness, 'slow', 'Hello');
    const watch = `subscription ($id: ID!, $asOf: Int!) { conversationEvents(id: $id, asOf: $asOf) { to messages { id parts { ... on TextPart { text } } } } }`;
    const follow = { query: watch, variables: { id: input.conversation, asOf: 1 } };
    const [stalled, reads] = await Promise.all([openSignedIn(harness, 'slow'), openSignedIn(harness, 'slow')]);
    reads.send({ id: 'follow', type: 'subscribe', payload: follow });
    // Were it not cut off, more than 200 MB would wait for it in the end.
    for (let n = 0; n < 40; n++) stalled.send({ id: `follow ${n}`, type: 'subscribe', payload: follow });
    await stalled.next(({ id, type }) => type === 'next' && id === 'follow 39');
    stalled.socket.pause();

    const text = 'long '.repeat(18_000);
    const post = `mutation ($input: MessagePostInput!) { messagePost(input: $input) { __typename } }`;
    const sent: unknown[] = [];
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().external;
    for (let n = 0; n < 60; n++) {
      const [commandId, message, reply] = Array.from({ length: 3 }, () => harness.newId('slow'));
      const ids = {
        commandId,
        conversation: input.conversation,
        message: `message_${message}`,
        reply: `message_${reply}`,
      };
      const { data } = await harness.ask('slow', post, { input: { ...ids, parent: null, fork: true, text } });
      expect(data).toEqual({ messagePost: { __typename: 'Accepted' } });
      sent.push(ids.message);
    }
    const seen = new Set<unknown>();
    while (!sent.every((id) => seen.has(id))) {
      const { payload } = await reads.next(({ type }) => type === 'next');
      const { data } = JSON.parse(JSON.stringify(payload));
      for (const { id } of data.conversationEvents.messages) seen.add(id);
    }
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().external - before;
    expect(grown).toBeLessThan(64 * 1024 * 1024);

    // It learns of the end when it reads again.
    await expect.poll(() => openSockets(), { timeout: 60_000 }).toBe(1);
    stalled.socket.resume();
    expect((await stalled.closed).code).toBe(1006);
    const again = await openSignedIn(harness, 'slow');
    const { data } = JSON.parse(
      JSON.stringify(await runOn(again, '1', { ...follow, variables: { ...follow.variables, asOf: 2 } })),
    );
    expect(data.conversationEvents.messages.length).toBeGreaterThan(0);
    for (const { socket } of [again, reads]) socket.terminate();
  });
});

describe('what is no HTTP', () => {
  it('is told so', async () => {
    const { port } = new URL(harness.publicUrl);
    for (const [sent, code] of [
      ['nonsense\r\n\r\n', 'BAD_REQUEST'],
      [
        `POST /graphql HTTP/1.1\r\nhost: localhost:${port}\r\nauthorization: ${'x'.repeat(20_000)}\r\n\r\n`,
        'HEADERS_TOO_LARGE',
      ],
    ] as const) {
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(sent);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ errors: [{ extensions: { code } }] });
    }
  });

  it('leaves no socket behind', async () => {
    await expect.poll(() => openSockets()).toBe(0);
  });
});
