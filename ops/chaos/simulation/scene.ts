import type { Clock } from './clock.js';
import type { Dice } from './dice.js';

/** How likely things go wrong, each time that they can. All zero once the storm is over. */
export type Weather = {
  /** An append is lost, late, doubled, slow, or lands without an answer. */
  readonly log: number;
  /** A read of the log is cut off. */
  readonly read: number;
  /** A command or its answer is lost, refused, or comes twice. */
  readonly net: number;
  /** The store of snapshots rejects or hangs. */
  readonly store: number;
  /** Something takes long. */
  readonly slow: number;
};

export const calm: Weather = { log: 0, read: 0, net: 0, store: 0, slow: 0 };

/** What happened in a world, in numbers. */
export type Counts = {
  commands: number;
  crashes: number;
  takeovers: number;
  lost: number;
  late: number;
  doubled: number;
  unanswered: number;
  redelivered: number;
  rolledBack: number;
};

export const noCounts = (): Counts => ({
  commands: 0,
  crashes: 0,
  takeovers: 0,
  lost: 0,
  late: 0,
  doubled: 0,
  unanswered: 0,
  redelivered: 0,
  rolledBack: 0,
});

/** What all parts of a world share. */
export type Scene = {
  readonly dice: Dice;
  readonly clock: Clock;
  weather: Weather;
  readonly counts: Counts;
  /** Writes a line of the trace. */
  tell(who: string, what: string): void;
};

/** How long something takes that asks another machine, in ms. */
export const pace = ({ dice, weather }: Scene): number =>
  dice.chance(weather.slow) ? dice.int(100, 4_000) : dice.int(1, 8);
