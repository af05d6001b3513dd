/**
 * A persistent map by UUID in chunks, so that adding one entry to a long conversation copies one chunk and not the
 * whole, and an overlay can be dropped by forgetting it. The chunk of an id is two hex digits of its random part.
 */
export type Tree<V> = Readonly<Record<string, Readonly<Record<string, V>>>>;

const chunkOf = (id: string): string => id.slice(-5, -3);

export const emptyTree: Tree<never> = {};

export const lookUp = <V>(tree: Tree<V>, id: string): V | undefined => tree[chunkOf(id)]?.[id];

export const plant = <V>(tree: Tree<V>, id: string, value: V): Tree<V> => {
  const chunk = chunkOf(id);
  return { ...tree, [chunk]: { ...tree[chunk], [id]: value } };
};
