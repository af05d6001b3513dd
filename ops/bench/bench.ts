/** One figure of a bench beside its goal. `ok` is undefined where there is no goal. */
export type Figure = {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: string;
  readonly ok?: boolean;
};

/** A bench measures against a reference run beside it, in the same process and the same minute: ratios, not records. */
export type Bench = {
  readonly name: string;
  readonly about: string;
  run(report: (figure: Figure) => void): Promise<void>;
};

/** The value below which a share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);
