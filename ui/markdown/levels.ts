import type { Token } from 'marked';

const LOWEST = 6;

/**
 * The level of each heading of a message, for those who jump from one to the next: the page owns the first level, and
 * none is left out, wherever a message begins and however it skips. How large a heading looks is another matter. It
 * depends only on the headings before, so that a heading keeps its level while a message grows.
 */
export function headingLevels(tokens: readonly Token[]): readonly number[] {
  const above: number[] = [];
  return tokens.map((token) => {
    const depth: unknown = token.type === 'heading' && 'depth' in token ? token['depth'] : undefined;
    if (typeof depth !== 'number') return LOWEST;
    while ((above.at(-1) ?? 0) >= depth) above.pop();
    above.push(depth);
    return Math.min(above.length + 1, LOWEST);
  });
}
