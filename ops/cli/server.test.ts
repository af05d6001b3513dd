import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, reach } from './server.js';

let answer: { readonly status: number; readonly body: string };
let server: Server;
let url: string;
beforeEach(async () => {
  server = createServer((_, response) => response.writeHead(answer.status).end(answer.body)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(() => server.close());

const refused = async (status: number, body: string): Promise<unknown> => {
  answer = { status, body };
  return ask({ url, token: 'secret' }, 'GET', '/log', {}).catch((error: unknown) => error);
};

describe('what a server refuses', () => {
  it('is told under its own code', async () => {
    const full = { code: 'TARGET_NOT_EMPTY', message: 'It is not empty.' };
    expect(await refused(400, JSON.stringify(full))).toMatchObject({ name: 'CliError', ...full });
    expect(await refused(400, '{"code":"USAGE","message":"So not."}')).toMatchObject({ name: 'UsageError' });
  });

  it.each(['<h1>It works!</h1>', '{"message":"no code"}', 'null'])(
    'in words that are not ours, as %s, makes one ask who listens there',
    async (body) => {
      const message = `What listens at ${url} answered: ${body} (is another program on that port?)`;
      expect(await refused(404, body)).toMatchObject({ code: 'SERVER_ANSWER', message });
    },
  );

  it('or does not answer at all, is that it has ended', async () => {
    server.close();
    expect(await refused(200, '')).toMatchObject({ code: 'SERVER_GONE' });
  });
});

describe('the way to a fleet', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('is named by OPS_URL and OPS_TOKEN, whatever folder is meant', async () => {
    vi.stubEnv('OPS_URL', url);
    vi.stubEnv('OPS_TOKEN', 'secret');
    expect(await reach('no folder of ours')).toEqual({ url, token: 'secret' });
  });

  it.each([
    ['localhost', 'secret', /OPS_URL is "localhost".*takes an address/],
    ['http://localhost:8081', '', /OPS_TOKEN is not/],
  ])('is refused where half of it is given: %s, "%s"', async (address, token, message) => {
    vi.stubEnv('OPS_URL', address);
    vi.stubEnv('OPS_TOKEN', token);
    await expect(reach('data')).rejects.toThrow(message);
  });
});
