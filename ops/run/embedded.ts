import { memoryChannel } from '../../commands/channel.js';
import { createClient } from '../../commands/client/client.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { createOpener } from '../../commands/keys/opener.js';
import { openKeys } from '../../commands/keys/sqlite.js';
import { openSqliteLog } from '../../commands/log/sqlite.js';
import { openSnapshots } from '../../commands/snapshots/sqlite.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE } from '../../domain/catalogue.js';
import { SYSTEM } from '../../domain/decider.js';
import { derivedId, instanceStream, nameFor, randomUuid } from '../../domain/ids.js';
import { createDocuments } from '../../gateway/documents/documents.js';
import { readManifest } from '../../gateway/documents/manifest.js';
import { openProvider } from '../../gateway/identity/provider.js';
import { repeatHeads } from '../../gateway/live/heads.js';
import { createMetrics } from '../../gateway/metrics.js';
import { createPipeline } from '../../gateway/pipeline.js';
import { startGateway } from '../../gateway/server.js';
import { createStanding } from '../../gateway/standing.js';
import { createVerifier } from '../../gateway/tokens.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import { createOperations } from '../../projections/operations.js';
import { relationsReader, watchObligations } from '../../projections/readmodel/obligations/obligations.js';
import { countObligations } from '../../projections/readmodel/obligations/open.js';
import { openOrRecreate } from '../../projections/readmodel/pglite.js';
import { announce } from '../../projections/sessions/announce.js';
import { memorySessions } from '../../projections/sessions/memory.js';
import { startViews } from '../../projections/views.js';
import { operatorRoutes } from '../operators/operators.js';
import { eraseAgain, withAccount } from './accounts.js';
import { branchReader } from './branch.js';
import { messageOf } from './errors.js';
import { type Folder, PARTITIONS } from './folder.js';
import { mendingDb } from './mending.js';
import { createMeters } from './metrics.js';
import { pooledRandom } from './random.js';
import { recorder } from './audit.js';
import { startReactors } from './reactors.js';
import { meterViews } from './scrape.js';
import { wait } from './wait.js';

/** Where people's ids come from, together with the provider's subjects. Fixed for the life of an installation. */
const PEOPLE = 'b6c7d1a4-3f0e-4c1b-9a52-7d0c2f6e8a11';

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
  const provider = await openProvider({
    ...options,
    file: folder.file('identity.db'),
    now,
    newId,
    random,
    onSessionEnd: sessions.endSession,
  });

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

  const heads = repeatHeads({ core: queries, partitions: PARTITIONS, onFailure: onTrouble });
  const { outcome } = worker;
  const standing = createStanding({ core: queries, sessions, onTrouble });
  const onFault = (id: string, error: unknown): void => {
    metrics.faults.inc();
    say(`fault ${id}: ${error instanceof Error ? error.stack : String(error)}`);
  };
  const services = { now, log: log.id, core: queries, client, outcome, sessions, heads, operations, open: opener.open };
  const gateway = await startGateway({
    ...options,
    issuer: provider,
    provider,
    pipeline: createPipeline({
      services,
      standing,
      documents: createDocuments({ manifest: readManifest(), arbitrary: options.documents === 'any', now }),
      introspection: options.introspection,
      verbose: options.verboseErrors,
      newId,
      onFault,
    }),
    standing,
    onFault: (error) => onFault(newId(), error),
    verify: createVerifier({ issuer: provider, namespace: PEOPLE, now }),
    page: page.folder,
    waitingFor: () => [...waiting],
    metrics,
    operators: operatorRoutes({ log, folder, operations, record: recorder(client, newId) }),
    now,
  });
  folder.announce({ url: publicUrl, opsUrl: `http://127.0.0.1:${gateway.opsPort}` });

  const accounts = { provider, namespace: PEOPLE };
  const reactors = startReactors(Promise.all([worker.ready, coreRunner.caughtUp, obligationsRunner.caughtUp]), {
    obligations: watch.port(obligationsRunner),
    relations: relationsReader(db, obligationsRunner),
    branch: branchReader(queries, opener),
    client,
    destroyKey: withAccount(keys.destroy, accounts),
    live: sessions,
    executor: newId(),
    now,
    wait,
    onFailure: (error) => say(`a reactor failed: ${messageOf(error)}`),
  });

  /** The roles of the first account belong into the operators' audit, whenever it came. Named so as to be told once. */
  const auditFirst = async (): Promise<boolean> => {
    const first = provider.first();
    if (!first) return false;
    const user = derivedId(PEOPLE, first.subject);
    const { status } = await client.send({
      id: nameFor(instanceStream, user, 'first account'),
      actor: SYSTEM,
      stream: instanceStream,
      type: 'GrantRoles',
      data: { user, roles: first.roles, reason: 'the first account of this installation' },
    });
    return status === 'accepted';
  };
  const audit = setInterval(() => {
    auditFirst()
      .then((told) => told && clearInterval(audit))
      .catch(onFailure);
  }, 1_000);

  const accountsErased = coreRunner.caughtUp.then(() => eraseAgain(queries, accounts).catch(onTrouble));

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
      clearInterval(audit);
      // There is no other server to send anybody to: at once, but for what was asked for already.
      await gateway.drain(0);
      heads.stop();
      standing.stop();
      await reactors.stop();
      await worker.stop();
      await views.stop();
      sessions.close();
      await db.close();
      await log.close();
      await snapshots.close();
      await keys.close();
      provider.close();
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
