import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Everything that happens by chance in a world comes from one pair of dice, and so from its seed. */
export type Dice = {
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  /** True once in `1 / probability` times. */
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
  /** One of some things, if there are any. */
  among<T>(from: readonly T[]): T | undefined;
  bytes(count: number): Uint8Array;
};

export function createDice(seed: number): Dice {
  const generator = xoroshiro128plus(seed);
  const int = (low: number, high: number): number => uniformInt(generator, low, high);
  return {
    int,
    chance: (probability) => int(0, 999_999) < probability * 1_000_000,
    pick: (from) => from[int(0, from.length - 1)] ?? from[0],
    among: (from) => (from.length === 0 ? undefined : from[int(0, from.length - 1)]),
    bytes: (count) => Uint8Array.from({ length: count }, () => int(0, 255)),
  };
}
