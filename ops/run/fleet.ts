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
import { LIMITS } from '../../commands/worker/limits.js';
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
import { type FleetConfig, type RoleName, opens } from './fleet-config.js';
import { keycloakIdentity } from './identity.js';
import { createMeters } from './metrics.js';
import { pooledRandom } from './random.js';
import { startReactors } from './reactors.js';
import { startGatewayRole } from './roles/gateway.js';
import { meterViews } from './scrape.js';
import { wait } from './wait.js';

export type FleetOptions = Omit<Config, 'fleet' | 'opsPort' | 'publicUrl'> & {
  readonly fleet: FleetConfig;
  readonly opsPort: number;
  readonly publicUrl: string;
  /** The folder of the page, and when it is built. A gateway needs it. */
  readonly page: { readonly folder: string; readonly built: Promise<unknown> } | undefined;
  /** Told what goes on, in a line for people. */
  readonly say: (line: string) => void;
  /** Told of what the process cannot go on with: it is to end, and to be started again. */
  readonly onFailure: (error: unknown) => void;
};

export type RunningFleet = {
  readonly opsPort: number;
  /** Resolves when every role is at work. */
  readonly ready: Promise<void>;
  /** Takes nothing new, ends what is in hand, and leaves everything to others. */
  stop(): Promise<void>;
};

/** A role at work. */
type Role = { readonly ready: Promise<unknown>; stop(): Promise<unknown> };

const now = Date.now;
const random = pooledRandom();
const newId = (): string => randomUuid(random(16));

/** How many connections to Postgres one process has at most, beside the one on which it says that it lives. */
const POOL = 8;

/**
 * One process of a fleet: the roles that it is there for, on Kafka, Postgres, Redis and Keycloak. Beside the embedded
 * wiring this is the other place that chooses adapters; what stands on them is the same.
 */
