import kafkajs, { type Assigner, type Consumer, type EachBatchPayload, type PartitionAssigner } from 'kafkajs';
import { NotHeld } from '../command.js';
import { type KafkaConnection, KafkaError } from './connect.js';
import { type Claim, decodeClaim, encodeClaim, share } from './sticky.js';

/** How a member keeps itself in its group, in ms. */
export type Pace = {
  /** After so long without a heartbeat its partitions go to others. Not below the brokers' `group.min.session.timeout.ms`. */
  readonly session: number;
  readonly heartbeat: number;
  /** How long a member may take to end what it is at when partitions are shared anew. */
  readonly rebalance: number;
  /** How long a fetch waits for the first message. */
  readonly fetch: number;
  /** After so long without a fetch or a heartbeat that succeeds the process has to end: a silent consumer does not come back. */
  readonly silence: number;
};

/** What a crash of a worker costs at most is `session`; the rest was tried on real brokers. */
export const PACE: Pace = { session: 6_000, heartbeat: 1_000, rebalance: 10_000, fetch: 250, silence: 60_000 };

export type Message = { readonly offset: number; readonly value: Uint8Array | null };

/** Messages of one partition, without a gap between them, and the offset behind its last one. */
export type Batch = { readonly partition: number; readonly messages: readonly Message[]; readonly end: number };

export type GroupOptions = {
  readonly kafka: KafkaConnection;
  readonly group: string;
  readonly topic: string;
  readonly partitions: number;
  readonly now: () => number;
  readonly pace?: Partial<Pace>;
  /** Told each time which partitions are this member's, before anything comes of them. What was fetched before is over. */
  readonly onShare: (partitions: readonly number[]) => void;
  /**
   * Takes a batch. Resolves with the offset to go on from, wherever that is, and for how many ms the partition rests first.
   * `hold` rejects with `NotHeld` once the partition may be another's; that, thrown, means that the batch is for whoever
   * has it then.
   */
  readonly onBatch: (batch: Batch, hold: () => Promise<void>) => Promise<{ next: number; rest?: number }>;
  /** Told of what this member cannot go on after: the process has to end. */
  readonly onFailure: (error: unknown) => void;
};

export type Group = {
  /** Takes no more batches, lets those under way end, calls `last` while the partitions are still its own, and leaves. */
  stop(last: () => Promise<void>): Promise<void>;
};

/** So often offsets are committed at most, in ms. They may lag: what is decided is in the log. */
const COMMIT_EVERY = 1_000;

/** Leaving may take so long, in ms. Whoever cannot leave is left behind by the end of its session. */
const LEAVING = 5_000;

