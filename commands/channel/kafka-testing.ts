import { randomUUID } from 'node:crypto';
import { wait } from '../../ops/run/wait.js';
import { outcomeReader } from '../client/outcomes.js';
import { connectKafka } from '../kafka/connect.js';
import { commandsTopic, ensureTopic } from '../kafka/topics.js';
import { openKafkaLog } from '../log/kafka.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import { STATE } from '../../domain/catalogue.js';
import { PARTITIONS, random } from '../worker/testing.js';
import type { ChannelLimits } from './contract.js';
import { kafkaChannel } from './kafka.js';
import type { Answers } from './wire.js';
import { type MemberOptions, employ } from './worker-testing.js';

/** Answers within one process, through JSON. While it is `deaf` every one is lost. */
export function answersHub(): Answers & { deaf: boolean } {
  const listeners = new Map<string, (notice: unknown) => void>();
  const hub = {
    deaf: false,
    publish: (topic: string, notice: object) => {
      const copy: unknown = JSON.parse(JSON.stringify(notice));
      setImmediate(() => hub.deaf || listeners.get(topic)?.(copy));
    },
    attach: async (topic: string, listener: (notice: unknown) => void) => {
      listeners.set(topic, listener);
      return () => void listeners.delete(topic);
    },
  };
  return hub;
}

/** A channel on topics of its own, and workers over it. */
export async function openKafkaBench(brokers: string, limits: ChannelLimits = {}) {
  const prefix = `test-${randomUUID()}-`;
  const kafka = connectKafka({ brokers: brokers.split(','), clientId: 'sender' });
  await ensureTopic(kafka, commandsTopic(prefix, PARTITIONS, 1));
  const log = await openKafkaLog({ kafka, prefix, partitions: PARTITIONS, replication: 1, newId: randomUUID });
  const shelf: Shelf = new Map();
  const hub = answersHub();
  const channel = await kafkaChannel({
    kafka,
    prefix,
    partitions: PARTITIONS,
    answers: hub,
    lookUp: outcomeReader({ log, snapshots: memorySnapshots(STATE, shelf), wait }),
    newId: randomUUID,
    now: Date.now,
    wait,
    random,
    ...limits,
  });
  return {
    brokers,
    prefix,
    kafka,
    log,
    hub,
    channel,
    employ: async (more: Partial<MemberOptions> = {}) => {
      const worker = await employ({ brokers, prefix, answers: hub, shelf, ...more });
      await worker.ready;
      return worker;
    },
    close: async () => {
      await channel.close();
      await log.close();
      await kafka.administer((admin) => admin.deleteTopics({ topics: [`${prefix}events`, `${prefix}commands`] }));
      await kafka.close();
    },
  };
}

export type KafkaBench = Awaited<ReturnType<typeof openKafkaBench>>;
