import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { keycloakIssuer } from './identity/keycloak.js';
import { defaultLimits } from './limits/limits.js';
import { openSignedIn, runOn } from './raw-testing.js';
import { createRegistrar } from './register.js';
import { type Harness, startConversation, startHarness } from './testing.js';

// What holds while the write side does not answer, and while much runs at once.

let harness: Harness;
let away = false;
/** Held while it is set, as a slow write side would. */
let held: Promise<void> | undefined;
let sent = 0;
/** Whether nobody can tell which sessions have ended. */
let untold = false;
beforeAll(async () => {
  const hurry = { burst: 1_000_000, perSecond: 1_000_000 };
  harness = await startHarness({
    sessions: (real) => ({
      ...real,
      hasEnded: async (sid) => {
        if (untold) throw new Error('away');
        return real.hasEnded(sid);
      },
    }),
    commands: (real) => ({
      ...real,
      send: async (command) => {
        sent += 1;
        await held;
        return away ? { status: 'rejected', code: 'UNAVAILABLE', message: 'away' } : real.send(command);
      },
    }),
    limits: { ...defaultLimits, person: { ...defaultLimits.person, operations: hurry, subscribes: hurry, atOnce: 2 } },
  });
}, 60_000);
afterAll(() => harness.stop());

const query = '{ viewer { user { id } } }';
const codes = (answer: unknown) =>
  expect.objectContaining({ errors: [expect.objectContaining({ extensions: answer })] });

/** Sends requests, and goes without waiting for the answers. */
async function leaveEarly(subject: string, times: number): Promise<void> {
  const { port } = new URL(harness.publicUrl);
  const authorization = `Bearer ${await harness.token(subject)}`;
  const body = JSON.stringify({ query });
  const head = `POST /graphql HTTP/1.1\r\nhost: localhost:${port}\r\nauthorization: ${authorization}\r\ncontent-type: application/json`;
  const request = `${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  for (let n = 0; n < times; n++) {
    const socket = connect(Number(port), '127.0.0.1');
    await new Promise<void>((resolve) => {
      socket.write(request + request, () => resolve());
    });
    socket.destroy();
  }
}

describe('a gateway', () => {
  it('asks nothing of the write side for reads of whoever is registered, by whichever gateway', async () => {
    const another = createRegistrar({ client: harness.client, core: harness.core });
    const who = { user: harness.userOf('ana'), subject: 'ana', name: 'ana', roles: [], scopes: [], expires: 0 };
    await another(who);
    await expect.poll(async () => (await harness.core.users([who.user])).length).toBe(1);
    away = true;
    const before = sent;
    expect(await harness.ask('ana', query)).toMatchObject({
      status: 200,
      data: { viewer: { user: { id: `user_${who.user}` } } },
    });
    expect(sent).toBe(before);
    away = false;
  });

  it('closes a socket so that it comes back with the same token, where it cannot tell whether that is good', async () => {
    untold = true;
    await expect(openSignedIn(harness, 'cem', { claims: { sid: 's1' } })).rejects.toThrow(/1013.*UNAVAILABLE/);
    untold = false;
    await openSignedIn(harness, 'cem', { claims: { sid: 's1' } });
  });

  it('runs so many queries and mutations of one person at once, over POST and sockets, and no more', async () => {
    await startConversation(harness, 'ben');
    const raw = await openSignedIn(harness, 'ben');
    let release = (): void => undefined;
    held = new Promise((resolve) => {
      release = resolve;
    });
    const begun = sent;
    const slow = [startConversation(harness, 'ben'), startConversation(harness, 'ben')];
    await expect.poll(() => sent - begun).toBeGreaterThanOrEqual(2);
    const refused = { code: 'TOO_MANY_OPERATIONS', retryAfter: 200 };
    expect(await harness.ask('ben', query)).toEqual(codes(refused));
    expect((await harness.ask('ben', query)).status).toBe(429);
    expect(await runOn(raw, '1', { query })).toEqual(codes(refused));
    expect((await harness.ask('ana', query)).status).toBe(200);
    release();
    held = undefined;
    await Promise.all(slow);
    await leaveEarly('ben', 20);
    await expect.poll(async () => (await harness.ask('ben', query)).status).toBe(200);
    expect(await runOn(raw, '2', { query })).toHaveProperty('data');
  });
});

describe('an issuer whose keys cannot be read', () => {
  let apart: Harness;
  const troubles: unknown[] = [];
  beforeAll(async () => {
    const issuer = keycloakIssuer({
      issuer: 'http://127.0.0.1:1/realms/verbatim',
      jwksUrl: 'http://127.0.0.1:1/realms/verbatim/protocol/openid-connect/certs',
      onTrouble: (error) => troubles.push(error),
    });
    apart = await startHarness({ issuer });
  }, 60_000);
  afterAll(() => apart.stop());

  it('is told as such, over POST and over a socket, and nobody is sent away for good', async () => {
    const answer = await apart.ask('ana', query);
    expect([answer.status, answer.errors?.[0]?.extensions?.code]).toEqual([503, 'UNAVAILABLE']);
    const socket = new WebSocket(`${apart.publicUrl.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const closed = once(socket, 'close');
    const authorization = `Bearer ${await apart.token('ana')}`;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
    const [code] = await closed;
    expect(code).toBe(1013);
    expect(troubles).toHaveLength(1);
  });
});