export async function startFleet(options: FleetOptions): Promise<RunningFleet> {
  const { fleet, oidc, page, say, onFailure } = options;
  const { partitions, prefix, replication, namespace } = fleet;
  const trouble =
    (what: string) =>
    (error: unknown): void =>
      say(`${what}: ${messageOf(error)}`);
  const onTrouble = trouble('the views wait');
  const metrics = createMetrics();
  const meters = createMeters(metrics.registry, now);
  /** What is opened here, to be closed in the other order. */
  const opened: (() => Promise<unknown> | void)[] = [];

  const clientId = `verbatim-${fleet.roles.join('-')}`;
  const kafka = connectKafka({ brokers: fleet.brokers, clientId, onTrouble: trouble('Kafka') });
  opened.push(kafka.close);
  const log = meters.log(await openKafkaLog({ kafka, prefix, partitions, replication, newId }));
  opened.push(log.close);
  await ensureTopic(kafka, commandsTopic(prefix, partitions, replication));
  const url = fleet.databaseUrl;
  const db = await openPostgres({ url, pool: POOL, applicationName: clientId, onTrouble: trouble('Postgres') });
  opened.push(db.close);
  const sessions = meters.sessions(await redisSessions({ url: fleet.redisUrl, now, onTrouble: trouble('Redis') }));
  meters.sessionsStore(sessions.connected);
  opened.push(sessions.close);
  const snapshots = meters.snapshots(await openSnapshots({ db, state: STATE }));
  opened.push(snapshots.close);

  const outcome = outcomeReader({ log, snapshots, wait, onTrouble: trouble('a look-up waits') });
  const reached = (view: string) => reachedBy({ db, view, sessions, wait, onTrouble });
  const [core, obligations] = [reached('core'), reached('obligations')];
  const queries = coreQueries({ db, partitions, reached: core });
  const operations = createOperations({ log, db, runners: viewsElsewhere({ log, db, clock: now }) });

  /** What only those have who send commands, and seal and open content. */
  const openClient = async () => {
    const keys = cacheKeys({ keys: await openKeys({ db, random, masters: options.masterKeys }), now });
    opened.push(keys.close);
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
    opened.push(channel.close);
    const client = meters.client(createClient({ channel, keys, partitions, now, random, wait }));
    return { keys, client, opener: createOpener({ keys }) };
  };
  const sending = fleet.roles.some(opens) ? await openClient() : undefined;

  const waiting = new Set<string>(fleet.roles);
  let isDraining = false;
  const health = { waitingFor: () => [...waiting], isDraining: () => isDraining };
  const operators =
    sending && fleet.opsToken !== undefined
      ? operatorRoutes({ log, token: fleet.opsToken, operations, record: recorder(sending.client, newId) })
      : undefined;

  const commands = async (): Promise<Role> => {
    const onWait = trouble('the write side waits');
    const source = kafkaSource({
      kafka,
      prefix,
      partitions,
      group: 'workers',
      answers: sessions,
      now,
      onTrouble: onWait,
    });
    return startWorker({
      log,
      snapshots,
      source,
      now,
      random,
      wait,
      onTrouble: onWait,
      onEvicted: meters.evictions,
      limits: { ...LIMITS, room: fleet.streamRoom },
      onDeadLetter: ({ id, type }, error) => say(`command ${id} (${type}) could not be decided: ${messageOf(error)}`),
      onFailure,
    });
  };

  // What says that it lives does not stand in line behind its own work.
  const leasesOf = (holder: string) =>
    createLeases({ db: db.aside, log: log.id, holder, clock: () => performance.now(), wait, onTrouble });

  const projections = async (): Promise<Role> => {
    const leases = leasesOf(newId());
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
    meterViews(metrics.registry, {
      views: views.runners.map(({ view }) => view),
      operations,
      obligations: () => countObligations(db, partitions),
      onTrouble,
    });
    const stop = async (): Promise<void> => {
      await views.stop();
      await leases.stop();
    };
    return { ready: Promise.all(views.runners.map(({ caughtUp }) => caughtUp)), stop };
  };

  const identity = oidc && keycloakIdentity(oidc, trouble('signing in waits'));

  const assistant = async (): Promise<Role> => {
    if (!sending) throw new Error('an assistant sends commands');
    const { keys, client, opener } = sending;
    const executor = newId();
    const leases = leasesOf(executor);
    const views = [core, obligations].map((each) => caughtUpBy({ log, reached: each }));
    // Nothing is claimed before the others can see that whoever claims it lives.
    const caughtUp = Promise.all([...views, leases.attend()]).then(() => undefined);
    const accounts = identity?.directory && { directory: identity.directory, namespace };
    const reactors = startReactors(caughtUp, {
      obligations: followObligations({ db, sessions, caughtUp, wait, onTrouble }),
      relations: relationsReader(db, { reached: obligations }),
      branch: branchReader(queries, opener),
      client,
      destroyKey: accounts ? withAccount(keys.destroy, accounts) : keys.destroy,
      live: sessions,
      executor,
      lives: leases.lives,
      now,
      wait,
      onFailure: trouble('a reactor failed'),
    });
    const erased = caughtUp.then(() => accounts && eraseAgain(queries, accounts).catch(onTrouble));
    const stop = async (): Promise<void> => {
      await reactors.stop();
      await leases.stop();
    };
    return { ready: Promise.all([reactors.started, erased]), stop };
  };

  const gateway = async (): Promise<Role> => {
    if (!sending || !identity || !page) throw new Error('a gateway sends commands, checks tokens and serves a page');
    const { client, opener } = sending;
    const serving = await startGatewayRole({
      ...options,
      ...health,
      opsHost: fleet.opsHost,
      services: { now, log: log.id, core: queries, client, outcome, sessions, operations, open: opener.open },
      partitions,
      issuer: identity.issuer,
      endSession: sessions.endSession,
      namespace,
      page: page.folder,
      metrics,
      ...(operators ? { operators } : {}),
      now,
      newId,
      onTrouble,
    });
    return { ready: page.built, stop: () => serving.drain(fleet.drainMs) };
  };

  const makers: Readonly<Record<RoleName, () => Promise<Role>>> = { gateway, assistant, commands, projections };
  // A gateway has that port itself.
  if (!fleet.roles.includes('gateway')) {
    const [host, port] = [fleet.opsHost, options.opsPort];
    const listening = await startOperatorsPort({ ...health, host, port, registry: metrics.registry, operators });
    opened.push(listening.close);
  }
  // Nobody is let in any more before that ends on which they stand.
  const roles = await Promise.all(
    (['gateway', 'assistant', 'commands', 'projections'] as const)
      .filter((name) => fleet.roles.includes(name))
      .map(async (name) => ({ name, ...(await makers[name]()) })),
  );
  const ready = Promise.all(
    roles.map(async (role) => {
      await role.ready;
      waiting.delete(role.name);
    }),
  ).then(() => undefined);
  ready.catch(onFailure);

  return {
    opsPort: options.opsPort,
    ready,
    stop: async () => {
      isDraining = true;
      for (const { stop } of roles) await stop();
      for (const close of opened.toReversed()) await close();
    },
  };
}
