// The parts of kafkajs 2.2.4 below its public face that we stand on, typed as far as we use them. The version is pinned.

declare module 'kafkajs/src/loggers/index.js' {
  import type { LogEntry, Logger, logLevel } from 'kafkajs';
  const loggers: {
    createLogger(options: { level: logLevel; logCreator: () => (entry: LogEntry) => void }): Logger;
  };
  export default loggers;
}

declare module 'kafkajs/src/network/connectionPool.js' {
  import type { ISocketFactory, Logger } from 'kafkajs';
  export type Exchange<Answer> = {
    readonly request: unknown;
    readonly response: {
      decode(raw: Buffer): Promise<Answer>;
      parse(answer: Answer): Promise<Answer>;
    };
    readonly requestTimeout?: number;
  };
  /** Two sockets to one broker: the second is for fetches, so that nothing else waits behind one. */
  export default class ConnectionPool {
    constructor(options: {
      host: string;
      port: number;
      clientId: string;
      connectionTimeout: number;
      requestTimeout: number;
      enforceRequestTimeout: boolean;
      socketFactory: ISocketFactory;
      logger: Logger;
    });
    isConnected(): boolean;
    getConnection(index: number): Promise<unknown>;
    send<Answer>(exchange: Exchange<Answer>): Promise<Answer>;
    destroy(): Promise<void>;
  }
}

declare module 'kafkajs/src/broker/index.js' {
  import type { Logger } from 'kafkajs';
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js';
  import type { Exchange } from 'kafkajs/src/network/connectionPool.js';
  import type { Definitions } from 'kafkajs/src/protocol/requests/index.js';
  export default class Broker {
    constructor(options: { connectionPool: ConnectionPool; logger: Logger; allowAutoTopicCreation: boolean });
    connect(): Promise<void>;
    /** The newest version of a request that this broker and kafkajs both speak. */
    lookupRequest<Asked, Answer>(
      apiKey: number,
      definitions: Definitions<Asked, Answer>,
    ): (asked: Asked) => Exchange<Answer>;
  }
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  /** All versions of one request. What it takes and what comes back are there for the types alone. */
  export type Definitions<Asked, Answer> = { readonly asked?: Asked; readonly answer?: Answer };
  type Partitions<Partition> = readonly { readonly topic: string; readonly partitions: readonly Partition[] }[];
  /** kafkajs calls a topic by two names. */
  type Results<Partition> = readonly { readonly topicName: string; readonly partitions: readonly Partition[] }[];
  export type Message = {
    readonly key?: string;
    readonly value: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** A record as a fetch brings it. Offsets are decimal, for they have 64 bits. */
  export type Fetched = {
    readonly offset: string;
    readonly timestamp: string;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[] | null | undefined>>;
    readonly isControlRecord: boolean;
  };
  const protocol: {
    readonly requests: {
      readonly Produce: Definitions<
        {
          readonly acks: number;
          readonly timeout: number;
          readonly compression: number;
          readonly topicData: Partitions<{
            readonly partition: number;
            readonly firstSequence: number;
            readonly messages: readonly Message[];
          }>;
        },
        {
          readonly topics: Results<{
            readonly partition: number;
            readonly errorCode: number;
            readonly baseOffset: string;
          }>;
        }
      >;
      readonly Fetch: Definitions<
        {
          readonly isolationLevel: number;
          readonly maxWaitTime: number;
          readonly minBytes: number;
          readonly maxBytes: number;
          readonly topics: Partitions<{
            readonly partition: number;
            readonly fetchOffset: string;
            readonly maxBytes: number;
          }>;
        },
        {
          readonly errorCode: number;
          readonly responses: Results<{
            readonly partition: number;
            readonly errorCode: number;
            readonly highWatermark: string;
            readonly messages: readonly Fetched[];
          }>;
        }
      >;
      readonly ListOffsets: Definitions<
        {
          readonly isolationLevel: number;
          readonly topics: Partitions<{ readonly partition: number; readonly timestamp: string }>;
        },
        {
          readonly responses: readonly {
            readonly topic: string;
            readonly partitions: readonly {
              readonly partition: number;
              readonly errorCode: number;
              readonly offset: string;
            }[];
          }[];
        }
      >;
      readonly Metadata: Definitions<
        { readonly topics: readonly string[]; readonly allowAutoTopicCreation: boolean },
        {
          readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[];
          readonly topicMetadata: readonly {
            readonly topicErrorCode: number;
            readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
          }[];
        }
      >;
    };
  };
  export default protocol;
}

declare module 'kafkajs/src/protocol/error.js' {
  import type { KafkaJSProtocolError } from 'kafkajs';
  const errors: { createErrorFromCode(code: number): KafkaJSProtocolError };
  export default errors;
}
