import { type Changes, type Checkpoint, type Snapshots, type Wanted, sameCheckpoint } from './snapshots.js';

/** What is stored of one home, as JSON. */
type Home = {
  checkpoint: string;
  readonly streams: Map<string, string>;
  readonly chunks: Map<string, string>;
  readonly outcomes: Map<string, string>;
};

/** The homes of all versions of the states. Plain data: copied, it is a backup; put back, a store that lost something. */
export type Shelf = Map<string, Home>;

/** Snapshots in memory, for tests and simulation: by the same contract, through JSON, so that no reference is shared. */
export function memorySnapshots(state: number, shelf: Shelf = new Map()): Snapshots {
  const keyOf = (home: number): string => `${state}/${home}`;

  const load = (home: number, { streams = [], chunks = [], outcomes = [] }: Wanted) => {
    const found = shelf.get(keyOf(home));
    const read = (text: string | undefined) => (text === undefined ? [] : [JSON.parse(text)]);
    return {
      checkpoint: found && JSON.parse(found.checkpoint),
      streams: new Map(streams.flatMap((name) => read(found?.streams.get(name)).map((row) => [name, row] as const))),
      chunks: chunks.flatMap(({ stream, chunk }) =>
        read(found?.chunks.get(`${stream}/${chunk}`)).map((body) => ({ stream, chunk, body })),
      ),
      outcomes: new Map(outcomes.flatMap((name) => read(found?.outcomes.get(name)).map((row) => [name, row] as const))),
    };
  };

  const flush = (home: number, from: Checkpoint | undefined, to: Checkpoint, changes: Changes): boolean => {
    if (!sameCheckpoint(load(home, {}).checkpoint, from)) return false;
    const kept = shelf.get(keyOf(home)) ?? {
      checkpoint: '',
      streams: new Map(),
      chunks: new Map(),
      outcomes: new Map(),
    };
    kept.checkpoint = JSON.stringify(to);
    for (const { stream, chunks, ...snapshot } of changes.streams) {
      kept.streams.set(stream, JSON.stringify(snapshot));
      for (const [chunk, body] of chunks) kept.chunks.set(`${stream}/${chunk}`, JSON.stringify(body));
    }
    for (const { name, ...known } of changes.outcomes) kept.outcomes.set(name, JSON.stringify(known));
    for (const [name, known] of kept.outcomes) if (JSON.parse(known).at < changes.forget) kept.outcomes.delete(name);
    shelf.set(keyOf(home), kept);
    return true;
  };

  return {
    load: async (home, wanted) => load(home, wanted),
    flush: async (home, from, to, changes) => flush(home, from, to, changes),
    clear: async (home) => {
      shelf.delete(keyOf(home));
    },
    retireOlder: async (home) => {
      for (const key of shelf.keys()) {
        const [version, of] = key.split('/').map(Number);
        if (version !== undefined && version < state && of === home) shelf.delete(key);
      }
    },
    close: async () => undefined,
  };
}
