import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokersSeenBy } from './brokers.js';
import { type Say, cached, java, lastOf, maven } from './install.js';
import { freePorts } from './ports.js';
import { type Server, launch, until } from './processes.js';
import { StackError } from './trouble.js';

// Apache Kafka without ZooKeeper: every node is broker and controller.

const VERSION = '4.4.0';
const LOG4J = '2.25.3';

/** What a start may take on a busy machine, in ms. */
const PATIENCE = 90_000;

export type KafkaStack = {
  readonly env: { readonly KAFKA_BROKERS: string; readonly KAFKA_REPLICATION: string };
  readonly brokers: readonly string[];
  readonly servers: readonly Server[];
  stop(): Promise<void>;
};

type Ports = { readonly broker: number; readonly controller: number };

/**
 * Starts a cluster of one or three brokers in a folder, on free ports of 127.0.0.1, and resolves when every broker knows
 * all. A folder that had one before goes on with its topics. Throws StackError.
 */
export async function startKafka(o: {
  readonly folder: string;
  readonly brokers: 1 | 3;
  readonly say?: Say;
}): Promise<KafkaStack> {
  const say = o.say ?? (() => undefined);
  const jars = await install(say);
  const program = await java(say);
  const free = await freePorts(2 * o.brokers);
  const ports = Array.from({ length: o.brokers }, (_, at): Ports => ({
    broker: free[2 * at] ?? 0,
    controller: free[2 * at + 1] ?? 0,
  }));
  const before = [1, 2, 3].filter((id) => existsSync(join(o.folder, `broker-${id}`))).length;
  if (before > 0 && before !== o.brokers) {
    throw new StackError(
      'STACK_FOLDER',
      `${o.folder} is that of a cluster of ${before} brokers. Start it with --kafka ${before}, or take another folder.`,
    );
  }
  const cluster = randomBytes(16).toString('base64url');
  const settings = join(jars, 'log4j2.properties');
  const nodes = ports.map(async ({ broker }, at) => {
    const home = join(o.folder, `broker-${at + 1}`);
    const file = join(home, 'server.properties');
    mkdirSync(home, { recursive: true });
    writeFileSync(file, propertiesText(brokerProperties({ id: at + 1, ports, data: join(home, 'data') })));
    const main = ['-cp', join(jars, 'jars', '*')];
    if (!existsSync(join(home, 'data/meta.properties'))) {
      await format(program, [...main, 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', file]);
    }
    return launch({
      name: `kafka ${at + 1}`,
      command: program,
      args: [...jvm, `-Dlog4j2.configurationFile=${settings}`, ...main, 'kafka.Kafka', file],
      cwd: home,
      log: join(home, 'log'),
      ready: async () => (await brokersSeenBy(broker)).includes(broker),
      patience: PATIENCE,
    });
  });
  // A quorum is needed before any of them serves.
  const servers = await allOf(nodes);
  const seen = async ({ broker }: Ports): Promise<boolean> => (await brokersSeenBy(broker)).length === ports.length;
  await until('Not every broker of Kafka knew all others', PATIENCE, async () =>
    (await Promise.all(ports.map(seen))).every(Boolean),
  );
  const brokers = ports.map(({ broker }) => `127.0.0.1:${broker}`);
  return {
    env: { KAFKA_BROKERS: brokers.join(','), KAFKA_REPLICATION: String(o.brokers) },
    brokers,
    servers,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

/** All servers, or none: where one does not start, the others are stopped again. */
export async function allOf(starting: readonly Promise<Server>[]): Promise<readonly Server[]> {
  const ends = await Promise.allSettled(starting);
  const started = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  const failed = ends.find((end) => end.status === 'rejected');
  if (!failed) return started;
  await Promise.all(started.map((server) => server.kill9()));
  throw failed.reason;
}

/** Small, and soon up: the second compiler would take the cores that the tests need. */
const jvm = ['-Xms256m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** The settings of one node. Those of the topics come with the topics. */
export function brokerProperties(o: {
  readonly id: number;
  readonly ports: readonly Ports[];
  readonly data: string;
}): Readonly<Record<string, string | number | boolean>> {
  const { broker = 0, controller = 0 } = o.ports[o.id - 1] ?? {};
  const copies = o.ports.length;
  const least = Math.max(1, copies - 1);
  return {
    'process.roles': 'broker,controller',
    'node.id': o.id,
    'controller.quorum.voters': o.ports.map((each, at) => `${at + 1}@127.0.0.1:${each.controller}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': o.data,
    'auto.create.topics.enable': false,
    'unclean.leader.election.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': least,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': least,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': least,
    // A broker that is lost is noticed in 3 s, and so is a member of a group that asks for it.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'replica.lag.time.max.ms': 5000,
    'group.min.session.timeout.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'controller.quorum.election.timeout.ms': copies === 1 ? 100 : 1000,
    'num.io.threads': 2,
    // The topic of group offsets is the only one that would be compacted, and no stack lives that long.
    'log.cleaner.enable': false,
  };
}

export const propertiesText = (settings: Readonly<Record<string, string | number | boolean>>): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');

async function format(program: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...args]);
  } catch (error) {
    throw new StackError('STACK_FAILED', `Kafka's storage could not be formatted.\n${lastOf(error)}`, { cause: error });
  }
}

/** The jars of the broker, and a logger that writes to standard output. */
const install = (say: Say): Promise<string> =>
  cached(`kafka-${VERSION}`, async (folder) => {
    say(`fetching Kafka ${VERSION} with Maven …`);
    writeFileSync(join(folder, 'pom.xml'), pom);
    writeFileSync(join(folder, 'log4j2.properties'), logging);
    await maven(say, folder, 'copy-dependencies', { outputDirectory: join(folder, 'jars'), includeScope: 'runtime' });
  });

const dependency = (group: string, name: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>verbatim</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency('org.apache.kafka', 'kafka_2.13', VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J)}
</dependencies>
</project>
`;

const logging = propertiesText({
  'appender.out.type': 'Console',
  'appender.out.name': 'out',
  'appender.out.layout.type': 'PatternLayout',
  'appender.out.layout.pattern': '%d %p %m (%c)%n',
  'rootLogger.level': 'WARN',
  'rootLogger.appenderRef.out.ref': 'out',
  'logger.kafka.name': 'kafka',
  'logger.kafka.level': 'INFO',
});
