import { STATE } from '../domain/catalogue.js';
import { memorySnapshots } from '../commands/snapshots/memory.js';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient as createSocketClient } from 'graphql-ws';
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair } from 'jose';
import { WebSocket } from 'ws';
import { memoryChannel } from '../commands/channel/memory.js';
import { type CommandClient, createClient } from '../commands/client/client.js';
import { createOpener } from '../commands/keys/opener.js';
import { openKeys } from '../commands/keys/sqlite.js';
import { memoryLog } from '../commands/log/memory.js';
import { startWorker } from '../commands/worker/worker.js';
import { BUCKETS, bucketOf, derivedId, inBucket, randomUuid, timedId } from '../domain/ids.js';
import { createOperations } from '../projections/operations.js';
import { core } from '../projections/readmodel/core/core.js';
import { coreQueries } from '../projections/readmodel/core/queries.js';
import type { Db } from '../projections/readmodel/db.js';
import { openPglite } from '../projections/readmodel/pglite.js';
import { startRunner } from '../projections/runner.js';
import { announce } from '../projections/sessions/announce.js';
import { memorySessions } from '../projections/sessions/memory.js';
import type { Sessions } from '../projections/sessions/sessions.js';
import type { Services } from './context.js';
import { createDocuments } from './documents/documents.js';
import type { Manifest } from './documents/manifest.js';
import type { Issuer } from './identity/identity.js';
import { type Limits, defaultLimits } from './limits/limits.js';
import { repeatHeads } from './live/heads.js';
import { createMetrics } from './metrics.js';
import { createPipeline } from './pipeline.js';
import { freePort } from './port-testing.js';
import { startGateway } from './server.js';
import { createStanding } from './standing.js';
import { createVerifier } from './tokens.js';

const PARTITIONS = 4;
const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const ISSUER = 'https://issuer.test';

export const random = (bytes: number): Uint8Array => new Uint8Array(randomBytes(bytes));
const wait = (ms: number, signal?: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal }).catch(() => undefined);

export type Answer = { readonly status: number; readonly data: unknown; readonly errors?: readonly Fault[] };
type Fault = { readonly message: string; readonly extensions?: { readonly code?: string } };

/** A gateway on a free port with everything real behind it, but for the issuer, whose keys are made here. */
export type Harness = Awaited<ReturnType<typeof startHarness>>;

export type HarnessOptions = {
  /** Those of another store than memory; the harness closes them. */
  readonly store?: Sessions & { counts(): { readonly listeners: number } };
  readonly sessions?: (real: Sessions) => Sessions;
  readonly outcome?: (real: Services['outcome']) => Services['outcome'];
  readonly commands?: (real: CommandClient) => CommandClient;
  /** The core projection, to be spoiled. */
  readonly core?: typeof core;
  readonly introspection?: boolean;
  /** The roles of people who have others than `user`. */
  readonly roles?: Readonly<Record<string, readonly string[]>>;
  /** How often heads are repeated, in ms. */
  readonly headsEvery?: number;
  readonly verbose?: boolean;
  readonly explorer?: boolean;
  readonly limits?: Limits;
  readonly manifest?: Manifest;
  readonly arbitrary?: boolean;
  /** A real issuer, in place of the one made here. */
  readonly issuer?: Issuer;
  readonly port?: number;
};

/** The limits as they are, but for how fast one person may go: tests hurry. */
const hurry = { burst: 1_000_000, perSecond: 1_000_000 };
const unhurried: Limits = {
  ...defaultLimits,
  person: { ...defaultLimits.person, operations: hurry, subscribes: hurry, atOnce: 1_000 },
};

