import { kafkaChannel, kafkaSource } from '../../commands/channel/kafka.js';
import { createClient } from '../../commands/client/client.js';
import { outcomeReader } from '../../commands/client/outcomes.js';
import { connectKafka } from '../../commands/kafka/connect.js';
import { commandsTopic, ensureTopic } from '../../commands/kafka/topics.js';
import { cacheKeys } from '../../commands/keys/cache.js';
import { createOpener } from '../../commands/keys/opener.js';
import { openKeys } from '../../commands/keys/postgres.js';
import { openKafkaLog } from '../../commands/log/kafka.js';
import { openSnapshots } from '../../commands/snapshots/postgres.js';
import { startWorker } from '../../commands/worker/worker.js';
import { STATE } from '../../domain/catalogue.js';
import { randomUuid } from '../../domain/ids.js';
import { createMetrics } from '../../gateway/metrics.js';
import { startOperatorsPort } from '../../gateway/operators-port.js';
import { createLeases } from '../../projections/leases.js';
import { createOperations } from '../../projections/operations.js';
import { caughtUpBy, reachedBy } from '../../projections/reached.js';
import { coreQueries } from '../../projections/readmodel/core/queries.js';
import { followObligations } from '../../projections/readmodel/obligations/follow.js';
import { relationsReader } from '../../projections/readmodel/obligations/obligations.js';
import { countObligations } from '../../projections/readmodel/obligations/open.js';
import { openPostgres } from '../../projections/readmodel/postgres.js';
import { announce, announceObligations } from '../../projections/sessions/announce.js';
import { redisSessions } from '../../projections/sessions/redis.js';
import { startViews, viewsElsewhere } from '../../projections/views.js';
import { operatorRoutes } from '../operators/operators.js';
import { eraseAgain, withAccount } from './accounts.js';
import { recorder } from './audit.js';
import { branchReader } from './branch.js';
import type { Config } from './config.js';
import { messageOf } from './errors.js';
import type { FleetConfig, OidcConfig, RoleName } from './fleet-config.js';
import { keycloakIdentity } from './identity.js';
import { createMeters } from './metrics.js';
import { pooledRandom } from './random.js';
import { startReactors } from './reactors.js';
import { startGatewayRole } from './roles/gateway.js';
import { meterViews } from './scrape.js';
import { wait } from './wait.js';

export type FleetOptions = Omit<Config, 'fleet' | 'oidc' | 'opsPort' | 'publicUrl'> & {
  readonly fleet: FleetConfig;
  readonly oidc: OidcConfig;
  readonly opsPort: number;
  readonly publicUrl: string;
  /** Builds the page if it must be built; resolves with its folder. */
  readonly page: { readonly folder: string; readonly built: Promise<unknown> };
  /** Told what goes on, in a line for people. */
  readonly say: (line: string) => void;
  /** Told of what the process cannot go on with: it is to end, and to be started again. */
  readonly onFailure: (error: unknown) => void;
};

/** A role at work. It is stopped by what it gives back, and what others stand on last. */
type Role = { readonly waitsFor: string; readonly ready: Promise<unknown>; stop(): Promise<unknown> };

const now = Date.now;
const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

/** How many connections to Postgres one process has at most. */
const POOL = 8;

/**
 * One process of a fleet: the roles that it is there for, on Kafka, Postgres, Redis and Keycloak. Beside the embedded
 * wiring this is the other place that chooses adapters; what stands on them is the same.
 */