/** Joins a group of consumers of one topic. All that is done with a batch is done before partitions are shared anew. */
export async function joinGroup(options: GroupOptions): Promise<Group> {
  const { kafka, topic, partitions, now, onShare, onBatch, onFailure } = options;
  const pace = { ...PACE, ...options.pace };
  let claim: Omit<Claim, 'member'> = { owned: [], heard: 0 };
  const consumer = kafka.client({ retry: { initialRetryTime: 100, retries: 3 } }).consumer({
    groupId: options.group,
    partitionAssigners: [sticky(topic, partitions, () => claim)],
    sessionTimeout: pace.session,
    heartbeatInterval: pace.heartbeat,
    rebalanceTimeout: pace.rebalance,
    maxWaitTimeInMs: pace.fetch,
    allowAutoTopicCreation: false,
    readUncommitted: true,
    retry: { initialRetryTime: 100, retries: 3, restartOnFailure: async () => true },
  });

  /** Each sharing has a number: whoever has begun under another holds nothing any more. */
  let sharing = 0;
  let stopping = false;
  let failed = false;
  const fail = (error: unknown): void => {
    if (failed || stopping) return;
    failed = true;
    pauseAll(consumer, topic);
    onFailure(error);
  };
  const settle = (owned: readonly number[]): void => {
    sharing += 1;
    claim = { owned, heard: now() };
    offsets.clear();
    onShare(owned);
  };

  /** Ticks since something was heard. Not a time: one that stood still for a while has not been silent. */
  let quiet = 0;
  const heard = (): void => {
    quiet = 0;
  };
  consumer.on(consumer.events.FETCH, heard);
  consumer.on(consumer.events.HEARTBEAT, () => {
    heard();
    claim = { ...claim, heard: now() };
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    heard();
    // A rest outlasts the sharing, and another may have begun it.
    if (!stopping && !failed) consumer.resume([{ topic }]);
    settle(payload.memberAssignment[topic] ?? []);
  });
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    // It has left the group by now, if it ever was in it.
    if (sharing > 0) settle([]);
    if (restart) kafka.onTrouble(error);
    else fail(error);
  });

  const under = new Set<Run>();
  const watching = setInterval(() => {
    quiet += 1;
    const silent = quiet * pace.heartbeat > pace.silence;
    for (const run of under) {
      run.quiet += 1;
      void run.beat();
    }
    const stuck = [...under].some((run) => run.quiet * pace.heartbeat > pace.silence);
    if (!silent && !stuck) return;
    const what = silent ? 'heard nothing from the group' : 'got no further with a batch';
    fail(new KafkaError('KAFKA_UNREACHABLE', `A member of ${options.group} has ${what} for ${pace.silence} ms.`));
  }, pace.heartbeat);

  const offsets = new Map<number, number>();
  let committed = now();
  const commit = async (): Promise<void> => {
    const all = [...offsets].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
    offsets.clear();
    committed = now();
    if (all.length > 0) await consumer.commitOffsets(all);
  };
  const committing = setInterval(() => {
    if (now() - committed >= COMMIT_EVERY) commit().catch(kafka.onTrouble);
  }, COMMIT_EVERY);

  const take = async (payload: EachBatchPayload): Promise<void> => {
    if (stopping || failed) return;
    const { partition, messages, highWatermark } = payload.batch;
    const [mine, run] = [sharing, createRun(payload.heartbeat)];
    under.add(run);
    const hold = async (): Promise<void> => {
      run.quiet = 0;
      await run.beat();
      if (run.lost !== undefined || sharing !== mine) {
        throw new NotHeld(`partition ${partition} of ${topic} was let go of`, { cause: run.lost });
      }
    };
    try {
      const batch = {
        partition,
        messages: messages.map(({ offset, value }) => ({ offset: Number(offset), value })),
        end: Number(highWatermark),
      };
      const { next, rest } = await onBatch(batch, hold);
      if (sharing !== mine) return;
      payload.resolveOffset(String(next - 1));
      offsets.set(partition, next);
      if (rest !== undefined) setTimeout(payload.pause(), rest).unref();
    } catch (error) {
      if (!(error instanceof NotHeld)) return fail(error);
      // kafkajs joins anew if this is about the group, and else fetches the same once more.
      if (error.cause !== undefined) throw error.cause;
    } finally {
      under.delete(run);
      run.end();
    }
  };

  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: partitions,
    eachBatch: take,
  });

  return {
    stop: async (last) => {
      stopping = true;
      pauseAll(consumer, topic);
      while (under.size > 0) await Promise.all([...under].map(({ over }) => over));
      await last();
      clearInterval(committing);
      await commit().catch(kafka.onTrouble);
      clearInterval(watching);
      await Promise.race([
        consumer.disconnect().catch(kafka.onTrouble),
        new Promise((resolve) => setTimeout(resolve, LEAVING).unref()),
      ]);
    },
  };
}

/** A batch under way. Nobody but us sends heartbeats while it is, and whoever waits for a store has nothing else to do. */
type Run = {
  /** Ticks since it was heard of. */
  quiet: number;
  /** Why the partition may be another's now, if it may. */
  lost: unknown;
  /** A heartbeat, if it is time for one. */
  beat(): Promise<void>;
  readonly over: Promise<void>;
  end(): void;
};

function createRun(heartbeat: () => Promise<void>): Run {
  let end = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run: Run = {
    quiet: 0,
    lost: undefined,
    beat: async () => {
      try {
        await heartbeat();
      } catch (error) {
        run.lost ??= error;
      }
    },
    over,
    end,
  };
  return run;
}

/** Nothing more is fetched. Where the consumer is about to begin anew there is nothing to pause. */
function pauseAll(consumer: Consumer, topic: string): void {
  try {
    consumer.pause([{ topic }]);
  } catch (error) {
    if (!(error instanceof kafkajs.KafkaJSNonRetriableError)) throw error;
  }
}

/** The rule by which partitions are shared, as kafkajs wants it. The leader of the group applies it for all. */
const sticky =
  (topic: string, partitions: number, claim: () => Omit<Claim, 'member'>): PartitionAssigner =>
  (): Assigner => ({
    name: 'VerbatimSticky',
    version: 1,
    protocol: ({ topics }) => ({
      name: 'VerbatimSticky',
      metadata: MemberMetadata.encode({ version: 1, topics, userData: encodeClaim(claim()) }),
    }),
    assign: async ({ members }) => {
      const claims = members.map(({ memberId, memberMetadata }) =>
        decodeClaim(memberId, MemberMetadata.decode(memberMetadata)?.userData ?? new Uint8Array()),
      );
      return [...share(partitions, claims)].map(([memberId, owned]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: 1,
          assignment: { [topic]: [...owned] },
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
