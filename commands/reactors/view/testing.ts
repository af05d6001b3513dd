import type { Change, Obligation, Obligations, ReadRelations } from '../reactor.js';
import type { Recorded } from '../../../domain/catalogue.js';
import { decode } from '../../../domain/catalogue.js';
import type { Position } from '../../command.js';
import type { Cursor, Log } from '../../log/log.js';
import { type Facts, changesOf, fold, noFacts, relationsOf } from '../../../projections/readmodel/obligations/fold.js';

/** What a view had come to, and where: what is left of it when its process dies. */
export type Checkpoint = readonly { readonly cursor: Cursor | undefined; readonly facts: Facts }[];

export type View = ReturnType<typeof openView>;

const copyOf = ({ owed, started, joined, erased }: Facts): Facts => ({
  owed: new Map(owed),
  started: new Map(started),
  joined: new Map(joined),
  erased: new Map(erased),
});

/** The view of obligations, folded in memory by the same rules, from a checkpoint or from the log's first event. */
export function openView(log: Log, from?: Checkpoint) {
  const closing = new AbortController();
  const listeners = new Set<(change: Change) => void>();
  const waiting = new Set<() => void>();
  const events: Recorded[] = [];
  const homes = Array.from({ length: log.partitions }, (_, home) => ({
    cursor: from?.[home]?.cursor,
    facts: copyOf(from?.[home]?.facts ?? noFacts()),
  }));

  /** Resolves when something holds: asked again after every chunk. */
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          waiting.delete(wake);
          resolve();
        };
        waiting.add(wake);
      });
    }
  };

  const apply = (facts: Facts, event: Recorded, partition: number, offset: number): void => {
    const before = new Map(facts.owed);
    fold(facts, { event, partition, offset });
    for (const change of changesOf(before, facts)) tell(change);
  };
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };

  const run = async (partition: number, home: (typeof homes)[number]): Promise<void> => {
    for await (const chunk of log.read(partition, home.cursor, { follow: true, signal: closing.signal })) {
      for (const { offset, entry } of chunk.records) {
        if (entry.kind !== 'event') continue;
        const event = decode(entry.event);
        events.push(event);
        apply(home.facts, event, partition, offset);
      }
      home.cursor = chunk.next;
      for (const wake of waiting) wake();
    }
  };
  const running = Promise.all(homes.map((home, partition) => run(partition, home)));

  const reached = ({ partition, offset }: Position): boolean => (homes[partition]?.cursor?.offset ?? 0) >= offset;
  const caughtUp = Promise.all(homes.map((_, partition) => log.end(partition))).then((ends) =>
    until(() => ends.every((offset, partition) => reached({ partition, offset }))),
  );

  const obligations: Obligations = {
    watch: async (listener) => {
      await caughtUp;
      listeners.add(listener);
      for (const { facts } of homes) for (const owed of facts.owed.values()) listener(owed);
      return () => listeners.delete(listener);
    },
  };

  const relations: ReadRelations = async (user, after) => {
    await until(() => reached(after));
    return relationsOf(homes[after.partition]?.facts ?? noFacts(), user);
  };

  return {
    obligations,
    relations,
    /** Everything that it was told, in order of coming. */
    events,
    /** What it holds open now. */
    owed: (): readonly Obligation[] => homes.flatMap(({ facts }) => [...facts.owed.values()]),
    checkpoint: (): Checkpoint => homes.map(({ cursor, facts }) => ({ cursor, facts: copyOf(facts) })),
    /** Resolves with the events that match, as soon as there are so many of them. */
    seen: async (matches: (event: Recorded) => boolean, times = 1): Promise<readonly Recorded[]> => {
      await until(() => events.filter(matches).length >= times);
      return events.filter(matches);
    },
    close: async (): Promise<void> => {
      closing.abort();
      await running;
    },
  };
}
