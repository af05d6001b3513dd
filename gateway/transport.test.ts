import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { hostRule } from './hosts.js';
import { type Harness, startHarness } from './testing.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.stop());

const post = async (headers: Record<string, string>, body: string): Promise<{ status: number; code: string }> => {
  const response = await fetch(`${harness.publicUrl}/graphql`, { method: 'POST', headers, body });
  const { errors } = JSON.parse(await response.text());
  return { status: response.status, code: errors?.[0]?.extensions?.code };
};

/** Runs one operation over a socket; resolves with its first result or errors. */
async function overSocket(query: string, variables = {}): Promise<unknown> {
  const client = harness.connect('ana');
  return new Promise((resolve) => {
    client.subscribe({ query, variables }, { next: resolve, error: resolve, complete: () => undefined });
  });
}

describe('tokens', () => {
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query: '{ viewer { user { name } } }' });

  it('answers the viewer, registered at first sight', async () => {
    const { data } = await harness.ask('newcomer', '{ viewer { user { id name } roles } }');
    expect(data).toEqual({
      viewer: { user: { id: `user_${harness.userOf('newcomer')}`, name: 'newcomer' }, roles: ['USER'] },
    });
  });

  it.each([
    ['no token', undefined, 'TOKEN_MISSING'],
    ['another issuer', { issuer: 'https://elsewhere.test' }, 'TOKEN_INVALID'],
    ['another audience', { audience: 'account' }, 'TOKEN_INVALID'],
    ['a foreign key', { foreign: true }, 'TOKEN_INVALID'],
    ['an ended token', { seconds: -10 }, 'TOKEN_EXPIRED'],
  ])('refuses %s', async (_, changes, code) => {
    const authorization = changes ? { authorization: `Bearer ${await harness.token('ana', changes)}` } : {};
    expect(await post({ ...json, ...authorization }, body)).toEqual({ status: 401, code });
  });

  it('refuses "alg: none"', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iss: 'https://issuer.test', aud: 'verbatim-api', sub: 'ana', exp: 9_999_999_999 };
    const authorization = `Bearer ${part({ alg: 'none' })}.${part(claims)}.`;
    expect(await post({ ...json, authorization }, body)).toEqual({ status: 401, code: 'TOKEN_INVALID' });
  });

  it('closes a socket with 4403, which clients retry, for a bad token and when a token ends', async () => {
    for (const seconds of [-10, 1]) {
      const socket = new WebSocket(`ws://localhost:${new URL(harness.publicUrl).port}/graphql`, 'graphql-transport-ws');
      await once(socket, 'open');
      const closed = once(socket, 'close');
      const authorization = `Bearer ${await harness.token('ana', { seconds })}`;
      socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization } }));
      const [code] = await closed;
      expect(code).toBe(4403);
    }
  });
});

