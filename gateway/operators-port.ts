import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import { isLoopback } from './hosts.js';
import { answer, close, listen, portOf } from './listen.js';
import { type Served, fault } from './post.js';

/** What a process says of its health. */
export type Health = {
  /** What is not ready yet, in words; empty when all is. */
  readonly waitingFor: () => readonly string[];
  /** Whether its end has begun: nothing new is to be sent here. */
  readonly isDraining: () => boolean;
};

export type OperatorsPortOptions = Health & {
  /** Beyond loopback it answers to any name: who may reach it is decided outside. */
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Routes for operators, which guard themselves. */
  readonly operators?: Hono | undefined;
};

/** Who answers here, for whoever finds the port taken. */
const PRODUCT = 'verbatim';

/** Listens for operators: /healthz, /readyz, /metrics, and their routes. */
export async function startOperatorsPort(
  options: OperatorsPortOptions,
): Promise<{ port: number; close(): Promise<void> }> {
  const { host, port, registry, operators } = options;
  const app = new Hono<Served>();
  addHealth(app, options);
  app.get('/metrics', async (c) => c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }));
  if (operators) app.route('/', operators);
  const listener = getRequestListener(app.fetch);
  const local = isLoopback(host);
  const server = createServer((request, response) => {
    // Else a page could make its own name point here, and read what it likes.
    if (!local || isLoopback(request.headers.host)) return answer(listener, request, response);
    const body = fault('WRONG_HOST', 'Ask for localhost: operators are served under no other name.');
    response.writeHead(421, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await listen(server, port, host);
  return { port: portOf(server), close: () => close(server) };
}

/** Adds /healthz, the process lives, and /readyz, it may be sent something. */
export function addHealth(app: Hono<Served>, { waitingFor, isDraining }: Health): void {
  app.get('/healthz', (c) => c.json({ product: PRODUCT, status: 'ok' }));
  app.get('/readyz', (c) => {
    if (isDraining()) return c.json({ product: PRODUCT, ready: false, draining: true, waitingFor: [] }, 503);
    const waiting = waitingFor();
    const ready = waiting.length === 0;
    return c.json({ product: PRODUCT, ready, waitingFor: waiting }, ready ? 200 : 503);
  });
}
