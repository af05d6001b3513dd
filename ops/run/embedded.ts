import { memoryChannel } from '../../commands/channel/memory.js';
import { createClient } from '../../commands/client/client.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { createOpener } from '../../commands/keys/opener.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { openSnapshots } from '../../commands/snapshots/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE } from '../../domain/catalogue.js';
import { randomUuid } from '../../domain/ids.js';
import { createMetrics } from '../../gateway/metrics.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import { createOperations } from '../../projections/operations.js';
import { relationsReader, watchObligations } from '../../projections/readmodel/obligations/obligations.js';
import { countObligations } from '../../projections/readmodel/obligations/open.js';
import { openOrRecreate } from '../../projections/readmodel/pglite.js';
import { announce } from '../../projections/sessions/announce.js';
import { memorySessions } from '../../projections/sessions/memory.js';
import { startViews } from '../../projections/views.js';
import { backUp } from '../operators/backup.js';
import { operatorRoutes } from '../operators/operators.js';
import { eraseAgain, withAccount } from './accounts.js';
import { branchReader } from './branch.js';
import { messageOf } from './errors.js';
import { type Folder, PARTITIONS } from './folder.js';
import type { OidcConfig } from './fleet-config.js';
import { openIdentity } from './identity.js';
import { mendingDb } from './mending.js';
import { createMeters } from './metrics.js';
import { pooledRandom } from './random.js';
import { auditFirst, recorder } from './audit.js';
import { startReactors } from './reactors.js';
import { startGatewayRole } from './roles/gateway.js';
import { meterViews } from './scrape.js';
import { PEOPLE } from './settings.js';
import { wait } from './wait.js';

export type EmbeddedOptions = {
  readonly folder: Folder;
  readonly host: string;
  readonly port: number;
  readonly opsPort: number;
  readonly publicUrl: string;
  readonly registration: 'open' | 'closed';
  readonly firstCode: string | undefined;
  readonly introspection: boolean;
  readonly documents: 'any' | 'persisted';
  readonly explorer: boolean;
  readonly verboseErrors: boolean;
  /** Wrap the keys (see `openKeys`). */
  readonly masterKeys: readonly Uint8Array[];
  /** A Keycloak, in place of the provider in this process. */
  readonly oidc: OidcConfig | undefined;
  /** Builds the page if it must be built; resolves with its folder. */
  readonly page: { readonly folder: string; readonly built: Promise<unknown> };
  /** Told what goes on, in a line for people. */
  readonly say: (line: string) => void;
  /** Told of what the process cannot go on with. */
  readonly onFailure: (error: unknown) => void;
};