describe('the one pipeline', () => {
  const deep = `{ viewer { conversations { nodes ${'{ thread { messages { author '.repeat(1)}{ id } } } } } } }`;
  const tooDeep =
    '{ viewer { conversations { nodes { thread { messages { siblings { ids { a { b { c { d } } } } } } } } } } }';
  const aliases = `{ ${Array.from({ length: 16 }, (_, n) => `a${n}: viewer { roles }`).join(' ')} }`;
  const tokens = `{ viewer { ${'roles '.repeat(1_000)} } }`;

  it.each([
    ['too deep a document', tooDeep],
    ['too many aliases', aliases],
    ['too many tokens', tokens],
    ['introspection', '{ __schema { types { name } } }'],
    ['a syntax error', '{ viewer {'],
    ['an unknown field', '{ viewer { shoeSize } }'],
  ])('refuses %s over POST and over a socket', async (_, query) => {
    const { status, errors } = await harness.ask('ana', query);
    expect(status).toBe(400);
    expect(errors?.length).toBeGreaterThan(0);
    const [first] = [await overSocket(query)].flat();
    expect(first).toHaveProperty('message');
  });

  it('serves an ordinary document on both', async () => {
    expect((await harness.ask('ana', deep)).status).toBe(200);
    expect(await overSocket(deep)).toHaveProperty('data');
  });

  it('keeps a socket open after a syntax error', async () => {
    const client = harness.connect('ana');
    const run = (query: string): Promise<unknown> =>
      new Promise((resolve) => {
        client.subscribe({ query }, { next: resolve, error: resolve, complete: () => undefined });
      });
    let closed = 0;
    client.on('closed', () => {
      closed += 1;
    });
    const keep = client.subscribe(
      { query: 'subscription { inbox { complete } }' },
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
    expect(await run('{ viewer {')).toBeInstanceOf(Array);
    expect(await run('{ viewer { roles } }')).toHaveProperty('data');
    expect(closed).toBe(0);
    keep();
  });
});

describe('transport', () => {
  const query = JSON.stringify({ query: '{ viewer { roles } }' });

  it('takes JSON only, as it is and with a length, and not too much of it', async () => {
    const authorization = `Bearer ${await harness.token('ana')}`;
    const json = { 'content-type': 'application/json', authorization };
    for (const type of [
      'text/plain',
      'application/json5',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
    ]) {
      expect(await post({ 'content-type': type, authorization }, query)).toEqual({
        status: 415,
        code: 'UNSUPPORTED_MEDIA_TYPE',
      });
    }
    expect(await post({ ...json, 'content-encoding': 'gzip' }, query)).toEqual({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    });
    expect(await post(json, JSON.stringify({ query: ' '.repeat(600 * 1024) }))).toEqual({
      status: 413,
      code: 'BODY_TOO_LARGE',
    });
    expect(await post({ ...json, 'content-type': 'application/json; charset=utf-8' }, query)).toEqual({ status: 200 });
    const { port } = new URL(harness.publicUrl);
    const headers = { ...json, host: `localhost:${port}`, 'transfer-encoding': 'chunked' };
    const request = httpRequest({ port, method: 'POST', path: '/graphql', headers });
    request.end(query);
    const [chunked] = await once(request, 'response');
    expect(chunked.statusCode).toBe(411);
    expect(String(await chunked.read())).toContain('LENGTH_REQUIRED');
    request.destroy();
  });

  it('says what is wrong with a body', async () => {
    const authorization = `Bearer ${await harness.token('ana')}`;
    const json = { 'content-type': 'application/json', authorization };
    const wrong = ['', '[not json', '[]', `[${query},${query}]`, 'null', '7', '{}', '{"query":7}', '{"query":""}'];
    const more = [
      '{"query":"{a}","variables":[]}',
      '{"query":"{a}","operationName":7}',
      '{"query":"{a}","documentId":"b"}',
    ];
    for (const body of [...wrong, ...more]) {
      expect(await post(json, body)).toEqual({ status: 400, code: 'BAD_REQUEST' });
    }
  });

  it('takes no subscription over POST, which is no fault of the server', async () => {
    const before = harness.failures.length;
    expect(await harness.ask('ana', 'subscription { inbox { complete } }')).toMatchObject({
      status: 400,
      errors: [{ message: 'Subscriptions go over a WebSocket.', extensions: { code: 'BAD_REQUEST' } }],
    });
    expect(harness.failures).toHaveLength(before);
  });

  it('refuses as a cursor what only looks like one', async () => {
    const id = harness.newId('ana');
    for (const time of [
      '1',
      '2026',
      '-1',
      '99999',
      '2026-02-31',
      '2026-02-31T00:00:00.000Z',
      '+012026-01-31T00:00:00.000Z',
    ]) {
      const after = Buffer.from(`${time} ${id}`).toString('base64url');
      const { errors } = await harness.ask('ana', `{ viewer { conversations(after: "${after}") { nodes { id } } } }`);
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_INPUT' } }]);
    }
  });

  it('is asked by whatever form of its address', async () => {
    const { port } = new URL(harness.publicUrl);
    const authorization = `Bearer ${await harness.token('ana')}`;
    const headers = { 'content-type': 'application/json', 'content-length': query.length, authorization };
    for (const path of ['/graphql?name=Roles', `${harness.publicUrl}/graphql`]) {
      const request = httpRequest({ port, method: 'POST', path, headers: { ...headers, host: `localhost:${port}` } });
      request.end(query);
      const [response] = await once(request, 'response');
      response.resume();
      expect(response.statusCode).toBe(200);
    }
  });

  it('lets go of who goes on sending what was refused already', async () => {
    const { port } = new URL(harness.publicUrl);
    const headers = { host: `localhost:${port}`, 'content-type': 'text/plain', 'content-length': 1_000 };
    const request = httpRequest({ port, method: 'POST', path: '/graphql', headers });
    request.flushHeaders();
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(415);
    response.resume();
    // It has not had its 1,000 bytes yet, and would wait for them for a minute.
    await once(response.socket, 'close', { signal: AbortSignal.timeout(4_000) });
  });

  it('answers GET with what to send', async () => {
    const response = await fetch(`${harness.publicUrl}/graphql?query={viewer{roles}}`);
    expect({ status: response.status, allow: response.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
  });

  it('takes nothing from a page of another origin', async () => {
    const authorization = `Bearer ${await harness.token('ana')}`;
    const from = (origin: string) => post({ 'content-type': 'application/json', authorization, origin }, query);
    for (const origin of ['https://evil.example', 'null', harness.publicUrl.replace('http:', 'https:')]) {
      expect(await from(origin)).toEqual({ status: 403, code: 'ORIGIN_NOT_ALLOWED' });
    }
    expect(await from(harness.publicUrl)).toEqual({ status: 200 });
  });

  it('answers to its public name only', async () => {
    const { port } = new URL(harness.publicUrl);
    const statusFor = async (host: string): Promise<number | undefined> => {
      const request = httpRequest({ port, host: '127.0.0.1', path: '/', headers: { host } }).end();
      const [response] = await once(request, 'response');
      response.resume();
      return response.statusCode;
    };
    expect(await statusFor('evil.example')).toBe(421);
    expect(await statusFor(`127.0.0.1:${port}`)).toBe(307);
    expect(await statusFor(`localhost:${port}`)).toBe(503);
  });

  it('takes the default port as none', () => {
    const secure = hostRule('https://chat.example');
    expect(['chat.example', 'Chat.Example:443', 'chat.example:80'].map(secure)).toEqual(['serve', 'serve', 'refuse']);
    expect(hostRule('http://chat.example:8080')('chat.example:80')).toBe('refuse');
  });

  it('opens no socket for a page of another origin', async () => {
    const url = `ws://localhost:${new URL(harness.publicUrl).port}/graphql`;
    const socket = new WebSocket(url, 'graphql-transport-ws', { origin: 'https://evil.example' });
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(403);
    response.setEncoding('utf8');
    const [body] = await once(response, 'data');
    expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'ORIGIN_NOT_ALLOWED' } }] });
    socket.on('error', () => undefined).terminate();
  });

  it('sets the security headers on every answer', async () => {
    const json = { 'content-type': 'application/json' };
    const authorization = `Bearer ${await harness.token('ana')}`;
    const posted = { method: 'POST', body: query };
    for (const [path, init] of [
      ...['/', '/healthz', '/config.json', '/assets/gone.js', '/graphql'].map((each) => [each, {}] as const),
      ['/graphql', { ...posted, headers: { ...json, authorization } }],
      ['/graphql', { ...posted, headers: json }],
      ['/graphql', posted],
    ] as const) {
      const { headers } = await fetch(`${harness.publicUrl}${path}`, init);
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('answers a missing asset with 404 and never with a page', async () => {
    const response = await fetch(`${harness.publicUrl}/assets/old-chunk.js`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toContain('text/plain');
  });

  it('keeps metrics on the operators’ port', async () => {
    expect(await (await fetch(`${harness.opsUrl}/metrics`)).text()).toContain('verbatim_sockets');
    expect((await fetch(`${harness.opsUrl}/healthz`)).status).toBe(200);
    // A name that a page has made to point here.
    const request = httpRequest(`${harness.opsUrl}/metrics`, { headers: { host: 'evil.example' } }).end();
    const [refused] = await once(request, 'response');
    refused.resume();
    expect(refused.statusCode).toBe(421);
    expect((await fetch(`${harness.publicUrl}/metrics`)).status).toBe(503);
  });
});
