import type { Socket } from 'node:net';
import { logLevel } from 'kafkajs';
import Broker from 'kafkajs/src/broker/index.js';
import loggers from 'kafkajs/src/loggers/index.js';
import ConnectionPool from 'kafkajs/src/network/connectionPool.js';
import errors from 'kafkajs/src/protocol/error.js';
import protocol, { type Definitions } from 'kafkajs/src/protocol/requests/index.js';
import { ANSWER_MS, CONNECT_MS, type KafkaConnection, KafkaError, unreachable } from './connect.js';

const { requests } = protocol;

/** The requests that we send ourselves, by Kafka's number for each. */
export const PRODUCE = { key: 0, definitions: requests.Produce } as const;
export const FETCH = { key: 1, definitions: requests.Fetch } as const;
export const LIST_OFFSETS = { key: 2, definitions: requests.ListOffsets } as const;
const METADATA = { key: 3, definitions: requests.Metadata } as const;

type Api<Asked, Answer> = { readonly key: number; readonly definitions: Definitions<Asked, Answer> };

/** Sockets to one broker: one for fetches, one for everything else. Answers come as they are, faults of partitions too. */
export type Link = {
  readonly address: string;
  ask<Asked, Answer>(api: Api<Asked, Answer>, asked: Asked): Promise<Answer>;
  /** Destroys the sockets. Whatever waits for an answer is rejected at once. */
  discard(reason: unknown): void;
};

/** What went wrong with one partition, by Kafka's own name (as NOT_LEADER_FOR_PARTITION). */
export const faultOf = (code: number): { readonly type: string; readonly message: string } =>
  errors.createErrorFromCode(code);

/** Links to the brokers of a cluster, made when they are needed, and where each partition is led. */
export type Links = {
  /** The link to the leader of a partition. Throws KAFKA_UNREACHABLE, KAFKA_NO_TOPIC: nothing was sent then. */
  leaderOf(topic: string, partition: number): Promise<Link>;
  /**
   * After any error: a broker that hangs is not asked again over the same sockets, and the leaders are looked up anew.
   * Brokers that lead nothing that failed keep theirs.
   */
  discard(link: Link | undefined, reason: unknown): void;
  close(): void;
};

const silent = loggers.createLogger({ level: logLevel.NOTHING, logCreator: () => () => undefined });

async function openLink(kafka: KafkaConnection, address: string, fetches: boolean): Promise<Link> {
  const sockets = new Set<Socket>();
  const split = address.lastIndexOf(':');
  const pool = new ConnectionPool({
    host: address.slice(0, split),
    port: Number(address.slice(split + 1)),
    clientId: kafka.clientId,
    connectionTimeout: CONNECT_MS,
    requestTimeout: ANSWER_MS,
    enforceRequestTimeout: true,
    socketFactory: kafka.sockets((socket) => sockets.add(socket)),
    logger: silent,
  });
  const broker = new Broker({ connectionPool: pool, logger: silent, allowAutoTopicCreation: false });
  const discard = (reason: unknown): void => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    for (const socket of sockets) socket.destroy(error);
  };
  try {
    await broker.connect();
    // Now, for two fetches that come first at the same moment would open it twice.
    if (fetches) await pool.getConnection(1);
  } catch (error) {
    discard(error);
    throw error;
  }
  return {
    address,
    ask: (api, asked) => {
      const { request, response, requestTimeout = ANSWER_MS } = broker.lookupRequest(api.key, api.definitions)(asked);
      // kafkajs throws for the first partition at fault; which one, and what became of the others, is in the answer.
      return pool.send({
        request,
        response: { decode: response.decode, parse: async (answer) => answer },
        requestTimeout,
      });
    },
    discard,
  };
}

/** Where each partition of a topic is led: an address, or undefined where none is known to. */
type Layout = readonly (string | undefined)[];

/** Opens links of one purpose: what waits on a socket holds up what comes behind it, so each purpose has its own. */
export function openLinks(kafka: KafkaConnection, { fetches = false }: { fetches?: boolean } = {}): Links {
  const links = new Map<string, Promise<Link>>();
  const layouts = new Map<string, Promise<Layout>>();
  /** Brokers that the cluster has named, beside those that we were told of. */
  let known: readonly string[] = [];
  let closed = false;
  const checkOpen = (): void => {
    if (closed || kafka.closed) throw new KafkaError('KAFKA_CLOSED', 'The connection to Kafka was closed.');
  };

  const linkTo = (address: string): Promise<Link> => {
    const there = links.get(address);
    if (there) return there;
    const opening = openLink(kafka, address, fetches);
    links.set(address, opening);
    opening.then(
      (link) => closed && link.discard('closed'),
      () => links.get(address) === opening && links.delete(address),
    );
    return opening;
  };

  /** All brokers are asked, and the first one to answer is believed: one that hangs holds up nobody. */
  async function lookUp(topic: string): Promise<Layout> {
    const ask = async (address: string) => {
      const link = await linkTo(address);
      try {
        return await link.ask(METADATA, { topics: [topic], allowAutoTopicCreation: false });
      } catch (error) {
        forget(link, error);
        throw error;
      }
    };
    const addresses = [...new Set([...kafka.brokers, ...known])];
    const { brokers, topicMetadata } = await Promise.any(addresses.map(ask)).catch((error: unknown) => {
      checkOpen();
      throw unreachable(addresses, error);
    });
    const addressOf = new Map(brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
    known = [...addressOf.values()];
    const layout: (string | undefined)[] = [];
    for (const { partitionId, leader } of topicMetadata[0]?.partitionMetadata ?? []) {
      layout[partitionId] = addressOf.get(leader);
    }
    return layout;
  }

  const layoutOf = (topic: string): Promise<Layout> => {
    const there = layouts.get(topic);
    if (there) return there;
    const looking = lookUp(topic);
    layouts.set(topic, looking);
    looking.catch(() => layouts.get(topic) === looking && layouts.delete(topic));
    return looking;
  };

  const forget = (link: Link, reason: unknown): void => {
    links.delete(link.address);
    link.discard(reason);
  };

  return {
    leaderOf: async (topic, partition) => {
      checkOpen();
      const layout = await layoutOf(topic);
      const address = layout[partition];
      if (address !== undefined) return linkTo(address);
      layouts.delete(topic);
      if (layout.length > 0 && partition in layout) {
        throw new KafkaError('KAFKA_UNREACHABLE', `No broker leads partition ${partition} of ${topic} at the moment.`);
      }
      throw new KafkaError('KAFKA_NO_TOPIC', `Kafka has no partition ${partition} of a topic ${topic}.`);
    },
    discard: (link, reason) => {
      layouts.clear();
      if (link) forget(link, reason);
    },
    close: () => {
      closed = true;
      for (const opening of links.values()) opening.then((link) => link.discard('closed')).catch(() => undefined);
      links.clear();
    },
  };
}
