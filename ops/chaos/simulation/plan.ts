import type { Limits } from '../../../commands/worker/limits.js';
import type { ChannelRules } from './channel.js';
import type { Dice } from './dice.js';
import type { Weather } from './scene.js';

/** What a seed draws of its world before anything happens. */
export type Plan = {
  readonly partitions: number;
  readonly workers: number;
  readonly reactors: number;
  readonly people: number;
  readonly devices: number;
  readonly wishes: number;
  /** Whether somebody has a conversation so long that it is kept in chunks. */
  readonly past: boolean;
  readonly weather: Weather;
  readonly limits: Limits;
  readonly channel: ChannelRules;
  /** How long things go wrong, in ms. */
  readonly storm: number;
  /** How long it is between two blows of the storm, in ms, at most. */
  readonly gap: number;
  /** How far clocks differ, in ms, at most. */
  readonly skew: number;
};

export function drawPlan(dice: Dice): Plan {
  const rate = (...rates: readonly [number, ...number[]]): number => dice.pick(rates);
  return {
    partitions: dice.int(1, 4),
    workers: dice.int(2, 3),
    reactors: dice.int(1, 2),
    people: dice.int(2, 4),
    devices: dice.int(3, 8),
    wishes: dice.int(3, 7),
    past: dice.chance(0.1),
    weather: {
      log: rate(0, 0.05, 0.2, 0.4),
      read: rate(0, 0, 0.01),
      net: rate(0, 0.03, 0.15),
      store: rate(0, 0.05, 0.25),
      slow: rate(0, 0.02, 0.1),
    },
    limits: {
      room: dice.pick([2_000, 20_000, 8 << 20]),
      flush: dice.pick([1_000, 10_000, 2 << 20]),
      full: dice.pick([20_000, 16 << 20]),
    },
    channel: {
      resume: dice.pick(['committed', 'covered']),
      batch: dice.pick([1, 3, 20, 500]),
      commits: rate(0.1, 0.5, 1),
    },
    storm: dice.int(8_000, 40_000),
    gap: dice.pick([1_000, 4_000, 15_000]),
    skew: dice.pick([0, 500, 2_400]),
  };
}