export type Running = {
  readonly port: number;
  readonly opsPort: number;
  /** Resolves when everything is caught up and somebody answers. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
};

const now = Date.now;
const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

/** The whole product in one process: every role, on the embedded adapters. This is the one place that chooses them. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Running> {
  const { folder, publicUrl, page, say, onFailure } = options;
  const waiting = new Set(['the page', 'the log', 'the read models']);

  const metrics = createMetrics();
  const meters = createMeters(metrics.registry, now);
  meters.stores({
    log: folder.file('log.db'),
    keys: folder.file('keys.db'),
    identity: folder.file('identity.db'),
    snapshots: folder.file('snapshots.db'),
  });

  const log = meters.log(openSqliteLog({ file: folder.file('log.db'), partitions: PARTITIONS, newId }));
  const keys = cacheKeys({
    keys: openKeys({ file: folder.file('keys.db'), random, masters: options.masterKeys }),
    now,
  });
  const opener = createOpener({ keys });
  const sessions = meters.sessions(memorySessions({ now }));
  const { issuer, directory, provider } = await openIdentity(
    options.oidc,
    {
      ...options,
      file: folder.file('identity.db'),
      now,
      newId,
      random,
      onSessionEnd: (sid, until) => void sessions.endSession(sid, until),
    },
    (error) => say(`signing in waits: ${messageOf(error)}`),
  );

  const snapshots = meters.snapshots(openSnapshots({ file: folder.file('snapshots.db'), state: STATE }));
  const channel = memoryChannel({ partitions: PARTITIONS });
  const client = meters.client(createClient({ channel, keys, partitions: PARTITIONS, now, random, wait }));
  const worker = startWorker({
    log,
    snapshots,
    source: channel,
    now,
    random,
    wait,
    onProgress: progress('folding the log', say),
    onTrouble: (error) => say(`the write side waits: ${messageOf(error)}`),
    onEvicted: meters.evictions,
    onDeadLetter: ({ id, type }, error) => say(`command ${id} (${type}) could not be decided: ${messageOf(error)}`),
    onFailure,
  });

  const db = mendingDb({ open: () => openOrRecreate(folder.file('readmodels')), wait, say });
  const onTrouble = (error: unknown): void => say(`the read models wait: ${messageOf(error)}`);
  const watch = watchObligations(db);
  const views = startViews(
    { log, db: db.session, onFailure, onTrouble, onRestart: db.onRestart },
    {
      core: {
        onCommit: (notices) => announce(sessions, notices),
        onProgress: progress('rebuilding the read models', say),
        onBatch: meters.batches('core'),
      },
      obligations: {
        onCommit: watch.told,
        onAgain: () => void watch.again().catch(onTrouble),
        onBatch: meters.batches('obligations'),
      },
    },
  );
  const [coreRunner, obligationsRunner] = [views.runner('core'), views.runner('obligations')];
  const operations = createOperations({ log, db, runners: views.runners });
  meterViews(metrics.registry, {
    views: views.runners.map(({ view }) => view),
    operations,
    obligations: () => countObligations(db, PARTITIONS),
    onTrouble,
  });
  const queries = coreQueries({ db, partitions: PARTITIONS, reached: coreRunner.reached });

  const gateway = await startGatewayRole({
    ...options,
    services: {
      now,
      log: log.id,
      core: queries,
      client,
      outcome: worker.outcome,
      sessions,
      operations,
      open: opener.open,
    },
    partitions: PARTITIONS,
    issuer,
    ...(provider ? { provider } : { endSession: sessions.endSession }),
    namespace: PEOPLE,
    page: page.folder,
    waitingFor: () => [...waiting],
    metrics,
    operators: operatorRoutes({
      log,
      token: folder.token,
      backUp: (target) => backUp(folder.path, target),
      operations,
      record: recorder(client, newId),
    }),
    now,
    newId,
    onTrouble,
  });
  folder.announce({ url: publicUrl, opsUrl: `http://127.0.0.1:${gateway.opsPort}` });

  const accounts = directory && { directory, namespace: PEOPLE };
  const reactors = startReactors(Promise.all([worker.ready, coreRunner.caughtUp, obligationsRunner.caughtUp]), {
    obligations: watch.port(obligationsRunner),
    relations: relationsReader(db, obligationsRunner),
    branch: branchReader(queries, opener),
    client,
    destroyKey: accounts ? withAccount(keys.destroy, accounts) : keys.destroy,
    live: sessions,
    executor: newId(),
    // There is one process: whoever claimed anything before it is gone.
    lives: async () => false,
    now,
    wait,
    onFailure: (error) => say(`a reactor failed: ${messageOf(error)}`),
  });

  const stopAudit = provider && auditFirst({ provider, client, namespace: PEOPLE, onFailure });

  const accountsErased = coreRunner.caughtUp.then(() => accounts && eraseAgain(queries, accounts).catch(onTrouble));

  const arrive = async (what: string, there: Promise<unknown>): Promise<void> => {
    await there;
    waiting.delete(what);
  };
  const ready = Promise.all([
    arrive('the page', page.built),
    arrive('the log', worker.ready),
    arrive('the read models', Promise.all([accountsErased, reactors.started])),
  ]).then(() => undefined);
  ready.catch(onFailure);

  return {
    port: gateway.port,
    opsPort: gateway.opsPort,
    ready,
    stop: async () => {
      stopAudit?.();
      // There is no other server to send anybody to: at once, but for what was asked for already.
      await gateway.drain(0);
      await reactors.stop();
      await worker.stop();
      await views.stop();
      sessions.close();
      await db.close();
      await log.close();
      await snapshots.close();
      await keys.close();
      provider?.close();
    },
  };
}

/** A rebuild of fewer records than this is over before one has read about it. */
const WORTH_TELLING = 10_000;

/** Says how far a rebuild is, but only where there is something to wait for. */
function progress(what: string, say: (line: string) => void): (done: number, of: number) => void {
  const begun = now();
  let said = begun;
  return (done, of) => {
    if (of < WORTH_TELLING || now() - said < 1_000) return;
    said = now();
    const left = Math.ceil((((now() - begun) / done) * (of - done)) / 1_000);
    say(`${what}: ${done} of ${of} records, about ${left} s left`);
  };
}
