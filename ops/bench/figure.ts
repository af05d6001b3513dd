/** One figure of a bench, beside its goal where it has one. */
export type Figure = {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: number;
  /** Which side of the goal is good. */
  readonly better?: 'higher' | 'lower';
};

/**
 * A bench measures against a reference run beside it, on the same machine in the same minute: ratios, not records. `scale`
 * is the share of the work to do, above 0 and up to 1: with less of it the figures are rougher, and say less of what is large.
 */
export type Bench = { readonly about: string; readonly run: (scale: number) => Promise<readonly Figure[]> };

/** So many things at a scale, at least one. */
export const scaled = (count: number, scale: number): number => Math.max(1, Math.round(count * scale));

/** Whether a figure reaches its goal; undefined where there is none. */
export const reaches = ({ value, goal, better }: Figure): boolean | undefined =>
  goal === undefined ? undefined : better === 'lower' ? value <= goal : value >= goal;

/** The value below which a share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
