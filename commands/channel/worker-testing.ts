import { randomUUID } from 'node:crypto';
import { STATE } from '../../domain/catalogue.js';
import { wait } from '../../ops/run/wait.js';
import { connectKafka } from '../kafka/connect.js';
import type { Pace } from '../kafka/group.js';
import { openKafkaLog } from '../log/kafka.js';
import type { Log } from '../log/log.js';
import { type Shelf, memorySnapshots } from '../snapshots/memory.js';
import { PARTITIONS, random } from '../worker/testing.js';
import { startWorker } from '../worker/worker.js';
import { kafkaSource } from './kafka.js';
import type { Answers } from './wire.js';

/** As short as the brokers of tests allow on a busy machine. */
export const QUICK: Partial<Pace> = { session: 2_000, heartbeat: 200, rebalance: 4_000, fetch: 100 };

export type MemberOptions = {
  readonly brokers: string;
  readonly prefix: string;
  readonly answers: Answers;
  readonly shelf?: Shelf;
  readonly group?: string;
  /** What happens to its log on the way. */
  readonly through?: (log: Log) => Log;
  readonly onFailure?: (error: unknown) => void;
  readonly onDeadLetter?: (command: unknown) => void;
};

/** A worker with connections of its own, as a process of the fleet has it. */
export async function employ({ brokers, prefix, answers, shelf, group = 'workers', ...more }: MemberOptions) {
  const { through = (log) => log, onFailure = () => undefined, onDeadLetter } = more;
  const troubles: unknown[] = [];
  const onTrouble = (error: unknown): void => void troubles.push(error);
  const kafka = connectKafka({ brokers: brokers.split(','), clientId: 'worker', onTrouble });
  const log = await openKafkaLog({ kafka, prefix, partitions: PARTITIONS, replication: 1, newId: randomUUID });
  const around = { kafka, prefix, partitions: PARTITIONS, now: Date.now, onTrouble };
  const worker = startWorker({
    log: through(log),
    snapshots: memorySnapshots(STATE, shelf),
    source: kafkaSource({ ...around, group, answers, pace: QUICK }),
    now: Date.now,
    random,
    wait,
    onTrouble,
    onFailure,
    ...(onDeadLetter ? { onDeadLetter } : {}),
  });
  return {
    ...worker,
    log,
    troubles,
    stop: async () => {
      await worker.stop();
      await log.close();
      await kafka.close();
    },
  };
}
