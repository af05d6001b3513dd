import { type Recorded, decode } from '../../../domain/catalogue.js';
import { type Uuid, randomUuid } from '../../../domain/ids.js';
import type { CommandClient } from '../../../commands/client/client.js';
import type { Keys } from '../../../commands/keys/keys.js';
import type { Cursor, Log } from '../../../commands/log/log.js';
import { assistant } from '../../../commands/reactors/assistant.js';
import { erasure } from '../../../commands/reactors/erasure.js';
import { startExecutor } from '../../../commands/reactors/executor.js';
import { expiry } from '../../../commands/reactors/expiry.js';
import { insisting } from '../../../commands/reactors/insist.js';
import { joins } from '../../../commands/reactors/joins.js';
import type { Change, Obligations, ReadRelations, Responder } from '../../../commands/reactors/reactor.js';
import { titles } from '../../../commands/reactors/titles.js';
import { type Facts, changesOf, fold, noFacts, relationsOf } from '../../../projections/readmodel/obligations/fold.js';
import type { Process } from './process.js';
import type { Scene } from './scene.js';

/**
 * The view of obligations that a process of reactors keeps: folded in memory from the first record by the rules of the
 * real one, and told from the caught-up end on. It is lost with the process.
 */
async function openView(process: Process, log: Log) {
  const listeners = new Set<(change: Change) => void>();
  const homes = Array.from({ length: log.partitions }, () => ({
    cursor: undefined as Cursor | undefined,
    facts: noFacts(),
  }));
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };
  const apply = (facts: Facts, event: Recorded, partition: number, offset: number): void => {
    const before = new Map(facts.owed);
    fold(facts, { event, partition, offset });
    for (const change of changesOf(before, facts)) tell(change);
  };
  const read = async (partition: number, home: (typeof homes)[number], follow: boolean): Promise<void> => {
    for await (const { records, next } of log.read(partition, home.cursor, { follow })) {
      for (const { offset, entry } of records) {
        if (entry.kind === 'event') apply(home.facts, decode(entry.event), partition, offset);
      }
      home.cursor = next;
    }
  };
  const catchUp = async (partition: number, home: (typeof homes)[number]): Promise<void> => {
    for (;;) {
      try {
        return await read(partition, home, false);
      } catch {
        await process.wait(100);
      }
    }
  };
  await Promise.all(homes.map((home, partition) => catchUp(partition, home)));
  for (const [partition, home] of homes.entries()) void read(partition, home, true);

  const obligations: Obligations = {
    watch: async (listener) => {
      for (const { facts } of homes) for (const owed of facts.owed.values()) listener(owed);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const relations: ReadRelations = async (user, { partition, offset }) => {
    while ((homes[partition]?.cursor?.offset ?? 0) < offset) await process.wait(10);
    return relationsOf(homes[partition]?.facts ?? noFacts(), user);
  };
  return { obligations, relations };
}

/** Says a few words, at its own pace; now and then it fails. */
function responder(process: Process, { dice }: Scene): Responder {
  return {
    endpoint: 'simulated',
    model: 'dice',
    async *respond(_, signal) {
      const fails = dice.chance(0.05);
      for (let n = dice.int(0, 3); n > 0; n--) {
        await process.wait(dice.int(5, dice.pick([50, 500, 6_000])), signal);
        if (signal.aborted) return;
        yield `word ${n} `;
      }
      if (fails) throw new Error('the model is gone');
    },
  };
}

export type ReactorsOptions = {
  readonly process: Process;
  readonly log: Log;
  readonly client: CommandClient;
  readonly keys: Keys;
  readonly scene: Scene;
  /** Who claims under which name. */
  readonly executors: Map<Uuid, Process>;
};

/** All reactors, in a process of their own. What they tell of failures is part of their work. */
export async function react({ process, log, client, keys, scene, executors }: ReactorsOptions): Promise<void> {
  const { dice, tell } = scene;
  const { now, wait } = process;
  const { obligations, relations } = await openView(process, log);
  const onFailure = (error: unknown): void => tell(process.name, `says ${String(error)}`);
  const executor = randomUuid(dice.bytes(16));
  executors.set(executor, process);
  const common = { insist: insisting(client, wait, onFailure), executor, now, wait };
  const branch = async () => {
    await wait(dice.int(1, 20));
    return [{ role: 'user' as const, text: 'Say something.' }];
  };
  const titler = { endpoint: 'simulated', model: 'dice', title: async () => `title ${dice.int(0, 9)}` };
  const destroyKey = (key: string): Promise<void> => keys.destroy(key);
  await startExecutor({
    obligations,
    keepers: {
      reply: assistant({
        ...common,
        branch,
        live: { writeReply: () => undefined, endReply: () => undefined },
        responder: responder(process, scene),
        onFailure,
        atOnce: dice.pick([2, 100]),
      }),
      title: titles({ ...common, branch, titler, onFailure }),
      membership: joins(common),
      expiry: expiry({ ...common, destroyKey }),
      erasure: erasure({ ...common, destroyKey, relations }),
    },
    executor,
    // Whoever stands still for a while is taken for dead, and may wake up.
    lives: async (other) => executors.get(other)?.alive === true && !dice.chance(0.05),
    wait,
    onFailure,
  });
}
