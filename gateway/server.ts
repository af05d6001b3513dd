import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type ServerResponse, createServer } from 'node:http';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type MiddlewareHandler } from 'hono';
import { compress } from 'hono/compress';
import { GRACE, RESTARTING } from './drain.js';
import { inlineScripts, securityHeaders } from './headers.js';
import { hostRule } from './hosts.js';
import { LOGOUT_PATH, type LogoutOptions, logoutRoute } from './identity/backchannel.js';
import type { EmbeddedProvider, Issuer } from './identity/identity.js';
import type { Limits } from './limits/limits.js';
import { answer, close, listen, portOf } from './listen.js';
import { type Metrics, measurePipeline } from './metrics.js';
import { type Health, addHealth, startOperatorsPort } from './operators-port.js';
import type { Pipeline } from './pipeline.js';
import { type Served, fault, postHandler } from './post.js';
import { serveSockets } from './sockets.js';
import type { Standing } from './standing.js';
import type { Verifier } from './tokens.js';

export type GatewayOptions = {
  readonly host: string;
  readonly port: number;
  /** Where the operators' endpoints listen: on loopback, unless `opsHost` says otherwise. */
  readonly opsPort: number;
  readonly opsHost?: string;
  readonly publicUrl: string;
  readonly issuer: Issuer;
  /** Serves `/oidc/…`, where the identity provider is embedded. */
  readonly provider?: Pick<EmbeddedProvider, 'handle'>;
  /** Ends sessions that the provider says are over, at LOGOUT_PATH, where it is not embedded. */
  readonly endSession?: LogoutOptions['endSession'];
  readonly pipeline: Pipeline;
  readonly verify: Verifier;
  readonly standing: Standing;
  readonly limits?: Limits;
  /** Told of what is nobody's mistake but ours. */
  readonly onFault: (error: unknown) => void;
  /** The folder of the built page. It may still be missing at start. */
  readonly page: string;
  /** Whether the page has an address to try GraphQL at, /graphiql. Off unless switched on. */
  readonly explorer?: boolean;
  /** What is not ready yet, in words; empty when all is. */
  readonly waitingFor: () => readonly string[];
  readonly metrics: Metrics;
  /** Routes for operators, which guard themselves. */
  readonly operators?: Hono;
  readonly now: () => number;
};

export type Gateway = {
  readonly port: number;
  readonly opsPort: number;
  /**
   * Ends without hurry, and closes: not ready from now on, so that nobody is sent here; new sockets and POSTs, but
   * those that tell of a logout, are answered 503; what was asked for before is answered, within 5 s; sockets are closed
   * with 1012, evenly over `window` ms, so that not all come back at one moment.
   */
  drain(window: number): Promise<void>;
  close(): Promise<void>;
};

/** Listens for people on one port and for operators on another. It may listen before what it serves is ready. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { host, port, opsPort, publicUrl, provider, metrics } = options;
  let isDraining = false;
  const health: Health = { waitingFor: options.waitingFor, isDraining: () => isDraining };
  const app = getRequestListener(publicApp(options, health).fetch);
  const rule = hostRule(publicUrl);
  const headers = Object.entries(securityHeaders(publicUrl, [], options.issuer.issuer));
  // Probes and the identity provider come by whatever name is known inside.
  const nameless = new Set(['/healthz', '/readyz', ...(options.endSession ? [LOGOUT_PATH] : [])]);
  /** Answers that are not sent yet. */
  const answering = new Set<ServerResponse>();

  const people = createServer((request, response) => {
    const { url = '/' } = request;
    if (isDraining) {
      // Whoever comes again comes on a new connection, to another server.
      response.setHeader('connection', 'close');
      // But who has signed out is cut off at once, for their sockets are still served.
      if (request.method === 'POST' && url !== LOGOUT_PATH) return refuseForNow(response);
    }
    answering.add(response);
    response.once('close', () => answering.delete(response));
    const verdict = nameless.has(url) ? 'serve' : rule(request.headers.host);
    if (verdict === 'refuse') {
      response.writeHead(421, { 'content-type': 'text/plain' }).end('This server does not answer to that name.\n');
    } else if (verdict === 'redirect') {
      response.writeHead(307, { location: new URL(url, publicUrl).href }).end();
    } else if (provider && url.startsWith('/oidc/')) {
      provider.handle(request, response);
    } else {
      // Said here, for to add a header to an answer of hono makes it anew. What an answer says itself goes before.
      for (const [name, value] of headers) response.setHeader(name, value);
      answer(app, request, response);
    }
  });
  // Whoever sends a request slowly holds a connection, and no longer than this. In ms.
  people.headersTimeout = 30_000;
  people.requestTimeout = 60_000;
  // Longer than proxies keep theirs: who closes first must not be the one that gets the next request. In ms.
  people.keepAliveTimeout = 75_000;
  people.on('clientError', answerBroken);
  const sockets = serveSockets(people, {
    ...options,
    pipeline: measurePipeline(metrics, 'socket', options.pipeline),
    origin: new URL(publicUrl).origin,
    rule,
  });
  await listen(people, port, host);
  const operators = await startOperatorsPort({
    ...options,
    ...health,
    host: options.opsHost ?? '127.0.0.1',
    port: opsPort,
    registry: metrics.registry,
  });
  metrics.sockets.set(0);
  const end = async (): Promise<void> => {
    await sockets.close();
    await Promise.all([close(people), operators.close()]);
  };
  return {
    port: portOf(people),
    opsPort: operators.port,
    drain: async (window) => {
      isDraining = true;
      const answered = Promise.all([...answering].map((response) => once(response, 'close')));
      await Promise.all([sockets.drain(window), Promise.race([answered, sleep(GRACE)])]);
      await end();
    },
    close: end,
  };
}

