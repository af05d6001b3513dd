/** How much content is written at once, about, in characters of JSON: what is larger is written event by event. */
const MOST_CONTENT = 8_000_000;

/** The same items, cut where there are many of them, or where their content is large. */
export function sliced<T>(
  items: readonly T[],
  most: number,
  contentOf: (item: T) => unknown,
): readonly (readonly T[])[] {
  const slices: T[][] = [];
  let content = Infinity;
  for (const item of items) {
    const size = sizeOf(contentOf(item));
    if (content + size > MOST_CONTENT || slices.at(-1)?.length === most) {
      slices.push([]);
      content = 0;
    }
    content += size;
    slices.at(-1)?.push(item);
  }
  return slices;
}

/** About how many characters of JSON a value takes. To make its text would be a good part of what an event costs. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 5;
  let size = 2;
  for (const each of Object.values(value)) size += 10 + sizeOf(each);
  return size;
}
