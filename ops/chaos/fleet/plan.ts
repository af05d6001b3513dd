import { type Dice, createDice } from '../simulation/dice.js';

/**
 * What is done to a fleet. Four lanes at once: processes, workers that stand still, what all stand on, and moments that are
 * too short to be met by chance.
 */
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
  moments: [
    'kill a worker between flush and commit',
    'stop a worker between flush and commit',
    'evict during a flush',
    'kill an assistant between the end of a reply and its checkpoint',
  ],
} as const;

export type Lane = keyof typeof kinds;
export const lanes: readonly Lane[] = ['processes', 'freezes', 'systems', 'moments'];
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
/** A worker waits 5 s for its store. A flush that is held takes less than that, or more. */
const HELD = [2_000, 8_000] as const;
/** After up to 11 s without a sign of life another assistant takes over what one has left behind. Its reply takes 2 s. */
const MISSED = [14_000, 18_000] as const;
/** Within one and a half sessions of a broker (3 s) it is sometimes missed, and sometimes not. */
const DOWN = [500, 5_000] as const;

/**
 * What befalls a fleet, without end: every kind once before any comes again, in an order, at times and to victims that
 * follow from the seed alone. When each really comes depends also on how long it takes to mend the one before; a flush that
 * is aimed at is whoever's comes first.
 */
export function* planOf(seed: number, lane: Lane): Generator<Fault, never> {
  const dice = createDice(seed + 1_000_003 * lanes.indexOf(lane));
  for (;;) {
    for (const kind of shuffled(kinds[lane], dice)) {
      const after = dice.int(500, 3_000);
      yield { kind, after, lasts: dice.int(...durationOf(kind)), whom: dice.int(0, 999) };
    }
  }
}

function durationOf(kind: Kind): readonly [number, number] {
  switch (kind) {
    case 'freeze a worker':
    case 'stop a worker between flush and commit':
      return FROZEN;
    case 'evict during a flush':
      return HELD;
    case 'kill an assistant between the end of a reply and its checkpoint':
      return MISSED;
    default:
      return DOWN;
  }
}

function shuffled<T>(items: readonly T[], dice: Dice): readonly T[] {
  const rest = [...items];
  return items.flatMap(() => rest.splice(dice.int(0, rest.length - 1), 1));
}
