export type BackOff = {
  /** The wait before the second try, in ms, on average. Each is twice as long as the one before it. */
  readonly first: number;
  readonly longest: number;
};

/**
 * How long to wait after so many tries, in ms: longer each time, so that what is overloaded is not loaded further, and
 * never equally long, so that those who were refused together do not come back together. `random` gives random bytes.
 */
export function backOff(
  tries: number,
  random: (bytes: number) => Uint8Array,
  { first, longest }: BackOff = { first: 50, longest: 5_000 },
): number {
  const even = Math.min(longest, first * 2 ** (tries - 1));
  return even * (0.5 + (random(1)[0] ?? 0) / 255);
}
