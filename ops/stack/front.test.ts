import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { type Server, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { follow } from './follow.js';
import { startFront } from './front.js';
import { freePorts } from './ports.js';

/** A gateway that says its name and repeats what it hears. */
async function gateway(port: number, name: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return server;
}

/** What is answered to a word. Empty: it was hung up. */
async function say(port: number, word: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let heard = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    heard += chunk.toString();
    if (heard.endsWith(word)) socket.destroy();
  });
  socket.write(word);
  await new Promise((resolve) => socket.once('close', resolve));
  return heard;
}

it('hands connections to the gateways in turn, and passes over one that is down', async () => {
  const ports = await freePorts(3);
  const [one = 0, two = 0, own = 0] = ports;
  await gateway(one, 'one');
  const second = await gateway(two, 'two');
  const front = await startFront(own, [one, two]);
  onTestFinished(front.close);
  expect(await say(own, 'word')).toBe('one:word');
  expect(await say(own, 'word')).toBe('two:word');
  second.close();
  await once(second, 'close');
  expect([await say(own, 'a'), await say(own, 'b'), await say(own, 'c')]).toEqual(['one:a', 'one:b', 'one:c']);
});

it('hangs up where no gateway answers, and says so where its port is taken', async () => {
  const [none = 0, own = 0] = await freePorts(2);
  const front = await startFront(own, [none]);
  onTestFinished(front.close);
  expect(await say(own, 'word')).toBe('');
  await expect(startFront(own, [none])).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

it('cuts what is open when it ends', async () => {
  const [one = 0, own = 0] = await freePorts(2);
  await gateway(one, 'one');
  const front = await startFront(own, [one]);
  const socket = connect(own, '127.0.0.1');
  await once(socket, 'data');
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  await front.close();
  await closed;
});

it('tells the lines of a log that grows, the last one too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-stack-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  const lines: string[] = [];
  const stop = follow(file, (line) => lines.push(line));
  appendFileSync(file, 'one\ntw');
  await expect.poll(() => lines).toEqual(['one']);
  appendFileSync(file, 'o ✓\nthree');
  await expect.poll(() => lines).toEqual(['one', 'two ✓']);
  stop();
  expect(lines).toEqual(['one', 'two ✓', 'three']);
});