export async function startHarness(options: HarnessOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'verbatim-gateway-'));
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => {
    failures.push(error);
  };
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const foreign = await generateKeyPair('RS256');
  const keySet = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'test' }] });
  const issuer = options.issuer ?? {
    issuer: ISSUER,
    audience: 'verbatim-api',
    clientId: 'verbatim-ui',
    keys: keySet,
  };

  const log = memoryLog({ partitions: PARTITIONS, id: randomUuid(random(16)) });
  const keys = openKeys({ file: join(folder, 'keys.db'), random });
  const channel = memoryChannel({ partitions: PARTITIONS });
  const client = createClient({ channel, keys, partitions: PARTITIONS, now: Date.now, random, wait });
  const worker = startWorker({
    log,
    snapshots: memorySnapshots(STATE),
    source: channel,
    now: Date.now,
    random,
    wait,
    onFailure,
  });
  const db = await openPglite();
  const real = options.store ?? memorySessions({ now: Date.now });
  const sessions = options.sessions ? options.sessions(real) : real;
  const runner = startRunner({
    log,
    db,
    projection: options.core ?? core,
    onCommit: (notices) => announce(sessions, notices),
    onFailure,
  });
  let statements = 0;
  const counted: Db = {
    ...db,
    query: (sql, params) => {
      statements += 1;
      return db.query(sql, params);
    },
  };
  const questions = { partitions: PARTITIONS, reached: runner.reached };
  const queries = coreQueries({ db, ...questions });
  const views = { core: queries, partitions: PARTITIONS };
  const heads = repeatHeads({ ...views, every: options.headsEvery ?? 300, onFailure });
  const services = {
    now: () => Date.now(),
    log: log.id,
    core: coreQueries({ db: counted, ...questions }),
    client: options.commands?.(client) ?? client,
    outcome: options.outcome?.(worker.outcome) ?? worker.outcome,
    sessions,
    heads,
    operations: createOperations({ log, db, runners: [runner] }),
    open: createOpener({ keys }).open,
  };
  const metrics = createMetrics();
  const standing = createStanding({ ...views, sessions, every: 300, onTrouble: onFailure });
  const limits = options.limits ?? unhurried;
  let gateway: Awaited<ReturnType<typeof startGateway>> | undefined;
  // The port is part of the public address, so it must be known first.
  const port = options.port ?? (await freePort());
  const publicUrl = `http://localhost:${port}`;
  gateway = await startGateway({
    host: '127.0.0.1',
    port,
    opsPort: 0,
    publicUrl,
    issuer,
    endSession: sessions.endSession,
    pipeline: createPipeline({
      services,
      standing,
      limits,
      documents: createDocuments({
        manifest: options.manifest ?? { entries: [] },
        arbitrary: options.arbitrary ?? true,
        now: Date.now,
      }),
      introspection: options.introspection ?? false,
      verbose: options.verbose ?? false,
      newId: () => randomUuid(random(16)),
      onFault: (_, error) => onFailure(error),
    }),
    standing,
    limits,
    explorer: options.explorer ?? false,
    onFault: onFailure,
    verify: createVerifier({ issuer, namespace: NAMESPACE, now: Date.now }),
    page: join(folder, 'page'),
    waitingFor: () => [],
    metrics,
    now: Date.now,
  });
  const { opsPort } = gateway;
  await Promise.all([worker.ready, runner.caughtUp]);

  const token = (subject: string, changes: TokenChanges = {}): Promise<string> =>
    new SignJWT({ name: subject, roles: options.roles?.[subject] ?? ['user'], ...changes.claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'test' })
      .setIssuer(changes.issuer ?? ISSUER)
      .setAudience(changes.audience ?? 'verbatim-api')
      .setSubject(subject)
      .setExpirationTime(Math.floor(Date.now() / 1_000) + (changes.seconds ?? 300))
      .sign(changes.foreign ? foreign.privateKey : privateKey);

  const ask = async (
    subject: string,
    query: string,
    variables: object = {},
    changes: TokenChanges = {},
  ): Promise<Answer> => {
    const response = await fetch(`${publicUrl}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${await token(subject, changes)}` },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, data: undefined, ...JSON.parse(await response.text()) };
  };

  const sockets: Client[] = [];
  const connect = (subject: string, onSocket?: (socket: WebSocket) => void): Client => {
    class Spied extends WebSocket {
      constructor(address: string, protocols: string | string[]) {
        super(address, protocols);
        onSocket?.(this);
      }
    }
    const made = createSocketClient({
      url: `ws://localhost:${port}/graphql`,
      webSocketImpl: Spied,
      connectionParams: async () => ({ authorization: `Bearer ${await token(subject)}` }),
      retryAttempts: Infinity,
      retryWait: () => wait(10),
      shouldRetry: () => true,
    });
    sockets.push(made);
    return made;
  };

  return {
    publicUrl,
    opsUrl: `http://127.0.0.1:${opsPort}`,
    log,
    client,
    core: queries,
    runner,
    open: services.open,
    /** How many statements operations have made so far, in questions to the core view. */
    statements: (): number => statements,
    sessions,
    heads,
    failures,
    /** How many listeners are attached, and how many conversations are watched. */
    attached: (): number => real.counts().listeners + heads.watched(),
    /** Lets the gateway end without hurry. */
    drain: gateway.drain,
    token,
    ask,
    connect,
    /** A person's user id, and new ids at their home. */
    userOf: (subject: string): string => derivedId(NAMESPACE, subject),
    newId: (subject: string): string => timedId(Date.now(), random(16), bucketOf(derivedId(NAMESPACE, subject))),
    stop: async () => {
      for (const socket of sockets) await socket.dispose();
      heads.stop();
      standing.stop();
      await gateway.close();
      await worker.stop();
      await runner.stop();
      real.close();
      await db.close();
      await log.close();
      await keys.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An id moved out of its bucket. */
export const astray = (id: string): string => inBucket(id, (bucketOf(id) + 1) % BUCKETS);

type TokenChanges = {
  readonly issuer?: string;
  readonly audience?: string;
  readonly seconds?: number;
  readonly foreign?: boolean;
  readonly claims?: Readonly<Record<string, unknown>>;
};

/** Starts a conversation as somebody, and returns the bare ids of what came to be. */
export async function startConversation(harness: Harness, subject: string, text = 'Hello') {
  const [conversation, message, reply, commandId] = Array.from({ length: 4 }, () => harness.newId(subject));
  const input = {
    commandId,
    conversation: `conversation_${conversation}`,
    message: `message_${message}`,
    reply: `message_${reply}`,
    text,
  };
  const { data } = await harness.ask(
    subject,
    `mutation ($input: ConversationStartInput!) { conversationStart(input: $input) { __typename ... on Accepted { position } ... on Rejected { code message } } }`,
    { input },
  );
  return { input, data };
}
