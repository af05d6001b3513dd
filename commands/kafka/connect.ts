import { type Socket, connect as connectSocket } from 'node:net';
import { type Admin, type ISocketFactory, Kafka, type KafkaConfig, type LogEntry, logLevel } from 'kafkajs';

export type KafkaOptions = {
  /** Where to find the cluster: "host:port" of some of its brokers. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly onTrouble?: (error: unknown) => void;
};

/**
 * What Kafka cannot do, and why. KAFKA_UNREACHABLE: no broker answers, or none leads the partition; nothing was sent.
 * KAFKA_DRIFT: a topic is not as it must be. KAFKA_NO_TOPIC: there is no such topic or partition. KAFKA_TOO_LARGE: a batch
 * is beyond what the broker takes; it is not in. KAFKA_UNKNOWN: whether a batch is in cannot be told. KAFKA_OFFSET: there
 * are no records where reading was to begin. KAFKA_REFUSED: the broker says no, and would again. KAFKA_CLOSED: closed
 * here. KAFKA_TROUBLE: what kafkajs has noted of itself.
 */
export class KafkaError extends Error {
  override name = 'KafkaError';
  constructor(
    readonly code:
      | 'KAFKA_UNREACHABLE'
      | 'KAFKA_DRIFT'
      | 'KAFKA_NO_TOPIC'
      | 'KAFKA_TOO_LARGE'
      | 'KAFKA_UNKNOWN'
      | 'KAFKA_OFFSET'
      | 'KAFKA_REFUSED'
      | 'KAFKA_CLOSED'
      | 'KAFKA_TROUBLE',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

type Settings = Pick<KafkaConfig, 'connectionTimeout' | 'requestTimeout' | 'retry'>;

/** A way to a cluster. Every socket that is opened on it ends with it. */
export type KafkaConnection = {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly onTrouble: (error: unknown) => void;
  /** kafkajs itself, for consumer groups and administration. What it logs goes to `onTrouble`. */
  client(settings?: Settings): Kafka;
  /** Runs something with an administration client that is connected, and lets go of it. Throws KAFKA_UNREACHABLE. */
  administer<T>(work: (admin: Admin) => Promise<T>, settings?: Settings): Promise<T>;
  /** Opens sockets for kafkajs and hands each to `onOpen`, so that one that hangs can be destroyed. */
  sockets(onOpen?: (socket: Socket) => void): ISocketFactory;
  readonly closed: boolean;
  /** Destroys every socket: whoever writes is closed before. Twice is no fault. */
  close(): Promise<void>;
};

/** How long a broker may take to open a connection, and to answer what asks for no work, in ms. */
export const CONNECT_MS = 1_000;
export const ANSWER_MS = 3_000;

/** Makes a way to a cluster. Nothing is opened before something is asked. */
export function connectKafka({ brokers, clientId, onTrouble = () => undefined }: KafkaOptions): KafkaConnection {
  const faulty = brokers.find((address) => !/^[^:\s]+:\d{1,5}$/.test(address));
  if (brokers.length === 0 || faulty !== undefined) {
    throw new RangeError(`Kafka is reached by "host:port" of at least one broker, not by ${JSON.stringify(brokers)}.`);
  }
  const open = new Set<Socket>();
  let closed = false;

  const sockets =
    (onOpen?: (socket: Socket) => void): ISocketFactory =>
    ({ host, port, onConnect }) => {
      const socket = connectSocket({ host, port, noDelay: true, keepAlive: true }, onConnect);
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      // kafkajs listens only after it has got the socket.
      if (closed) setImmediate(() => socket.destroy(new Error('the connection to Kafka was closed')));
      onOpen?.(socket);
      return socket;
    };

  const tell = ({ namespace, log }: LogEntry): void => {
    if (closed) return;
    const cause: unknown = log['error'] ?? log['stack'];
    const detail = typeof cause === 'string' && !log.message.includes(cause) ? `: ${cause.split('\n')[0]}` : '';
    onTrouble(new KafkaError('KAFKA_TROUBLE', `kafkajs, ${namespace}: ${log.message}${detail}`));
  };

  /** kafkajs stays with the first broker that takes a connection, though it hangs: each client begins with another one. */
  let turn = Math.floor(Math.random() * brokers.length);
  const inTurn = (): string[] => {
    const at = turn++ % brokers.length;
    return [...brokers.slice(at), ...brokers.slice(0, at)];
  };

  const kafkajs = (level: logLevel, settings: Settings): Kafka =>
    new Kafka({
      brokers: inTurn(),
      clientId,
      connectionTimeout: CONNECT_MS,
      requestTimeout: ANSWER_MS,
      ...settings,
      socketFactory: sockets(),
      logLevel: level,
      logCreator: () => tell,
    });

  return {
    brokers,
    clientId,
    onTrouble,
    client: (settings = {}) => kafkajs(logLevel.ERROR, settings),
    administer: async (work, settings) => {
      // Whatever it could note is thrown as well, and most of it is not even a fault (as that a topic is there already).
      const retry = { initialRetryTime: 100, retries: 4 };
      const admin = kafkajs(logLevel.NOTHING, { requestTimeout: 10_000, retry, ...settings }).admin();
      try {
        await admin.connect().catch((error: unknown) => {
          throw unreachable(brokers, error);
        });
        return await work(admin);
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
    },
    sockets,
    get closed() {
      return closed;
    },
    close: async () => {
      closed = true;
      for (const socket of open) socket.destroy(new Error('the connection to Kafka was closed'));
    },
  };
}

export const unreachable = (addresses: readonly string[], cause: unknown): KafkaError =>
  new KafkaError(
    'KAFKA_UNREACHABLE',
    `No broker of ${addresses.join(', ')} answers. Check that Kafka runs, and KAFKA_BROKERS.`,
    { cause },
  );
