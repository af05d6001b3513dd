import { type Dice, createDice } from '../simulation/dice.js';

/** What is done to a fleet. Three lanes at once: processes, workers that stand still, and what all stand on. */
export const kinds = {
  processes: ['kill a worker', 'kill a projector', 'kill a gateway', 'kill an assistant'],
  freezes: ['freeze a worker'],
  systems: [
    'kill a broker',
    'fail Postgres over',
    'cut all sockets',
    'restart Postgres',
    'flush Redis',
    'rebuild the core view',
  ],
} as const;

export type Lane = keyof typeof kinds;
export const lanes: readonly Lane[] = ['processes', 'freezes', 'systems'];
export type Kind = (typeof kinds)[Lane][number];

export type Fault = {
  readonly kind: Kind;
  /** How long to wait before it, in ms. */
  readonly after: number;
  /** How long it lasts, in ms, where it does not end by itself. */
  readonly lasts: number;
  /** Who it befalls, as a number that is taken modulo how many there are. */
  readonly whom: number;
};

/** A session of the group of workers lasts 6 s: who stands still for longer wakes up deposed. */
const FROZEN = [7_000, 9_000] as const;
/** Within one and a half sessions of a broker (3 s) it is sometimes missed, and sometimes not. */
const DOWN = [500, 5_000] as const;

/**
 * What befalls a fleet, without end: every kind once before any comes again, in an order, at times and to victims that
 * follow from the seed alone. When each really comes depends also on how long it takes to mend the one before.
 */
export function* planOf(seed: number, lane: Lane): Generator<Fault, never> {
  const dice = createDice(seed + 1_000_003 * lanes.indexOf(lane));
  for (;;) {
    for (const kind of shuffled(kinds[lane], dice)) {
      const [least, most] = kind === 'freeze a worker' ? FROZEN : DOWN;
      yield { kind, after: dice.int(500, 3_000), lasts: dice.int(least, most), whom: dice.int(0, 999) };
    }
  }
}

function shuffled<T>(items: readonly T[], dice: Dice): readonly T[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(dice.int(0, rest.length - 1), 1));
}