export async function startFleet(options: FleetOptions): Promise<{
  readonly opsPort: number;
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}> {
  const { fleet, oidc, publicUrl, page, say, onFailure } = options;
  const { partitions, prefix, replication, namespace } = fleet;
  const trouble =
    (what: string) =>
    (error: unknown): void =>
      say(`${what}: ${messageOf(error)}`);
  const metrics = createMetrics();
  const meters = createMeters(metrics.registry, now);

  const kafka = connectKafka({
    brokers: fleet.brokers,
    clientId: `verbatim-${fleet.roles.join('-')}`,
    onTrouble: trouble('Kafka'),
  });
  const log = meters.log(await openKafkaLog({ kafka, prefix, partitions, replication, newId }));
  await ensureTopic(kafka, commandsTopic(prefix, partitions, replication));
  const db = await openPostgres({
    url: fleet.databaseUrl,
    pool: POOL,
    applicationName: `verbatim ${fleet.roles.join(' ')}`,
    onTrouble: trouble('Postgres'),
  });
  const sessions = meters.sessions(await redisSessions({ url: fleet.redisUrl, now, onTrouble: trouble('Redis') }));
  const snapshots = meters.snapshots(await openSnapshots({ db, state: STATE }));
  const keys = cacheKeys({ keys: await openKeys({ db, random, masters: options.masterKeys }), now });
  const opener = createOpener({ keys });
  const outcome = outcomeReader({ log, snapshots, wait, onTrouble: trouble('a look-up waits') });
  const channel = await kafkaChannel({
    kafka,
    prefix,
    partitions,
    answers: sessions,
    lookUp: outcome,
    newId,
    now,
    wait,
    random,
    onTrouble: trouble('a command waits'),
  });
  const client = meters.client(createClient({ channel, keys, partitions, now, random, wait }));

  const onTrouble = trouble('the views wait');
  const reached = (view: string) => reachedBy({ db, view, sessions, wait, onTrouble });
  const [core, obligations] = [reached('core'), reached('obligations')];
  const queries = coreQueries({ db, partitions, reached: core });
  const identity = keycloakIdentity(oidc, trouble('signing in waits'));
  const accounts = identity.directory && { directory: identity.directory, namespace };

  const commands = async (): Promise<Role> => {
    const worker = startWorker({
      log,
      snapshots,
      source: kafkaSource({
        kafka,
        prefix,
        partitions,
        group: 'workers',
        answers: sessions,
        now,
        onTrouble: trouble('commands wait'),
      }),
      now,
      random,
      wait,
      onTrouble: trouble('the write side waits'),
      onDeadLetter: ({ id, type }, error) => say(`command ${id} (${type}) could not be decided: ${messageOf(error)}`),
      onFailure,
    });
    return { waitsFor: 'the group of workers', ready: worker.ready, stop: worker.stop };
  };

  const projections = async (): Promise<Role> => {
    const leases = createLeases({ db, log: log.id, holder: newId(), now, wait, onTrouble });
    const views = startViews(
      { log, db: () => db, leases, sessions, onFailure, onTrouble, onRestart: db.onRestart },
      {
        core: { onCommit: (notices) => announce(sessions, notices), onBatch: meters.batches('core') },
        obligations: {
          onCommit: (changes) => announceObligations(sessions, changes),
          onBatch: meters.batches('obligations'),
        },
      },
    );
    const stop = async (): Promise<void> => {
      await views.stop();
      await leases.stop();
    };
    const ready = Promise.all(views.runners.map(({ caughtUp }) => caughtUp));
    return { waitsFor: 'the views', ready, stop };
  };

  const assistant = async (): Promise<Role> => {
    const caughtUp = Promise.all([caughtUpBy({ log, reached: core }), caughtUpBy({ log, reached: obligations })]);
    const reactors = startReactors(caughtUp, {
      obligations: followObligations({ db, sessions, caughtUp: caughtUp.then(() => undefined), wait, onTrouble }),
      relations: relationsReader(db, { reached: obligations }),
      branch: branchReader(queries, opener),
      client,
      destroyKey: accounts ? withAccount(keys.destroy, accounts) : keys.destroy,
      live: sessions,
      executor: newId(),
      now,
      wait,
      onFailure: trouble('a reactor failed'),
    });
    const erased = caughtUp.then(() => accounts && eraseAgain(queries, accounts).catch(onTrouble));
    return { waitsFor: 'the views', ready: Promise.all([reactors.started, erased]), stop: reactors.stop };
  };

  const waiting = new Set<string>();
  let isDraining = false;
  const operations = createOperations({ log, db, runners: viewsElsewhere({ log, db, clock: now }) });
  const operators =
    fleet.opsToken === undefined
      ? undefined
      : operatorRoutes({ log, token: fleet.opsToken, operations, record: recorder(client, newId) });
  meterViews(metrics.registry, {
    views: ['core', 'obligations'],
    operations,
    obligations: () => countObligations(db, partitions),
    onTrouble,
  });

  const gateway = async (): Promise<Role> => {
    const serving = await startGatewayRole({
      ...options,
      opsHost: fleet.opsHost,
      services: { now, log: log.id, core: queries, client, outcome, sessions, operations, open: opener.open },
      partitions,
      issuer: identity.issuer,
      endSession: sessions.endSession,
      namespace,
      page: page.folder,
      waitingFor: () => [...waiting],
      metrics,
      ...(operators ? { operators } : {}),
      now,
      newId,
      onTrouble,
    });
    opsPort = serving.opsPort;
    return { waitsFor: 'the page', ready: page.built, stop: () => serving.drain(fleet.drainMs) };
  };

  const makers: Readonly<Record<RoleName, () => Promise<Role>>> = { gateway, commands, projections, assistant };
  let { opsPort } = options;
  /** A gateway has that port itself. */
  const health = fleet.roles.includes('gateway')
    ? undefined
    : await startOperatorsPort({
        host: fleet.opsHost,
        port: opsPort,
        registry: metrics.registry,
        waitingFor: () => [...waiting],
        isDraining: () => isDraining,
        operators,
      });
  opsPort = health?.port ?? opsPort;

  const roles: Role[] = [];
  // In this order they end: nobody is let in any more before that on which they stand goes.
  for (const name of ['gateway', 'assistant', 'commands', 'projections'] as const) {
    if (!fleet.roles.includes(name)) continue;
    const role = await makers[name]();
    waiting.add(role.waitsFor);
    roles.push(role);
  }
  const arrive = async ({ waitsFor, ready }: Role): Promise<void> => {
    await ready;
    waiting.delete(waitsFor);
  };
  const ready = Promise.all(roles.map(arrive)).then(() => undefined);
  ready.catch(onFailure);

  return {
    opsPort,
    ready,
    stop: async () => {
      isDraining = true;
      for (const role of roles) await role.stop();
      await health?.close();
      await channel.close();
      sessions.close();
      await log.close();
      await snapshots.close();
      await keys.close();
      await db.close();
      await kafka.close();
    },
  };
}