function refuseForNow(response: ServerResponse): void {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' });
  response.end(JSON.stringify(fault('UNAVAILABLE', RESTARTING)));
}

/** What is no HTTP is told so, in the shape of all other errors. */
function answerBroken(error: Error & { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, code, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'HEADERS_TOO_LARGE', 'Send at most 16 KB of headers.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'REQUEST_TIMEOUT', 'Send the whole request within a minute.']
        : ['400 Bad Request', 'BAD_REQUEST', 'This is not HTTP/1.1.'];
  const body = JSON.stringify(fault(code, message));
  const head = [
    `HTTP/1.1 ${status}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function publicApp(options: GatewayOptions, health: Health): Hono<Served> {
  const { page, issuer, publicUrl } = options;
  const app = new Hono<Served>();
  let indexPage: { html: string; headers: Readonly<Record<string, string>> } | undefined;

  const pipeline = measurePipeline(options.metrics, 'post', options.pipeline);
  app.post('/graphql', postHandler({ ...options, pipeline }));
  app.all('/graphql', (c) =>
    c.json(fault('METHOD_NOT_ALLOWED', 'Send POST, or open a WebSocket here.'), 405, { allow: 'POST' }),
  );
  app.onError((error, c) => {
    options.onFault(error);
    return c.json(fault('INTERNAL', 'Something went wrong on our side.'), 500);
  });
  addHealth(app, health);
  app.get('/config.json', (c) =>
    c.json({ issuer: issuer.issuer, clientId: issuer.clientId, audience: issuer.audience }),
  );

  if (options.endSession) app.route('/', logoutRoute({ ...options, endSession: options.endSession }));

  app.use('/assets/*', compress());
  app.use('/assets/*', async (c, next) => {
    await next();
    if (c.res.ok) c.header('cache-control', 'public, max-age=31536000, immutable');
  });
  // Looked for when it is asked for: at start the folder may not be there yet.
  let files: MiddlewareHandler | undefined;
  app.on('GET', ['/assets/*', '/favicon.svg'], (c, next) => {
    files ??= serveStatic({ root: page });
    return files(c, next);
  });
  // A page from before a deploy asks for chunks that are gone: it must learn so, and not get a page instead.
  app.get('/assets/*', (c) => c.text('This file is not part of this version. Reload the page.', 404));
  if (!options.explorer) {
    app.get('/graphiql', (c) => c.text('The GraphQL explorer is switched off here. GRAPHIQL=on switches it on.', 404));
  }
  app.get('*', (c) => {
    if (!indexPage) {
      const file = join(page, 'index.html');
      if (!existsSync(file)) return c.text('The page is being built. Reload in a moment.', 503, { 'retry-after': '2' });
      const html = readFileSync(file, 'utf8');
      indexPage = { html, headers: securityHeaders(publicUrl, inlineScripts(html), issuer.issuer) };
    }
    return c.html(indexPage.html, 200, { ...indexPage.headers, 'cache-control': 'no-cache' });
  });
  return app;
}
