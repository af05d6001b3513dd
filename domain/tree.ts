/**
 * A persistent map by UUID in 256 chunks, two steps of 16, so that adding one entry to a long conversation copies one
 * chunk and its way there, not the whole, and an overlay can be dropped by forgetting it. The chunk of an id is two hex
 * digits of its random part.
 */
export type Tree<V> = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, V>>>>>>;

export const emptyTree: Tree<never> = {};

const steps = (id: string): readonly [string, string] => [id.slice(-5, -4), id.slice(-4, -3)];

export function lookUp<V>(tree: Tree<V>, id: string): V | undefined {
  const [first, second] = steps(id);
  return tree[first]?.[second]?.[id];
}

export function plant<V>(tree: Tree<V>, id: string, value: V): Tree<V> {
  const [first, second] = steps(id);
  const branch = tree[first];
  return { ...tree, [first]: { ...branch, [second]: { ...branch?.[second], [id]: value } } };
}
