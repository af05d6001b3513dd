import { join } from 'node:path';
import { SignJWT, createLocalJWKSet, exportJWK, generateKeyPair } from 'jose';
import { createOpener } from '../../commands/keys/opener.js';
import { randomUuid } from '../../domain/ids.js';
import { createDocuments } from '../../gateway/documents/documents.js';
import { type Limits, defaultLimits } from '../../gateway/limits/limits.js';
import { repeatHeads } from '../../gateway/live/heads.js';
import { createMetrics } from '../../gateway/metrics.js';
import { createPipeline } from '../../gateway/pipeline.js';
import { startGateway } from '../../gateway/server.js';
import { createStanding } from '../../gateway/standing.js';
import { createVerifier } from '../../gateway/tokens.js';
import { core } from '../../projections/readmodel/core/core.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import { createOperations } from '../../projections/operations.js';
import type { Db } from '../../projections/readmodel/db.js';
import { openPglite } from '../../projections/readmodel/pglite.js';
import { startRunner } from '../../projections/runner.js';
import { announce } from '../../projections/sessions/announce.js';
import { memorySessions } from '../../projections/sessions/memory.js';
import { redisSessions } from '../../projections/sessions/redis.js';
import { freePort } from '../run/port.js';
import { pooledRandom } from '../run/random.js';
import { NAMESPACE, openLog, openWriteSide, subjectOf } from './writeside.js';

const ISSUER = 'https://issuer.bench';
const HOUR = 3600;

/** The limits as they are, but for how fast one person may go, and on how many sockets. They are checked all the same. */
const hurry = { burst: 1_000_000, perSecond: 1_000_000 };
const unhurried: Limits = {
  ...defaultLimits,
  person: { ...defaultLimits.person, operations: hurry, subscribes: hurry, sockets: 1_000 },
  socket: { ...defaultLimits.socket, unknownPerAddress: 1_000 },
};

const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

const onFailure = (error: unknown): never => {
  throw error;
};

/**
 * The product from the commands to the gateway, on the adapters of one machine, in a folder. Only the identity provider is
 * not there: tokens are signed here, by the keys that the gateway checks them with. No assistant answers. Live sessions are
 * in memory, or in the Redis of an address, under a prefix of their own.
 */
export async function openReadSide(folder: string, redisUrl?: string) {
  const log = openLog(join(folder, 'log.db'));
  const { partitions } = log;
  const side = await openWriteSide(folder, log);
  const { db, statements } = counting(await openPglite(join(folder, 'readmodels')));
  const sessions =
    redisUrl === undefined
      ? memorySessions({ now: Date.now })
      : await redisSessions({ url: redisUrl, now: Date.now, prefix: `bench-${newId()}:`, onTrouble: onFailure });
  const runner = startRunner({
    log,
    db,
    projection: core,
    onCommit: (notices) => announce(sessions, notices),
    onFailure,
  });
  const queries = coreQueries({ db, partitions, reached: runner.reached });
  const heads = repeatHeads({ core: queries, partitions, onFailure });
  const operations = createOperations({ log, db, runners: [runner] });
  const { open } = createOpener({ keys: side.keys });
  const services = {
    now: Date.now,
    log: log.id,
    core: queries,
    client: side.client,
    outcome: side.outcome,
    sessions,
    heads,
    operations,
    open,
  };
  const standing = createStanding({ core: queries, partitions, sessions, onTrouble: onFailure });
  const pipeline = createPipeline({
    services,
    standing,
    limits: unhurried,
    documents: createDocuments({ manifest: { entries: [] }, arbitrary: true, now: Date.now }),
    introspection: false,
    newId,
    onFault: (_, error) => onFailure(error),
  });

  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256', kid: 'bench' }] });
  const issuer = { issuer: ISSUER, audience: 'verbatim-api', clientId: 'bench', keys };
  const verify = createVerifier({ issuer, namespace: NAMESPACE, now: Date.now });
  const metrics = createMetrics();
  const { port } = await freePort('127.0.0.1', 0);
  const publicUrl = `http://localhost:${port}`;
  const gateway = await startGateway({
    host: '127.0.0.1',
    port,
    opsPort: 0,
    publicUrl,
    issuer,
    pipeline,
    verify,
    standing,
    limits: unhurried,
    onFault: onFailure,
    page: join(folder, 'page'),
    waitingFor: () => [],
    metrics,
    now: Date.now,
  });
  await runner.caughtUp;

  return {
    url: publicUrl,
    side,
    sessions,
    pipeline,
    verify,
    reached: runner.reached,
    /** How many subscriptions are attached. */
    following: async (): Promise<number> =>
      (await metrics.subscriptions.get()).values.reduce((sum, { value }) => sum + value, 0),
    /** How many statements were asked of the read models so far. */
    statements,
    /** What a client of one of the people sends to say who it is. */
    authorization: async (n: number): Promise<string> => {
      const token = await new SignJWT({ name: subjectOf(n), roles: ['user'] })
        .setProtectedHeader({ alg: 'RS256', kid: 'bench' })
        .setIssuer(ISSUER)
        .setAudience(issuer.audience)
        .setSubject(subjectOf(n))
        .setExpirationTime(Math.floor(Date.now() / 1_000) + HOUR)
        .sign(privateKey);
      return `Bearer ${token}`;
    },
    close: async () => {
      heads.stop();
      standing.stop();
      await gateway.close();
      await side.close();
      await runner.stop();
      sessions.close();
      await db.close();
      await log.close();
    },
  };
}

export type ReadSide = Awaited<ReturnType<typeof openReadSide>>;

/** A database, and how many statements it was asked outside of transactions. */
function counting(real: Db): { readonly db: Db; readonly statements: () => number } {
  let asked = 0;
  const db: Db = {
    ...real,
    query: (sql, params) => {
      asked += 1;
      return real.query(sql, params);
    },
  };
  return { db, statements: () => asked };
}
