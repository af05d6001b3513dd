import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createSocketServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from './port.js';

type Stopping = { close(): unknown };
const open: Stopping[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

type Listening = Stopping & {
  listen(port: number, host: string, then: () => void): unknown;
  address(): AddressInfo | string | null;
};

const listening = (server: Listening, host = '127.0.0.1'): Promise<number> =>
  new Promise((resolve) => {
    open.push(server);
    server.listen(0, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : NaN);
    });
  });

const web = (body: string, headers: Record<string, string> = {}) =>
  createServer((_, response) => response.writeHead(200, headers).end(body));

describe('the port', () => {
  it('is the wanted one where that is free', async () => {
    const { port } = await freePort('127.0.0.1', 0);
    expect(port).toBeGreaterThan(0);
    expect(await freePort('127.0.0.1', port)).toEqual({ port });
  });

  it('is the next one where another Verbatim has it, and says so', async () => {
    const taken = await listening(web('{"product":"verbatim","status":"ok"}'));
    const free = await freePort('127.0.0.1', taken);
    expect(free.port).toBeGreaterThan(taken);
    expect(free.busy).toBe(`Port ${taken} belongs to another Verbatim, at http://localhost:${taken}.`);
  });

  it('names another web server', async () => {
    const taken = await listening(web('hello', { server: 'elsewhere/1.0' }));
    const { busy } = await freePort('127.0.0.1', taken);
    expect(busy).toBe(`Port ${taken} is taken by another web server (elsewhere/1.0).`);
  });

  it('does not wait for a program that says nothing', async () => {
    const taken = await listening(createSocketServer(() => undefined));
    const { busy } = await freePort('127.0.0.1', taken);
    expect(busy).toBe(`Port ${taken} is taken by another program.`);
  });

  it('takes a stranger on ::1 for one who has it, since that is where browsers look for localhost', async () => {
    const taken = await listening(web('hello'), '::1').catch(() => undefined);
    if (taken === undefined) return;
    expect((await freePort('127.0.0.1', taken)).port).not.toBe(taken);
  });

  it('refuses an address that is not this machine’s', async () => {
    await expect(freePort('192.0.2.1', 0)).rejects.toMatchObject({ code: 'HOST_UNKNOWN' });
  });
});
