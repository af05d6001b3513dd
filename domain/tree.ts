import type { Uuid } from './ids.js';

/**
 * A persistent map by UUID for what grows without end, as the messages of a conversation. It is kept in chunks of at
 * most 256 entries, each a range of ids in order: ids are made in order of time, so what is new lies together, a change
 * copies one chunk, and an overlay is dropped by forgetting it. Only chunks that are touched need be at hand: looking
 * into another throws `NotAtHand`, whoever holds the tree brings that chunk, and asks again.
 */
export type Tree<V> = readonly Range<V>[];

/** The ids from `from` (`''` for the first) up to the next range. `number` names the chunk for good; without `chunk` it is not at hand. */
export type Range<V> = { readonly from: string; readonly number: number; readonly chunk?: Chunk<V> };

/** Ids in order, and the value of each at the same place. */
export type Chunk<V> = { readonly ids: readonly Uuid[]; readonly values: readonly V[] };

export const CHUNK = 256;

export const emptyTree: Tree<never> = [{ from: '', number: 0, chunk: { ids: [], values: [] } }];

/** A chunk of a tree is needed to go on. */
export class NotAtHand extends Error {
  override name = 'NotAtHand';
  constructor(readonly chunk: number) {
    super(`chunk ${chunk} of a tree is not at hand`);
  }
}

/** How many of some things in order come before the first that is greater than this one. */
function placeOf<T>(things: readonly T[], isGreater: (thing: T) => boolean): number {
  let [low, high] = [0, things.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const thing = things[middle];
    if (thing === undefined || isGreater(thing)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The place of the range that an id belongs to, its chunk, and the place behind the id in there. */
function locate<V>(tree: Tree<V>, id: Uuid): { at: number; number: number; chunk: Chunk<V>; place: number } {
  const at = placeOf(tree, ({ from }) => from > id) - 1;
  const range = tree[at];
  if (!range) throw new Error('a tree begins with the first id');
  const { number, chunk } = range;
  if (!chunk) throw new NotAtHand(number);
  return { at, number, chunk, place: placeOf(chunk.ids, (other) => other > id) };
}

/** The value of an id, if it is in the tree. Throws `NotAtHand`. */
export function lookUp<V>(tree: Tree<V>, id: Uuid): V | undefined {
  const { chunk, place } = locate(tree, id);
  return chunk.ids[place - 1] === id ? chunk.values[place - 1] : undefined;
}

/** The tree with another value for an id. Throws `NotAtHand`. */
export function plant<V>(tree: Tree<V>, id: Uuid, value: V): Tree<V> {
  const { at, number, chunk, place } = locate(tree, id);
  const { ids, values } = chunk;
  const from = tree[at]?.from ?? '';
  const here = (changed: Chunk<V>): Range<V> => ({ from, number, chunk: changed });
  if (ids[place - 1] === id) return tree.with(at, here({ ids, values: values.with(place - 1, value) }));
  // What comes in order fills chunks to the brim.
  if (ids.length === CHUNK && place === CHUNK && at === tree.length - 1) {
    return [...tree, { from: id, number: tree.length, chunk: { ids: [id], values: [value] } }];
  }
  const grown = { ids: ids.toSpliced(place, 0, id), values: values.toSpliced(place, 0, value) };
  if (grown.ids.length <= CHUNK) return tree.with(at, here(grown));
  const half = CHUNK / 2;
  const [below, above] = [slice(grown, 0, half), slice(grown, half)];
  return tree.toSpliced(at, 1, here(below), { from: above.ids[0] ?? '', number: tree.length, chunk: above });
}

const slice = <V>({ ids, values }: Chunk<V>, from: number, to?: number): Chunk<V> => ({
  ids: ids.slice(from, to),
  values: values.slice(from, to),
});

/** The tree with none of its chunks at hand. */
const bare = <V>(tree: Tree<V>): Tree<V> => tree.map(({ from, number }) => ({ from, number }));

/** The chunks that are at hand, by number. */
const chunksOf = <V>(tree: Tree<V>): ReadonlyMap<number, Chunk<V>> =>
  new Map(tree.flatMap(({ number, chunk }) => (chunk ? [[number, chunk] as const] : [])));

/** The tree with a chunk at hand that was not. */
const withChunk = <V>(tree: Tree<V>, number: number, chunk: Chunk<V>): Tree<V> =>
  tree.map((range) => (range.number === number ? { ...range, chunk } : range));

/** How a state with a tree is stored: apart from its chunks, which are put back one by one. */
export type Chunked<State> = {
  bare(state: State): State;
  chunks(state: State): ReadonlyMap<number, unknown>;
  /** How many entries are at hand. */
  size(state: State): number;
  withChunk(state: State, number: number, chunk: unknown): State;
};

/** The way to store a state that keeps a tree. */
export const chunkedBy = <State, V>(
  of: (state: State) => Tree<V>,
  put: (state: State, tree: Tree<V>) => State,
): Chunked<State> => ({
  bare: (state) => put(state, bare(of(state))),
  chunks: (state) => chunksOf(of(state)),
  size: (state) => of(state).reduce((sum, { chunk }) => sum + (chunk?.ids.length ?? 0), 0),
  withChunk: (state, number, chunk) => {
    if (!isChunk<V>(chunk)) throw new Error(`what is stored as chunk ${number} of a tree is none`);
    return put(state, withChunk(of(state), number, chunk));
  },
});

/** Whether this has the shape of a chunk. What its values are is for the version of the state to say. */
const isChunk = <V>(stored: unknown): stored is Chunk<V> =>
  typeof stored === 'object' &&
  stored !== null &&
  'ids' in stored &&
  'values' in stored &&
  Array.isArray(stored.ids) &&
  Array.isArray(stored.values) &&
  stored.ids.length === stored.values.length;
